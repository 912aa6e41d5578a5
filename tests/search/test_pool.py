"""A pool as Optuna sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autoedge.errors import SpaceError
from autoedge.search.pool import Grid
from autoedge.search.repair import distributions

if TYPE_CHECKING:
    from collections.abc import Callable


def test_knobs_become_the_distributions_they_look_like(make_pool: Callable[..., Any]) -> None:
    """Evenly spaced, geometric and uneven numbers, fractions and choices are told apart."""
    levels = {
        "model": ("a", "b"),
        "batch": (1, 2, 4, 8),
        "threads": (2, 4, 6, 8),
        "size": (1, 3, 4),
        "one": (7,),
        "ratio": (0.1, 0.2, 0.3),
        "rate": (0.01, 0.1, 1.0),
    }
    assert distributions(make_pool(levels)) == {
        "model": CategoricalDistribution(("a", "b")),
        "batch": IntDistribution(1, 8, log=True),
        "threads": IntDistribution(2, 8, step=2),
        "size": IntDistribution(1, 4),
        "one": IntDistribution(7, 7),
        "ratio": FloatDistribution(0.1, 0.3),
        "rate": FloatDistribution(0.01, 1.0, log=True),
    }


def test_candidates_and_parameters_are_one_to_one(pool: Any) -> None:
    """Every candidate is found again by its parameters, and nothing else is found."""
    grid = Grid(pool)
    assert [grid.find(grid.params(candidate)) for candidate in range(len(grid))] == list(range(len(grid)))
    assert grid.find({**grid.params(0), "threads": 99}) is None
    assert grid.find({"model": "a"}) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.data())
def test_the_nearest_free_candidate_is_nearest(pool: Any, data: st.DataObject) -> None:
    """No free candidate is nearer by Gower's distance, and the one given back is free."""
    grid = Grid(pool)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    free = rng.random(len(grid)) < 0.3
    free[data.draw(st.integers(0, len(grid) - 1))] = True
    wanted = data.draw(st.integers(0, len(grid) - 1))
    found = grid.nearest(grid.params(wanted), free, rng)
    distances = grid.distances(grid.units[wanted], np.arange(len(grid)))
    assert free[found]
    assert distances[found] == pytest.approx(distances[free].min())
    assert distances[wanted] == 0
    assert (np.delete(distances, wanted) > 0).all()


@st.composite
def random_pools(draw: st.DrawFn) -> tuple[dict[str, tuple[Any, ...]], list[str], np.ndarray]:
    """Levels by knob, which of them have no order, and some of their combinations in any order."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    choices = [f"k{i}" for i in range(len(sizes)) if draw(st.booleans())]
    start = draw(st.integers(1, 3))
    levels = {
        f"k{i}": tuple("abcde"[:size]) if f"k{i}" in choices else tuple(start * 2**j for j in range(size))
        for i, size in enumerate(sizes)
    }
    rows = draw(st.lists(st.tuples(*(st.integers(0, size - 1) for size in sizes)), min_size=1, unique=True))
    return levels, choices, np.array(rows).reshape(len(rows), len(sizes))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(made=random_pools(), data=st.data())
def test_any_pool_is_searched_as_by_brute_force(
    make_pool: Callable[..., Any], made: tuple[dict[str, tuple[Any, ...]], list[str], np.ndarray], data: st.DataObject
) -> None:
    """Parameters and candidates are one to one, and the nearest free candidate is nearest, whatever the pool."""
    levels, choices, codes = made
    grid = Grid(make_pool(levels, choices, lambda _: codes))
    rows = codes.tolist()
    assert [grid.find(grid.params(row)) for row in range(len(grid))] == list(range(len(grid)))
    wanted = [data.draw(st.integers(0, len(values) - 1)) for values in levels.values()]
    params = {name: values[code] for (name, values), code in zip(levels.items(), wanted, strict=True)}
    assert grid.find(params) == (rows.index(wanted) if wanted in rows else None)

    def far(row: list[int]) -> float:
        gaps = [
            float(code != level) if name in choices else abs(code - level) / max(len(values) - 1, 1)
            for (name, values), code, level in zip(levels.items(), row, wanted, strict=True)
        ]
        return sum(gaps)

    free = np.array([data.draw(st.booleans()) for _ in rows])
    free[data.draw(st.integers(0, len(rows) - 1))] = True
    found = grid.nearest(params, free, np.random.default_rng(0))
    assert free[found]
    assert far(rows[found]) == pytest.approx(min(far(row) for row, one in zip(rows, free, strict=True) if one))


def test_numbers_between_levels_are_repaired_by_rank(make_pool: Callable[..., Any]) -> None:
    """Batch 6 lies nearer to 8 than to 4 on its logarithmic scale, batch 5 nearer to 4."""
    grid = Grid(make_pool({"batch": (1, 2, 4, 8)}))
    free = np.ones(4, dtype=bool)
    rng = np.random.default_rng(0)
    assert grid.params(grid.nearest({"batch": 6}, free, rng)) == {"batch": 8}
    assert grid.params(grid.nearest({"batch": 5}, free, rng)) == {"batch": 4}


def test_ties_are_drawn(make_pool: Callable[..., Any]) -> None:
    """Of equally near candidates each is chosen now and then."""
    grid = Grid(make_pool({"model": ("a", "b", "c")}))
    free = np.array([False, True, True])
    found = {grid.nearest({"model": "a"}, free, np.random.default_rng(seed)) for seed in range(20)}
    assert found == {1, 2}


@pytest.mark.parametrize(
    ("levels", "keep", "message"),
    [
        ({"batch": (1, 2)}, lambda codes: codes[:0], "has candidates"),
        ({"batch": (1, 2)}, lambda codes: codes + 1, "out of range"),
        ({"batch": (1, 2)}, lambda codes: np.vstack([codes, codes]), "2 repeat others"),
        ({"batch": (2, 1)}, lambda codes: codes, "ascending numbers"),
        ({"batch": (1, "many")}, lambda codes: codes, "ascending numbers"),
    ],
    ids=["empty", "range", "twice", "descending", "words"],
)
def test_an_inconsistent_pool_is_refused(
    make_pool: Callable[..., Any],
    levels: dict[str, tuple[Any, ...]],
    keep: Callable[[np.ndarray], np.ndarray],
    message: str,
) -> None:
    """What is wrong with a pool is said."""
    with pytest.raises(SpaceError, match=message):
        Grid(make_pool(levels, keep=keep))
