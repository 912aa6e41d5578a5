"""Where a sampler may look: a finite pool, or whatever ranges and choices a study's objective asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autoedge.surrogate.encoding import Encoded, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.search.pool import Grid

    Array = NDArray[np.float64]

MOST_CANDIDATES = 4096  # looked at for one proposal
NEIGHBOURS = 1024  # of them, near the best points
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
        self._all = encode(grid.units, grid.categories, np.asarray(features, dtype=float))

    def locate(self, params: Mapping[str, Any]) -> int | None:
        """The candidate with exactly these parameters."""
        return self._grid.find(params)

    def candidates(self, known: Sequence[int], best: Sequence[int], rng: np.random.Generator) -> NDArray[np.intp]:
        """All that are unknown; of too many, those next to the best and a random choice."""
        free = np.ones(len(self._grid), dtype=bool)
        free[list(known)] = False
        rows = np.flatnonzero(free) if free.any() else np.arange(len(free))
        if len(rows) <= MOST_CANDIDATES:
            return rows
        units, categories = self._grid.units, np.array(self._grid.categories) > 0
        chosen = [rng.choice(rows, MOST_CANDIDATES - NEIGHBOURS * bool(best), replace=False)]
        for centre in best:
            apart = np.where(categories, units[rows] != units[centre], np.abs(units[rows] - units[centre])).sum(axis=1)
            near = max(NEIGHBOURS // len(best), 1)
            chosen.append(rows[np.argpartition(apart, near)[:near]])
        return np.unique(np.concatenate(chosen))

    def encoded(self, points: Sequence[int] | NDArray[np.intp]) -> Encoded:
        """Knobs by rank and category, and the pool's features."""
        return Encoded(self._all.matrix[np.asarray(points, dtype=np.intp)], self._all.groups)

    def params(self, point: int) -> dict[str, Any]:
        """The level of each knob."""
        return self._grid.params(int(point))


class BoxDomain:
    """Any Optuna distributions; a point is a row of units: a place from 0 to 1, or the index of a choice."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self._space = dict(space)
        self._categories = [
            len(one.choices) if isinstance(one, CategoricalDistribution) else 0 for one in space.values()
        ]

    def locate(self, params: Mapping[str, Any]) -> tuple[float, ...] | None:
        """The units of parameters that lie in the space."""
        if not self._space.keys() <= params.keys():
            return None
        point = []
        for name, distribution in self._space.items():
            try:
                internal = distribution.to_internal_repr(params[name])
            except ValueError:
                return None
            inside = (
                isinstance(distribution, CategoricalDistribution) or distribution.low <= internal <= distribution.high
            )  # type: ignore[attr-defined]
            if not inside:
                return None
            point.append(float(_unit(distribution, np.array([internal]))[0]))
        return tuple(point)

    def candidates(self, known: Sequence[Any], best: Sequence[Any], rng: np.random.Generator) -> Array:
        """The whole grid of a small discrete space; else random points, and variations of the best."""
        points = self._grid()
        if points is None:
            count = MOST_CANDIDATES // 2
            uniform = np.column_stack(
                [rng.integers(count_, size=count) if count_ else rng.random(count) for count_ in self._categories]
            ).astype(float)
            near = [self._variations(np.array(best), rng)] if len(best) else []
            points = np.unique(self._snapped(np.concatenate([uniform, *near])), axis=0)
        seen = {tuple(point) for point in known}
        fresh = np.array([tuple(point) not in seen for point in points.tolist()])
        return points[fresh] if fresh.any() else points

    def encoded(self, points: Any) -> Encoded:
        """Units, with one column a choice."""
        units = np.array(points, dtype=float).reshape(len(points), len(self._space))
        return encode(units, self._categories)

    def params(self, point: Any) -> dict[str, Any]:
        """Plain Python values, each in its distribution."""
        return {name: value(one, float(unit)) for (name, one), unit in zip(self._space.items(), point, strict=True)}

    def _variations(self, best: Array, rng: np.random.Generator) -> Array:
        """Copies of the best points with some of their coordinates moved a little, or chosen anew."""
        points = best[rng.integers(len(best), size=NEIGHBOURS)]
        moved = rng.random(points.shape) < max(0.3, 1.0 / points.shape[1])
        moved[np.arange(len(points)), rng.integers(points.shape[1], size=len(points))] = True
        steps = rng.choice(STEPS, size=(len(points), 1))
        walked = np.clip(points + rng.normal(size=points.shape) * steps, 0.0, 1.0)
        for column, count in enumerate(self._categories):
            if count:
                walked[:, column] = rng.integers(count, size=len(points))
        return np.where(moved, walked, points)

    def _snapped(self, units: Array) -> Array:
        columns = [
            _unit(one, _internal(one, column)) for one, column in zip(self._space.values(), units.T, strict=True)
        ]
        return np.column_stack(columns)

    def _grid(self) -> Array | None:
        """Every point of a small discrete space; None for others."""
        axes = []
        total = 1.0
        for one in self._space.values():
            count = _count(one)
            total *= count
            if total > MOST_CANDIDATES:
                return None
            internal = np.arange(count) * (1 if isinstance(one, CategoricalDistribution) else one.step)  # type: ignore[attr-defined]
            axes.append(_unit(one, internal + getattr(one, "low", 0)))
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def value(distribution: BaseDistribution, unit: float) -> Any:
    """The plain Python value at a place of a distribution, from 0 to 1 (for a choice: its index)."""
    internal = float(_internal(distribution, np.array([unit]))[0])
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(internal)]
    return int(internal) if isinstance(distribution, IntDistribution) else internal


def _count(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if isinstance(distribution, IntDistribution | FloatDistribution) and distribution.step is not None:
        return int(round((distribution.high - distribution.low) / distribution.step)) + 1
    return np.inf


def _unit(distribution: BaseDistribution, internal: Array) -> Array:
    if isinstance(distribution, CategoricalDistribution):
        return internal.astype(float)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if low == high:
        return np.zeros(len(internal))
    if distribution.log:
        low, high, internal = np.log(low), np.log(high), np.log(internal)
    return np.asarray((internal - low) / (high - low))


def _internal(distribution: BaseDistribution, units: Array) -> Array:
    if isinstance(distribution, CategoricalDistribution):
        return units
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        numbers = np.exp(np.log(low) + units * (np.log(high) - np.log(low)))
    else:
        numbers = low + units * (high - low)
    if distribution.step is not None:
        numbers = low + np.round((numbers - low) / distribution.step) * distribution.step
    return np.clip(numbers, low, high)
