"""Filling a space before anything is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoedge.search.filling import farthest
from autoedge.search.pool import Grid
from autoedge.surrogate.encoding import encode


def test_every_choice_is_tried_before_one_is_tried_twice(pool: Any) -> None:
    """Three proposals see all models and both precisions."""
    grid = Grid(pool)
    matrix = encode(grid.units, grid.categories).matrix
    for seed in range(5):
        rng = np.random.default_rng(seed)
        taken = []
        for _ in range(3):
            taken.append(farthest(matrix, matrix[taken], rng))
        assert {grid.params(row)["model"] for row in taken} == {"a", "b", "c"}
        assert {grid.params(row)["precision"] for row in taken} == {"fp32", "int8"}


def test_points_spread() -> None:
    """Eight of a thousand points in the unit square keep well apart, where random ones do not."""
    rng = np.random.default_rng(0)
    points = rng.random((1000, 2))
    taken: list[int] = []
    for _ in range(8):
        taken.append(farthest(points, points[taken], rng))
    chosen = points[taken]
    apart = np.linalg.norm(chosen[:, None] - chosen, axis=2)
    assert apart[np.triu_indices(8, 1)].min() > 0.25


def test_one_candidate_is_enough() -> None:
    """A space of one point has a farthest point."""
    assert farthest(np.zeros((1, 2)), np.zeros((1, 2)), np.random.default_rng(0)) == 0
