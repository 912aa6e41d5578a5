"""Files of unknown origin: small ones that unpack to a lot are refused before they do."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autoedge.campaign import reading
from autoedge.campaign.reading import read_rows
from autoedge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, rows: int, **columns: Any) -> Path:
    """A Parquet file in which what repeats is coded by numbers; a column is given by its value in all rows."""
    with pq.ParquetWriter(path, pa.schema({k: v.type for k, v in columns.items()}), compression="zstd") as writer:
        for _ in range(rows // 1000):
            writer.write_table(
                pa.table({name: pa.array([one.as_py()] * 1000, one.type) for name, one in columns.items()})
            )
    return path


def test_a_long_text_that_repeats_is_not_unpacked(tmp_path: Path) -> None:
    """200 kB of text in each of 20,000 rows would take 4 GB; the file is small, and so is what reading it takes."""
    path = write(tmp_path / "t.parquet", 20_000, junk=pa.scalar("x" * 200_000), n=pa.scalar(1))
    assert path.stat().st_size < 500_000
    before = pa.default_memory_pool().max_memory()
    tracemalloc.start()
    with pytest.raises(
        DataError, match=r"t.parquet: column junk: a text has at most 10,000 bytes, but one has 200,000"
    ):
        read_rows(path)
    taken = tracemalloc.get_traced_memory()[1] + pa.default_memory_pool().max_memory() - before
    tracemalloc.stop()
    assert taken < 200e6


def test_texts_count_in_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are short enough may still be too much together."""
    path = write(tmp_path / "t.parquet", 2000, junk=pa.scalar("x" * 9000), n=pa.scalar(1))
    assert len(read_rows(path).frame) == 2000
    monkeypatch.setattr(reading, "MOST_BYTES", 17_000_000)
    with pytest.raises(DataError, match="column junk: all texts have at most 17,000,000 bytes, but these 18,000,000"):
        read_rows(path)


def test_pages_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says of its unpacked size is looked at before it is unpacked."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"n": np.zeros(100_000)}), path, compression="zstd", use_dictionary=False)
    monkeypatch.setattr(reading, "MOST_BYTES", 100_000)
    with pytest.raises(DataError, match=r"unpacks to at most 100,000 bytes, but this to 8\d\d,\d\d\d"):
        read_rows(path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_cells_and_columns_are_counted_first(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In either format."""
    frame, path = pd.DataFrame({"a": range(10), "b": range(10)}), tmp_path / name
    frame.to_csv(path, index=False) if name == "t.csv" else frame.to_parquet(path)
    monkeypatch.setattr(reading, "MOST_CELLS", 19)
    with pytest.raises(DataError, match="rows times columns are at most 19, but got 2"):
        read_rows(path)
    monkeypatch.setattr(reading, "MOST_COLUMNS", 1)
    with pytest.raises(DataError, match="at most 1 columns, but got 2"):
        read_rows(path)


def test_columns_of_every_plain_type(tmp_path: Path) -> None:
    """Numbers, truth values, dates, and text come as what they are, however they are coded; the rest is named."""
    columns = {
        "word": pa.array(["a", None, "b"]),
        "coded": pa.array(["x", "y", "x"]).dictionary_encode(),
        "number": pa.array([3, 1, 3]).dictionary_encode(),
        "price": pa.array([Decimal("1.50"), None, Decimal("2.25")]),
        "flag": pa.array([True, False, True]),
        "half": pa.array(np.array([1, 2, 3], dtype=np.float16)),
        "bytes": pa.array([b"a", b"b", b"c"]),
        "list": pa.array([[1], [2], []]),
        "parts": pa.array([{"a": 1}] * 3),
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    read = read_rows(path)
    assert read.left_out == ("bytes", "list", "parts")
    assert read.frame["word"].tolist()[::2] == ["a", "b"]
    assert read.frame["word"].isna().tolist() == [False, True, False]
    assert read.frame["coded"].tolist() == ["x", "y", "x"]
    assert read.frame["number"].tolist() == [3, 1, 3]
    assert read.frame["price"].tolist()[::2] == [1.5, 2.25]
    assert read.frame["flag"].dtype == bool
    assert read.frame["half"].tolist() == [1, 2, 3]


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    """A name means one column."""
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t.parquet: two columns are named a"):
        read_rows(tmp_path / "t.parquet")
