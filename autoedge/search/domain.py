"""Where a sampler may look: a finite pool, or whatever ranges and choices a study's objective asks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autoedge.search.axis import Axis
from autoedge.surrogate.encoding import Encoded, counts, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution

    from autoedge.search.pool import Grid

    Array = NDArray[np.float64]

MOST_CANDIDATES = 4096  # looked at for one proposal
NEIGHBOURS = 1024  # of them, near the best points
MOST_CENTRES = 16  # best points of a pool of which what lies one level away is looked at
MOST_LEVELS = 64  # of a knob, for that
MIXED = (0.0, 0.0, 0.2, 0.5)  # how much of a variation comes from a second one of the best
MANY_ALIKE = 3  # knobs with the same levels, from which on they are also counted
STEPS = (0.3, 0.1, 0.03, 0.01)  # how far near is, as shares of a range


class Domain(Protocol):
    """Points of a space in whatever form suits it."""

    def locate(self, params: Mapping[str, Any]) -> Any:
        """The point with these parameters; None outside the space."""
        ...

    def candidates(self, known: Sequence[Any], best: Sequence[Any], rng: np.random.Generator) -> Any:
        """At least one point worth a look, unknown ones where there are any."""
        ...

    def encoded(self, points: Any) -> Encoded:
        """The points as rows."""
        ...

    def params(self, point: Any) -> dict[str, Any]:
        """The parameters of a point."""
        ...


class PoolDomain:
    """The candidates of a pool; a point is a candidate's index."""

    def __init__(self, grid: Grid) -> None:
        _, features = grid.pool.features()
        self._grid = grid
        # Knobs become columns where they are looked at: those of a million candidates would fill the memory.
        known = encode(np.zeros((len(grid), 0)), [], np.asarray(features, dtype=float)).matrix
        blocks = [known, *(counts(grid.codes[:, alike], grid.categories[alike[0]]) for alike in _alike(grid))]
        large = len(grid) > MOST_CANDIDATES
        self._known = np.hstack(blocks, dtype=np.float32 if large else np.float64, casting="same_kind")
        knobs = encode(grid.places(np.zeros(0, dtype=np.intp)), grid.categories).groups
        widths = [1] * known.shape[1] + [block.shape[1] for block in blocks[1:]]
        self._groups = np.concatenate([knobs, np.repeat(np.arange(len(widths)) + len(grid.categories), widths)])

    def locate(self, params: Mapping[str, Any]) -> int | None:
        """The candidate with exactly these parameters."""
        return self._grid.find(params)

    def free(self, known: Sequence[int]) -> NDArray[np.intp]:
        """All that are open and unknown; all there are where none is."""
        free = self._grid.open.copy()
        free[list(known)] = False
        return np.flatnonzero(free) if free.any() else np.arange(len(free))

    def candidates(self, known: Sequence[int], best: Sequence[int], rng: np.random.Generator) -> NDArray[np.intp]:
        """All that are open and unknown; of too many, a random choice and variations of the best."""
        rows = self.free(known)
        if len(rows) <= MOST_CANDIDATES:
            return rows
        near = self._variations(np.asarray(best, dtype=np.intp), rng) if len(best) else np.zeros(0, dtype=np.intp)
        near = rng.permutation(np.intersect1d(near, rows))[: MOST_CANDIDATES // 2]
        return np.union1d(near, rng.choice(rows, MOST_CANDIDATES - len(near), replace=False))

    def encoded(self, points: Sequence[int] | NDArray[np.intp]) -> Encoded:
        """Knobs by rank and category, the pool's features, and counts of the categories of knobs that are alike."""
        rows = np.asarray(points, dtype=np.intp)
        knobs = encode(self._grid.places(rows), self._grid.categories)
        return Encoded(np.hstack([knobs.matrix, self._known[rows]]), self._groups, rows)

    def params(self, point: int) -> dict[str, Any]:
        """The level of each knob."""
        return self._grid.params(int(point))

    def _variations(self, best: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
        """Candidates near the best: one level away from one of them, or mixtures of two with up to three new levels."""
        centres = self._grid.codes[rng.permutation(best)[:MOST_CENTRES]]
        away = []
        for column, size in enumerate(self._grid.sizes):
            for level in rng.permutation(size)[:MOST_LEVELS]:
                moved = centres.copy()
                moved[:, column] = level
                away.append(moved)
        one, two = (self._grid.codes[rng.choice(best, NEIGHBOURS)] for _ in range(2))
        mixed = np.where(rng.random(one.shape) < rng.choice(MIXED, (NEIGHBOURS, 1)), two, one)
        new = rng.random(one.shape) < rng.integers(1, 4, (NEIGHBOURS, 1)) / one.shape[1]
        mixed = np.where(new, rng.integers(self._grid.sizes, size=one.shape, dtype=np.int64), mixed)
        return self._grid.near(np.concatenate([*away, mixed]), rng)


class BoxDomain:
    """Any Optuna distributions; a point is a row of places on their axes."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self._axes = {name: Axis(distribution) for name, distribution in space.items()}
        self._choices = [axis.choices for axis in self._axes.values()]

    def locate(self, params: Mapping[str, Any]) -> tuple[float, ...] | None:
        """The places of parameters that lie in the space."""
        if not self._axes.keys() <= params.keys():
            return None
        places = [axis.locate(params[name]) for name, axis in self._axes.items()]
        return None if None in places else tuple(place for place in places if place is not None)

    def candidates(self, known: Sequence[Any], best: Sequence[Any], rng: np.random.Generator) -> Array:
        """The whole grid of a small discrete space; else random points, and variations of the best."""
        axes = list(self._axes.values())
        if math.prod(axis.count for axis in axes) <= MOST_CANDIDATES:
            points = np.stack(np.meshgrid(*(axis.places() for axis in axes), indexing="ij"), axis=-1)
            points = points.reshape(-1, len(axes))
        else:
            spread = np.column_stack([axis.random(MOST_CANDIDATES // 2, rng) for axis in axes])
            near = [self._variations(np.array(best), rng)] if len(best) else []
            raw = np.concatenate([spread, *near])
            points = np.unique([axis.snapped(column) for axis, column in zip(axes, raw.T, strict=True)], axis=1).T
        seen = {tuple(point) for point in known}
        fresh = np.array([tuple(point) not in seen for point in points.tolist()])
        return points[fresh] if fresh.any() else points

    def encoded(self, points: Any) -> Encoded:
        """Places, with one column a choice."""
        return encode(np.array(points, dtype=float).reshape(len(points), len(self._axes)), self._choices)

    def params(self, point: Any) -> dict[str, Any]:
        """Plain Python values, each in its distribution."""
        return {name: axis.value(place) for (name, axis), place in zip(self._axes.items(), point, strict=True)}

    def _variations(self, best: Array, rng: np.random.Generator) -> Array:
        """Copies of the best points with some of their places moved a little, or choices made anew."""
        points = best[rng.integers(len(best), size=NEIGHBOURS)]
        moved = rng.random(points.shape) < max(0.3, 1.0 / points.shape[1])
        moved[np.arange(len(points)), rng.integers(points.shape[1], size=len(points))] = True
        steps = rng.choice(STEPS, size=(len(points), 1))
        walked = np.clip(points + rng.normal(size=points.shape) * steps, 0.0, 1.0)
        for column, axis in enumerate(self._axes.values()):
            if axis.choices:
                walked[:, column] = axis.random(len(points), rng)
        return np.where(moved, walked, points)


def _alike(grid: Grid) -> list[list[int]]:
    """Groups of at least three unordered knobs with the same levels in the same order."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for column, knob in enumerate(grid.pool.knobs.values()):
        if not knob.ordered:
            groups.setdefault(tuple(knob.levels), []).append(column)
    return [columns for columns in groups.values() if len(columns) >= MANY_ALIKE]
