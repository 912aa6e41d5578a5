"""What a sampler looks at in a pool, and how it sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.search.domain import MOST_CANDIDATES, PoolDomain
from autoedge.search.pool import Grid
from autoedge.surrogate.encoding import encode

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def large(make_pool: Callable[..., Any]) -> Grid:
    """Five models, a precision that brings a second knob with it, and numbers: 15,120 candidates with features."""
    levels = {
        "model": tuple("abcde"),
        "precision": ("fp32", "fp16", "int8"),
        "calibration": ("none", "minmax", "entropy"),
        "batch": (1, 2, 4, 8, 16, 32, 64),
        "threads": tuple(range(1, 13)),
        "size": tuple(range(96, 224, 16)),
    }

    def keep(codes: np.ndarray) -> np.ndarray:
        return codes[(codes[:, 1] == 2) == (codes[:, 2] > 0)]

    table = np.random.default_rng(0).lognormal(size=(5, 3))
    pool = make_pool(levels, ("model", "precision", "calibration"), keep)
    pool.known = (("f0", "f1", "f2"), table[pool.codes[:, 0]])
    return Grid(pool)


def test_what_is_encoded_is_the_same_in_part(large: Grid) -> None:
    """Some candidates are encoded as they would be among all, to single precision for the features."""
    whole = encode(large.units, large.categories, large.pool.features()[1])
    rows = np.random.default_rng(0).integers(len(large), size=100)
    part = PoolDomain(large).encoded(rows)
    assert (part.groups == whole.groups).all()
    assert np.allclose(part.matrix, whole.matrix[rows], rtol=0, atol=1e-6)


def test_a_small_pool_is_looked_at_whole(pool: Any) -> None:
    """All open and unknown candidates, and all of them where none is left; encoded exactly."""
    grid = Grid(pool)
    domain = PoolDomain(grid)
    rng = np.random.default_rng(0)
    open_ = np.arange(len(grid)) % 5 != 0
    with grid.only(open_):
        assert domain.candidates([1, 2], [1], rng).tolist() == [i for i in np.flatnonzero(open_) if i not in (1, 2)]
    assert len(domain.candidates(range(len(grid)), [], rng)) == len(grid)
    whole = encode(grid.units, grid.categories, np.zeros((len(grid), 0)))
    assert (domain.encoded(np.arange(len(grid))).matrix == whole.matrix).all()


def test_knobs_that_are_alike_are_counted(make_pool: Callable[..., Any]) -> None:
    """The counts of a part are scaled as among all, and stand behind the features."""
    levels = {"size": (1, 2, 3), **{f"edge{i}": ("conv", "pool", "none") for i in range(3)}}
    features = (("macs",), np.random.default_rng(0).random((81, 1)))
    grid = Grid(make_pool(levels, tuple(levels)[1:], features=features))
    whole = encode(grid.units, grid.categories, features[1], [[1, 2, 3]])
    part = PoolDomain(grid).encoded([3, 40, 7])
    assert (part.matrix == whole.matrix[[3, 40, 7]]).all()
    assert (part.groups == whole.groups).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_large_pool_is_looked_at_in_part(large_once: Grid, seed: int) -> None:
    """As many as promised, none closed or known, none twice; all that lie one level from one of the best among them."""
    rng = np.random.default_rng(seed)
    best = rng.integers(len(large_once), size=3)
    known = [*best, *rng.integers(len(large_once), size=30)]
    open_ = rng.random(len(large_once)) < 0.9
    with large_once.only(open_):
        rows = PoolDomain(large_once).candidates(known, best, rng)
    assert MOST_CANDIDATES // 2 <= len(rows) <= MOST_CANDIDATES
    assert len(set(rows.tolist())) == len(rows)
    assert open_[rows].all()
    assert not set(rows.tolist()) & set(np.array(known).tolist())
    away = {
        row
        for centre in best
        for row in np.flatnonzero((large_once.codes != large_once.codes[centre]).sum(axis=1) == 1)
        if open_[row] and row not in known
    }
    assert away <= set(rows.tolist())


@pytest.fixture(scope="module")
def large_once() -> Grid:
    """A product of four knobs: 10,000 candidates."""
    from autoedge.space.columns import Knob

    class Product:
        def __init__(self) -> None:
            self.knobs = {f"k{i}": Knob(f"k{i}", tuple(range(10)), ordered=i > 1) for i in range(4)}
            self.codes = np.indices((10,) * 4).reshape(4, -1).T

        def features(self) -> tuple[tuple[str, ...], np.ndarray]:
            return (), np.zeros((10_000, 0))

    return Grid(Product())


def test_a_knob_that_begins_to_apply_is_varied(large: Grid) -> None:
    """From a best point without calibration, static precision is looked at with each way to calibrate it."""
    start = large.find(
        {"model": "a", "precision": "fp32", "calibration": "none", "batch": 4, "threads": 3, "size": 128}
    )
    assert start is not None
    rows = PoolDomain(large).candidates([start], [start], np.random.default_rng(0))
    same = (large.codes[rows][:, [0, 3, 4, 5]] == large.codes[start][[0, 3, 4, 5]]).all(axis=1)
    seen = {(large.params(int(row))["precision"], large.params(int(row))["calibration"]) for row in rows[same]}
    assert ("fp16", "none") in seen
    assert len([pair for pair in seen if pair[0] == "int8"]) >= 1


def test_a_seed_repeats(large: Grid) -> None:
    """The same seed looks at the same candidates."""
    first, second = (PoolDomain(large).candidates([5], [5, 9], np.random.default_rng(3)) for _ in range(2))
    assert (first == second).all()
