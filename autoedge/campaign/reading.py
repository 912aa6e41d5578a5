"""Read a table from a file of unknown origin: a small damaged or hostile one can unpack to any size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pyarrow as pa

MOST_BYTES = 2**30
"""Of a file, of what its pages unpack to, and of the texts of all rows."""
MOST_CELLS = 50_000_000
MOST_COLUMNS = 10_000
MOST_TEXT_BYTES = 10_000
"""Of one text."""
_UNKNOWN = ("", "NA", "N/A", "nan", "NaN", "null", "None")
_BLOCK = 2**24
_NAMELESS = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class Read:
    """A table.

    Attributes:
        frame: Numbers, truth values, dates and text; its index counts the rows.
        left_out: Columns of a Parquet file that hold something else, such as lists.
    """

    frame: pd.DataFrame
    left_out: tuple[str, ...] = ()


def read_rows(path: Path, texts: Collection[str] | None = None) -> Read:
    """Read a .csv or .parquet file.

    Args:
        path: Of the file.
        texts: Columns that are text as it stands in a .csv file, ``None`` and ``01`` too; elsewhere in it such words
            mean unknown. None to find out from what all columns hold.

    Raises:
        DataError: It cannot be read, or is too large once it is unpacked.
    """
    try:
        _check_bytes(path)
        return Read(_csv(path, texts)) if path.suffix == ".csv" else _parquet(path)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: the rows cannot be read ({error.strerror or error})") from error
    except Exception as error:  # pandas and pyarrow raise many kinds on damaged files
        raise DataError(f"{path}: the rows cannot be read ({' '.join(str(error).split())[:200]})") from error


def _check_bytes(path: Path) -> None:
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise DataError(f"{path}: a table has at most {MOST_BYTES:,} bytes, but this has {size:,}")


def _csv(path: Path, texts: Collection[str] | None) -> pd.DataFrame:
    with path.open("rb") as file:
        columns = file.readline().count(b",") + 1
        cells = columns
        while block := file.read(_BLOCK):
            cells += block.count(b",") + block.count(b"\n")
    _check_size(path, cells, columns)
    if texts is None:
        return pd.read_csv(path, low_memory=False, encoding="utf-8-sig")
    header = pd.read_csv(path, nrows=0).columns
    unknown = {name: [""] if name in texts else list(_UNKNOWN) for name in header}
    return pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=unknown)


def _parquet(path: Path) -> Read:
    from pyarrow import types
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        about, schema = file.metadata, file.schema_arrow
        _check_size(path, about.num_rows * about.num_columns, about.num_columns)
        unpacked = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        if unpacked > MOST_BYTES:
            raise DataError(f"{path}: a table unpacks to at most {MOST_BYTES:,} bytes, but this to {unpacked:,}")
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if twice:
            raise DataError(f"{path}: two columns are named {twice[0]}")
        plain = [field for field in schema if _is_plain(field.type) and not _NAMELESS.fullmatch(field.name)]
        words = [field.name for field in plain if _is_text(field.type)]
    # every text once, and a number for each row: what repeats a long one is not unpacked
    with ParquetFile(path, read_dictionary=words) as file:
        table = file.read([field.name for field in plain])
    for name in words:
        _check_texts(path, name, table[name])
    for place, field in enumerate(table.schema):
        if types.is_decimal(field.type) or (types.is_dictionary(field.type) and field.name not in words):
            kind = "float64" if types.is_decimal(field.type) else field.type.value_type
            table = table.set_column(place, field.name, table[field.name].cast(kind))
    frame = table.to_pandas(ignore_metadata=True, date_as_object=False)
    for name in words:
        frame[name] = frame[name].astype(object)  # shares the texts
    kept = {field.name for field in plain}
    return Read(frame, tuple(name for name in schema.names if name not in kept and not _NAMELESS.fullmatch(name)))


def _check_size(path: Path, cells: int, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise DataError(f"{path}: a table has at most {MOST_COLUMNS:,} columns, but got {columns:,}")
    if cells > MOST_CELLS:
        raise DataError(f"{path}: rows times columns are at most {MOST_CELLS:,}, but got {cells:,}")


def _check_texts(path: Path, name: str, column: pa.ChunkedArray) -> None:
    from pyarrow import compute

    total = 0
    for chunk in column.chunks:
        lengths = compute.binary_length(chunk.dictionary)
        longest = compute.max(lengths).as_py() or 0
        if longest > MOST_TEXT_BYTES:
            raise DataError(
                f"{path}: column {name}: a text has at most {MOST_TEXT_BYTES:,} bytes, but one has {longest:,}"
            )
        total += compute.sum(lengths.take(chunk.indices)).as_py() or 0
    if total > MOST_BYTES:
        raise DataError(f"{path}: column {name}: all texts have at most {MOST_BYTES:,} bytes, but these {total:,}")


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(value) or types.is_large_string(value))


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    of_numbers = types.is_primitive(value) or types.is_decimal(value) or types.is_null(value)
    return bool(of_numbers or _is_text(value))
