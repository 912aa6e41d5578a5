"""Rows are found by their level numbers, and others by what they have in common."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.space.lookup import Lookup


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[int, ...]], list[int]]:
    """Distinct rows in any order, and the sizes of their columns, some of them far beyond 64 bits together."""
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 5, 2**20, 2**31 - 1]), min_size=1, max_size=6))
    row = st.tuples(*(st.integers(0, min(size, 4) - 1) | st.integers(0, size - 1) for size in sizes))
    return draw(st.lists(row, min_size=1, max_size=40, unique=True)), sizes


def _lookup(rows: list[tuple[int, ...]], sizes: list[int]) -> Lookup:
    return Lookup(np.array(rows, dtype=np.int32).reshape(len(rows), len(sizes)), sizes)


@settings(max_examples=200)
@given(table=tables(), data=st.data())
def test_rows_are_found_and_nothing_else(table: tuple[list[tuple[int, ...]], list[int]], data: st.DataObject) -> None:
    """Every row is found at its place; level numbers that no row has are not, however many combinations there are."""
    rows, sizes = table
    lookup = _lookup(rows, sizes)
    assert lookup.repeated == 0
    assert [lookup.find(row) for row in rows] == list(range(len(rows)))
    other = data.draw(st.tuples(*(st.integers(0, size - 1) for size in sizes)))
    assert lookup.find(other) == (rows.index(other) if other in rows else None)


@settings(max_examples=200)
@given(table=tables(), data=st.data())
def test_near_keeps_the_levels_that_it_can(table: tuple[list[tuple[int, ...]], list[int]], data: st.DataObject) -> None:
    """A row that is there is found; of another, a level is given up only where the levels before it leave no choice."""
    rows, sizes = table
    wanted = [data.draw(st.tuples(*(st.integers(0, size - 1) for size in sizes))), rows[0]]
    found = _lookup(rows, sizes).near(np.array(wanted).reshape(2, len(sizes)), np.random.default_rng(0))
    assert found[1] == 0
    left = rows
    for column, level in enumerate(wanted[0]):
        kept = [row for row in left if row[column] == level]
        left = kept or [row for row in left if row[column] == rows[found[0]][column]]
    assert left == [rows[found[0]]]


def test_what_cannot_be_kept_is_drawn() -> None:
    """A knob that begins to apply gets any of its levels."""
    rows = [(0, 0), (1, 1), (1, 2), (1, 3)]
    lookup = _lookup(rows, [2, 4])
    found = lookup.near(np.array([[1, 0]] * 50), np.random.default_rng(0))
    assert set(found.tolist()) == {1, 2, 3}


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_repeated_rows_are_counted(sizes: list[int], seed: int) -> None:
    """Each further copy of a row counts, in any order of the rows."""
    rows = list(itertools.product(*(range(size) for size in sizes)))
    shuffled = np.random.default_rng(seed).permutation(np.array(rows + rows[: len(rows) // 2 + 1]))
    assert Lookup(shuffled, sizes).repeated == len(rows) // 2 + 1


def test_nothing_is_near_nothing() -> None:
    """A table without rows finds none, and says so where one is asked for."""
    lookup = Lookup(np.zeros((0, 2), np.int32), [2, 2])
    assert lookup.find([0, 0]) is None
    with pytest.raises(ValueError, match="without rows"):
        lookup.near(np.zeros((1, 2), np.int32), np.random.default_rng(0))
