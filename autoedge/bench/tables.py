"""Tables and JSON from outside: read whole, every value checked, each fault told with its file and row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.meters.columns import check_names, check_numbers, read_csv
from autoedge.meters.spec import LARGEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = dict[str, NDArray[np.float64]]

TABLES = (".csv", ".parquet")


def read_table(path: Path, needed: Sequence[str], also: Sequence[str] = ()) -> Columns:
    """Columns of numbers of a CSV or Parquet file; what is missing in a cell is NaN.

    Args:
        path: The file.
        needed: Names of columns that must be there.
        also: Names of columns that are read where they are there.

    Raises:
        DataError: It is none; says in which row, counted from 1 below the names.
    """
    readers = dict(zip(TABLES, (read_csv, _read_parquet), strict=True))
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: a table is a .csv or .parquet file")
    try:
        return readers[path.suffix.lower()](path, needed, also)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _read_parquet(path: Path, needed: Sequence[str], also: Sequence[str]) -> Columns:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_names(names, needed)
            wanted = [name for name in (*needed, *also) if name in names]
            table = file.read(columns=wanted)
            return {name: _numbers(name, table.column(name)) for name in wanted}
    except pa.ArrowException as error:
        raise ValueError(f"is no parquet table: {' '.join(str(error).split())}") from error


def _numbers(name: str, column: Any) -> NDArray[np.float64]:
    import pyarrow as pa

    if not any(is_one(column.type) for is_one in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)):
        raise ValueError(f"'{name}' is a column of numbers, but holds {column.type}")
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())


def sound(columns: Columns, name: str, path: Path, largest: float = LARGEST) -> NDArray[np.float64]:
    """A column with one number at least, none of which is missing or beyond all measure.

    Raises:
        DataError: It is none; says in which row.
    """
    if not columns[name].size:
        raise DataError(f"{path}: holds no samples")
    try:
        check_numbers(name, columns[name], largest)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return columns[name]


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
