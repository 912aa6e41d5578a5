"""Tables and JSON from outside: read whole, every value checked, each fault told with its file and row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

TABLES = (".csv", ".parquet")


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file.

    Raises:
        DataError: It is none.
    """
    import pandas as pd

    if path.suffix.lower() not in TABLES:
        raise DataError(f"{path}: a table is a .csv or .parquet file")
    try:
        return pd.read_csv(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: is no {path.suffix[1:]} table: {' '.join(str(error).split())}") from error


def column(table: pd.DataFrame, name: str, path: Path) -> NDArray[np.float64]:
    """A column of finite numbers, one at least.

    Raises:
        DataError: It is missing, empty, or holds something else; says in which row, counted from 1.
    """
    import pandas as pd

    if name not in table.columns:
        there = ", ".join(map(str, table.columns[:8])) or "none"
        raise DataError(f"{path}: has no column '{name}'; there are {there}")
    if not len(table):
        raise DataError(f"{path}: holds no samples")
    series = table[name]
    if not isinstance(series, pd.Series) or series.dtype.kind in "mMcb":
        raise DataError(f"{path}: '{name}' is one column of numbers")
    values = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        raise DataError(f"{path}: '{name}' holds no finite number in row {row + 1}: {series.iloc[row]!s:.40}")
    return values


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        DataError: It is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON: {error}") from error
