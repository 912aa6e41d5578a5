"""Dominance, hypervolume and choosing one point."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autoedge.pareto import hypervolume, knee, lexicographic, nondominated, weighted

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = st.tuples(st.integers(1, 6), st.integers(1, 3))


def grids(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    """Points on a coarse grid, so that ties and duplicates are common."""
    return arrays(float, shape, elements=st.integers(0, 4).map(float))


@given(FEW.flatmap(grids))
def test_a_point_is_kept_unless_another_is_nowhere_worse_and_somewhere_better(points: np.ndarray) -> None:
    """Non-dominated is what the definition says."""
    expected = [not any((other <= point).all() and (other < point).any() for other in points) for point in points]
    assert nondominated(points).tolist() == expected


@given(FEW.flatmap(grids))
def test_duplicates_share_their_fate(points: np.ndarray) -> None:
    """A point and its copy are both kept or both left out."""
    mask = nondominated(np.vstack([points, points]))
    assert (mask[: len(points)] == mask[len(points) :]).all()
    assert (mask[: len(points)] == nondominated(points)).all()


@given(st.tuples(st.integers(1, 5), st.integers(1, 3)).flatmap(grids))
def test_hypervolume_is_the_inclusion_exclusion_sum(points: np.ndarray) -> None:
    """The volume equals the sum over all subsets of the boxes' intersections, with alternating signs."""
    reference = np.full(points.shape[1], 3.0)
    total = 0.0
    for size in range(1, len(points) + 1):
        for subset in itertools.combinations(points, size):
            sides = np.maximum(reference - np.max(subset, axis=0), 0.0)
            total -= (-1) ** size * sides.prod()
    assert hypervolume(points, reference) == pytest.approx(total)


@given(FEW.flatmap(grids))
def test_only_the_front_counts_for_hypervolume(points: np.ndarray) -> None:
    """Dominated points add nothing."""
    reference = [5.0] * points.shape[1]
    assert hypervolume(points, reference) == pytest.approx(hypervolume(points[nondominated(points)], reference))


def test_no_points() -> None:
    """An empty set has no front and no volume."""
    assert nondominated(np.empty((0, 2))).tolist() == []
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0


@pytest.mark.parametrize(
    "points", [[1.0, 2.0], [[1.0, np.nan]], [[np.inf, 1.0]], np.empty((2, 0))], ids=["vector", "nan", "inf", "empty"]
)
@pytest.mark.parametrize("rule", [nondominated, knee, lambda points: hypervolume(points, [1.0, 1.0])])
def test_what_is_no_matrix_of_finite_numbers_is_refused(points: np.ndarray, rule: Callable[[Any], Any]) -> None:
    """Shape and finiteness are checked, and the message says so."""
    with pytest.raises(ValueError, match="points are"):
        rule(points)


def test_a_reference_must_fit() -> None:
    """A reference of another length is refused."""
    with pytest.raises(ValueError, match="one finite number for each of 2 objectives"):
        hypervolume([[1.0, 2.0]], [3.0])


def test_the_knee_is_the_bend_of_the_front() -> None:
    """The point nearest to the ideal is found, whatever the units."""
    points = np.array([[0.0, 1000.0], [0.1, 200.0], [0.2, 150.0], [1.0, 0.0], [0.5, 900.0]])
    assert knee(points) == 1


@given(FEW.flatmap(grids))
def test_the_knee_is_never_dominated(points: np.ndarray) -> None:
    """A compromise that another point beats is none."""
    assert nondominated(points)[knee(points)]


def test_a_knee_needs_a_point() -> None:
    """Nothing can be chosen from nothing."""
    with pytest.raises(ValueError, match="at least one point"):
        knee(np.empty((0, 2)))


@given(FEW.flatmap(grids), st.data())
def test_one_weight_ranks_by_that_objective(points: np.ndarray, data: st.DataObject) -> None:
    """With all the weight on one objective, the order is that objective's, ties in the given order."""
    column = data.draw(st.integers(0, points.shape[1] - 1))
    weights = np.zeros(points.shape[1])
    weights[column] = 2.0
    assert weighted(points, weights).tolist() == np.argsort(points[:, column], kind="stable").tolist()


def test_weights_compare_shares_of_the_range() -> None:
    """An objective's unit does not change the order."""
    points = np.array([[0.0, 5.0], [10.0, 0.0], [4.0, 2.0]])
    assert weighted(points, [1, 1]).tolist() == weighted(points * [1000.0, 0.001], [1, 1]).tolist() == [2, 0, 1]


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]])
def test_weights_must_make_sense(weights: list[float]) -> None:
    """One weight an objective, none negative, not all zero."""
    with pytest.raises(ValueError, match="weight"):
        weighted([[1.0, 2.0]], weights)


@given(FEW.flatmap(grids))
def test_lexicographic_without_tolerance_is_a_dictionary_order(points: np.ndarray) -> None:
    """With no tolerance the order is the one of a dictionary."""
    order = list(range(points.shape[1]))
    assert lexicographic(points, order).tolist() == np.lexsort(points.T[::-1]).tolist()


def test_what_lies_within_the_tolerance_is_decided_by_the_next_objective() -> None:
    """The second objective decides among those nearly best in the first."""
    points = np.array([[0.0, 9.0], [0.4, 1.0], [5.0, 0.0], [10.0, 5.0]])
    assert lexicographic(points, [0, 1]).tolist() == [0, 1, 2, 3]
    assert lexicographic(points, [0, 1], tolerance=0.05).tolist() == [1, 0, 2, 3]
    assert lexicographic(points, [1], tolerance=1.0).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("order", "tolerance"), [([], 0), ([0, 0], 0), ([2], 0), ([0], -0.1), ([0], 1.5)])
def test_an_order_must_make_sense(order: list[int], tolerance: float) -> None:
    """Columns that are there, each once, and a share as tolerance."""
    with pytest.raises(ValueError, match=r"an order|a tolerance"):
        lexicographic([[1.0, 2.0]], order, tolerance)
