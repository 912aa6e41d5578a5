"""Hypervolume improvement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoedge.pareto import hypervolume, nondominated
from autoedge.search.improvement import Improvement, boxes


def sets(least: int) -> st.SearchStrategy[Any]:
    """A front and points to add, on a coarse grid, in one to three objectives."""
    element = st.integers(-1, 5).map(float)
    return st.integers(1, 3).flatmap(
        lambda m: st.tuples(
            arrays(float, st.tuples(st.integers(least, 6), st.just(m)), elements=element),
            arrays(float, (4, m), elements=element),
        )
    )


@given(sets(0))
def test_up_to_three_objectives_it_is_the_exact_difference(both: tuple[np.ndarray, np.ndarray]) -> None:
    """The improvement is the hypervolume with the point minus that without."""
    front, points = both
    reference = np.full(front.shape[1], 4.0)
    improvement = Improvement(front, reference, floor=reference - 9, rng=np.random.default_rng(0))
    before = hypervolume(front, reference)
    expected = [hypervolume(np.vstack([front, point]), reference) - before for point in points]
    assert improvement(points) == pytest.approx(np.array(expected))


@given(sets(1))
def test_boxes_are_disjoint_and_cover_what_is_not_dominated(both: tuple[np.ndarray, np.ndarray]) -> None:
    """A random point lies in one box if the front does not dominate it, in none if it does."""
    front = both[0][nondominated(both[0])]
    front = front[(front < 4.0).all(axis=1)]
    lower, upper = boxes(front, np.full(front.shape[1], 4.0))
    points = np.random.default_rng(0).uniform(-2.0, 4.0, size=(50, front.shape[1]))
    inside = ((points[:, None] > lower) & (points[:, None] < upper)).all(axis=2).sum(axis=1)
    dominated = (front[:, None] <= points).all(axis=2).any(axis=0)
    assert (inside == ~dominated).all()


def test_four_objectives_are_estimated() -> None:
    """The estimate is close to the truth, and zero for a dominated point."""
    rng = np.random.default_rng(0)
    front = rng.random((8, 4))
    reference = np.full(4, 1.1)
    improvement = Improvement(front, reference, floor=np.zeros(4), rng=rng)
    points = np.vstack([rng.random((20, 4)) * 0.6, front.max(axis=0)])
    before = hypervolume(front, reference)
    truth = np.array([hypervolume(np.vstack([front, point]), reference) - before for point in points])
    estimate = improvement(points)
    assert np.abs(estimate - truth).max() < 0.08
    assert estimate[-1] == 0


def test_any_shape_of_points() -> None:
    """Draws by candidates come back in the same shape."""
    improvement = Improvement(np.zeros((0, 2)), np.ones(2), floor=np.zeros(2), rng=np.random.default_rng(0))
    assert improvement(np.full((3, 5, 2), 0.5)) == pytest.approx(np.full((3, 5), 0.25))
