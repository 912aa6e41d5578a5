"""By how much new points would enlarge the dominated hypervolume."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from autoedge.pareto import nondominated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EXACT_OBJECTIVES = 3  # the number of boxes grows with front ** (objectives - 1)
RANDOM_POINTS = 1024
BLOCK = 200_000  # numbers held at once, so that they stay in the cache


class Improvement:
    """Hypervolume improvement over a front, of many points at once.

    Up to three objectives it is exact: the region that the front does not dominate is cut into disjoint boxes, and a
    point improves each box by the part of it that the point dominates (Yang, Emmerich, Deutz and Bäck 2019). With
    more it is estimated on the same random points of that region for all (as HypE does, Bader and Zitzler 2011).

    Args:
        front: Shape (n, m), all minimised; there may be none, and dominated points do no harm.
        reference: Shape (m,); improvement is counted up to there.
        floor: Shape (m,), below every point that will be asked about; bounds the estimate.
        rng: Draws the random points.
    """

    def __init__(self, front: Array, reference: Array, *, floor: Array, rng: np.random.Generator) -> None:
        inside = front[(front < reference).all(axis=1)]
        self._front = inside[nondominated(inside)]
        self._reference = reference
        self._exact = len(reference) <= EXACT_OBJECTIVES
        if self._exact:
            self._lower, self._upper = boxes(self._front, reference)
            return
        points = floor + rng.random((RANDOM_POINTS, len(reference))) * (reference - floor)
        covered = (self._front[:, None] <= points).all(axis=2).any(axis=0)
        self._points = points[~covered]
        self._share = float(np.prod(reference - floor)) / RANDOM_POINTS

    def __call__(self, points: Array) -> Array:
        """The improvement by each of the points alone, shape (..., m) to (...)."""
        flat = points.reshape(-1, points.shape[-1])
        gained = np.zeros(len(flat))
        useful = np.flatnonzero(self._useful(flat))  # mostly a few, and to find them is far cheaper than their boxes
        cells = max(len(self._lower if self._exact else self._points), 1)
        parts = np.array_split(useful, 1 + len(useful) * cells // BLOCK)
        gained[useful] = np.concatenate([self._block(flat[part]) for part in parts])
        return gained.reshape(points.shape[:-1])

    def _useful(self, points: Array) -> NDArray[np.bool_]:
        """Which points are below the reference, and dominated by none of the front."""
        columns = np.ascontiguousarray(points.T)
        useful = np.logical_and.reduce([column < end for column, end in zip(columns, self._reference, strict=True)])
        better, once = np.empty_like(useful), np.empty_like(useful)
        for corner in self._front:
            better[:] = False
            for column, number in zip(columns, corner, strict=True):
                better |= np.less(column, number, out=once)
            useful &= better
        return np.asarray(useful)

    def _block(self, points: Array) -> Array:
        if not self._exact:
            gained = np.ones((len(points), len(self._points)), dtype=bool)
            for column, edges in zip(points.T, self._points.T, strict=True):
                gained &= column[:, None] <= edges
            return np.asarray(gained.sum(axis=1) * self._share)
        volume = np.ones((len(points), len(self._lower)))
        edge = np.empty_like(volume)
        for column, low, high in zip(points.T, self._lower.T, self._upper.T, strict=True):
            np.maximum(column[:, None], low, out=edge)
            np.subtract(high, edge, out=edge)
            np.maximum(edge, 0.0, out=edge)
            volume *= edge
        return np.asarray(volume.sum(axis=1))


def boxes(front: Array, reference: Array) -> tuple[Array, Array]:
    """Cut what a front leaves undominated below the reference into disjoint boxes.

    Slabs along the last objective, each cut further by the points that begin below it.

    Args:
        front: Shape (n, m), non-dominated, below the reference.
        reference: Shape (m,).

    Returns:
        Lower corners (``-inf`` where open) and upper corners, each of shape (boxes, m).
    """
    if len(reference) == 1:
        edge = front.min(initial=reference[0])
        return np.array([[-np.inf]]), np.array([[edge]])
    order = np.argsort(front[:, -1], kind="stable")
    edges = np.concatenate([[-np.inf], front[order, -1], reference[-1:]])
    lowers, uppers = [], []
    for count, (begin, end) in enumerate(pairwise(edges)):
        if begin >= end:
            continue
        below = front[order[:count], :-1]
        lower, upper = boxes(below[nondominated(below)], reference[:-1])
        lowers.append(np.column_stack([lower, np.full(len(lower), begin)]))
        uppers.append(np.column_stack([upper, np.full(len(upper), end)]))
    return np.concatenate(lowers), np.concatenate(uppers)
