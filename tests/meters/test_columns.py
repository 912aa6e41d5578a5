"""The one reader of CSV: columns of numbers by name, or the line that is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.meters.columns import read_csv

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("time_s", "power_w")


def _file(place: Path, text: str | bytes) -> Path:
    path = place / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_by_name(tmp_path: Path) -> None:
    """Blanks, quotes, empty lines, a byte order mark and other columns change nothing; an empty cell is NaN."""
    text = '\ufefftime_s, note ,"power_w", volts\r\n0, a ,5.0,\r\n\r\n 1e0 ,"b, c", 6,3.3\r\n'
    found = read_csv(_file(tmp_path, text), NAMES, ("volts", "amps"))
    assert list(found) == ["time_s", "power_w", "volts"]
    assert found["time_s"].tolist() == [0.0, 1.0]
    assert found["power_w"].tolist() == [5.0, 6.0]
    assert np.isnan(found["volts"][0])
    assert found["volts"][1] == 3.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s,power_w\n9000,0.1,5.0\n8999,0.2,5.0\n", "line 2 has 3 cells, but the first line names 2 columns"),
        ("time_s,power_w\n0,1\n\n2\n", "line 4 has 1 cell, but the first line names 2 columns"),
        ("time_s,power_w,\n0,1\n", "line 2 has 2 cells, but the first line names 3 columns"),
        ("time_s,power_w, power_w\n0,1,2\n", "names the column 'power_w' twice"),
        ("time_s,power_w\n0,1\n1,a lot\n", "row 2: 'power_w' is a number, but got 'a lot'"),
        ("time_s,power_w\n0,1_5\n", "row 1: 'power_w' is a number, but got '1_5'"),
        ("time_s,watts\n0,1\n", "has no column 'power_w'; there are time_s, watts"),
        ("", "has no column 'time_s'; there are none"),
        ('time_s,power_w\n0,"1\n', "line 2: unexpected end of data"),
        (b"time_s,power_w\n\xff,1\n", "'utf-8' codec"),
        ("time_s,power_w\n0," + "1" * 200_000 + "\n", "line 2: field larger than field limit"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    """Uneven rows, doubled names, words among numbers and broken files are refused with the place."""
    with pytest.raises(ValueError, match=message):
        read_csv(_file(tmp_path, text), NAMES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.integers(0, 30), st.sampled_from([",", ",7"]))
def test_every_number_comes_back(tmp_path: Path, rows: list[tuple[float, float]], place: int, more: str) -> None:
    """What was written is read, bit by bit; one more cell in any row is refused with its line."""
    lines = ["time_s,power_w", *(f"{time!r},{power!r}" for time, power in rows)]
    found = read_csv(_file(tmp_path, "\n".join(lines)), NAMES)
    for column, written in zip(found.values(), zip(*rows, strict=True), strict=False):
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(column, written, strict=True))
    if rows:
        line = 1 + place % len(rows)
        lines[line] += more
        with pytest.raises(ValueError, match=f"line {line + 1} has 3 cells"):
            read_csv(_file(tmp_path, "\n".join(lines)), NAMES)
