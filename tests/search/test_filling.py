"""Filling a space before anything is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoedge.search.filling import farthest, fill, most_telling
from autoedge.search.pool import Grid
from autoedge.surrogate.encoding import Encoded, encode


def filled(candidates: Encoded, count: int, seed: int) -> list[int]:
    """So many rows of a start."""
    rng = np.random.default_rng(seed)
    taken: list[int] = []
    for _ in range(count):
        taken.append(fill(candidates, candidates.take(np.array(taken, dtype=np.intp)), rng))
    return taken


def test_every_choice_is_tried_early(pool: Any) -> None:
    """Four proposals see all models and both precisions."""
    grid = Grid(pool)
    for seed in range(5):
        taken = filled(encode(grid.units, grid.categories), 4, seed)
        assert {grid.params(row)["model"] for row in taken} == {"a", "b", "c"}
        assert {grid.params(row)["precision"] for row in taken} == {"fp32", "int8"}


def test_points_spread() -> None:
    """Eight of a thousand points in the unit square keep well apart, where random ones do not."""
    points = np.random.default_rng(0).random((1000, 2))
    chosen = points[filled(encode(points, [0, 0]), 8, 0)]
    apart = np.linalg.norm(chosen[:, None] - chosen, axis=2)
    assert apart[np.triu_indices(8, 1)].min() > 0.2


def test_the_most_telling_point_is_one_that_many_are_like() -> None:
    """Of a crowd and a few loners the first to measure is in the crowd, and the second is not there again."""
    rng = np.random.default_rng(0)
    crowd = 0.5 + 0.02 * rng.random((95, 2))
    candidates = encode(np.vstack([crowd, rng.random((5, 2))]), [0, 0])
    nothing = candidates.take(np.zeros(0, dtype=np.intp))
    first = most_telling(candidates, nothing, rng)
    assert first < 95
    assert most_telling(candidates, candidates.take(np.array([first])), rng) >= 95


def test_one_candidate_is_enough() -> None:
    """A space of one point has a farthest and a most telling point."""
    assert farthest(np.zeros((1, 2)), np.zeros((1, 2)), np.random.default_rng(0)) == 0
    assert filled(encode(np.zeros((1, 2)), [0, 0]), 2, 0) == [0, 0]
