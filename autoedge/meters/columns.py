"""Columns of numbers from files: one strict reader of CSV, and what the columns of a recorded trace must be."""

from __future__ import annotations

import csv
import math
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.meters.spec import LARGEST, SHORTEST_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def read_csv(path: Path, needed: Sequence[str], also: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Columns of a CSV file as float64; an empty cell is NaN.

    The first line names the columns. Blanks around names and cells and empty lines mean nothing; other columns may
    hold anything. Rows of another length than the first line are refused: nobody knows which column their cells
    belong to.

    Args:
        path: The file, in UTF-8.
        needed: Names of columns that must be there.
        also: Names of columns that are read where they are there.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no such file; names the line of the file, or the row, counted from 1 below the names.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            names = [name.strip() for name in next(lines, [])]
            check_names(names, needed)
            columns = {name: array("d") for name in (*needed, *also) if name in names}
            taken = [(name, names.index(name), column) for name, column in columns.items()]
            for row, cells in enumerate(_even(lines, len(names)), 1):
                for name, place, column in taken:
                    column.append(_number(cells[place], name, row))
        except csv.Error as error:
            raise ValueError(f"line {lines.line_num}: {error}") from error
    return {name: np.array(column) for name, column in columns.items()}


def _even(lines: Any, width: int) -> Iterator[list[str]]:
    for cells in lines:
        if len(cells) == width:
            yield cells
        elif cells:
            many = "cell" if len(cells) == 1 else "cells"
            raise ValueError(f"line {lines.line_num} has {len(cells)} {many}, but the first line names {width} columns")


def _number(cell: str, name: str, row: int) -> float:
    try:
        if "_" not in cell:  # Python takes 1_5 for 15
            return float(cell)
    except ValueError:
        if not cell.strip():
            return math.nan
    raise ValueError(f"row {row}: '{name}' is a number, but got {cell!r:.40}")


def check_names(names: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a table that names a column twice, or lacks one.

    Raises:
        ValueError: It does; says which.
    """
    twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
    if twice is not None:
        raise ValueError(f"names the column {twice!r:.40} twice")
    missing = next((name for name in needed if name not in names), None)
    if missing is not None:
        raise ValueError(f"has no column '{missing}'; there are {', '.join(names[:8]) or 'none'}")


def check_numbers(name: str, values: np.ndarray, largest: float = LARGEST, *, gaps: bool = False) -> None:
    """Refuse numbers that no instrument gives; they would overflow further on.

    Args:
        name: Of the column.
        values: Its numbers.
        largest: That any may be, either way.
        gaps: Whether NaN is a value that is missing; otherwise it is refused.

    Raises:
        ValueError: There is one; names the row.
    """
    right = np.abs(values) <= largest
    bad = np.flatnonzero(~(right | np.isnan(values) if gaps else right))
    if bad.size:
        row = int(bad[0])
        raise ValueError(f"row {row + 1}: '{name}' is a number within +/- {largest:g}, but got {values[row]:g}")


def check_times(time_s: np.ndarray) -> None:
    """Refuse the times of what is no trace: they never fall, and end after they began.

    Samples that arrived together may have one time.

    Raises:
        ValueError: They are none; names the row.
    """
    if time_s.size < 2:  # noqa: PLR2004 - the integral takes two
        raise ValueError(f"a trace has two samples at least, but this one has {time_s.size}")
    check_numbers("time_s", time_s)
    back = np.flatnonzero(np.diff(time_s) < 0)
    if back.size:
        raise ValueError(f"row {int(back[0]) + 2}: time_s goes backwards; sort the samples by time")
    if time_s[-1] - time_s[0] < SHORTEST_S:
        raise ValueError("all samples have the same time_s")


def usual_step_s(time_s: np.ndarray) -> float:
    """Time from one sample to the next: the median of those that are not 0, as a ``MeterSpec`` takes it."""
    steps = np.diff(time_s)
    return float(np.clip(np.median(steps[steps > 0]), SHORTEST_S, LARGEST))
