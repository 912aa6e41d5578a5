"""What a search needs to know of a finite set of candidates, and how Optuna sees it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from autoedge.errors import SpaceError
from autoedge.space.lookup import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

Scalar = str | int | float | bool


class Knob(Protocol):
    """One search dimension."""

    @property
    def name(self) -> str:
        """Unique among the knobs."""
        ...

    @property
    def levels(self) -> Sequence[Scalar]:
        """All values; numbers in ascending order where ``ordered``."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether the levels are numbers whose order has a meaning."""
        ...


class Pool(Protocol):
    """A finite set of distinct candidates, as columns."""

    @property
    def knobs(self) -> Mapping[str, Knob]:
        """The knobs by name, in the order of the columns of ``codes``."""
        ...

    @property
    def codes(self) -> NDArray[np.integer[Any]]:
        """Shape (candidates, knobs): the level of each knob; a knob that does not apply holds level 0."""
        ...

    def features(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Names and values, shape (candidates, features), of numbers known before measuring; there may be none."""
        ...


def distributions(pool: Pool) -> dict[str, BaseDistribution]:
    """How Optuna sees each knob: numbers as ranges, logarithmic where their levels are geometric; others as choices."""
    return {name: _distribution(knob) for name, knob in pool.knobs.items()}


def _distribution(knob: Knob) -> BaseDistribution:
    levels = list(knob.levels)
    if not knob.ordered:
        return CategoricalDistribution(levels)
    numbers = [float(level) for level in levels if not isinstance(level, bool | str)]
    if len(numbers) < len(levels) or any(low >= high for low, high in pairwise(numbers)):
        raise SpaceError(f"levels of an ordered knob are ascending numbers, but {knob.name} has {levels}")
    log = is_geometric(numbers)
    if all(isinstance(level, int) for level in levels):
        steps = {int(high - low) for low, high in pairwise(numbers)}
        step = steps.pop() if len(steps) == 1 else 1
        return IntDistribution(int(numbers[0]), int(numbers[-1]), log=log, step=1 if log else step)
    return FloatDistribution(numbers[0], numbers[-1], log=log)


def is_geometric(levels: Sequence[float]) -> bool:
    """Whether positive levels, at least three, each grow by about the same factor of at least 1.5."""
    if len(levels) < 3 or levels[0] <= 0:  # noqa: PLR2004 - two levels have one factor
        return False
    factors = [high / low for low, high in pairwise(levels)]
    return min(factors) >= 1.5 and max(factors) <= 1.5 * min(factors)  # noqa: PLR2004 - as promised


class Grid:
    """A pool with the way from an Optuna trial's parameters to its candidates and back.

    Attributes:
        pool: The pool.
        distributions: One for each knob.
        codes: Shape (candidates, knobs), in the smallest type that holds them: the level of each knob.
        sizes: For each knob its number of levels.
        categories: For each knob its number of categories, 0 for a number.
        open: Shape (candidates,): which may be proposed at the moment.

    Args:
        pool: At least one candidate, all distinct.

    Raises:
        SpaceError: The pool is empty, holds a candidate twice, or its codes do not fit its knobs.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.distributions = distributions(pool)
        knobs = list(pool.knobs.values())
        self._levels = [tuple(knob.levels) for knob in knobs]
        codes = np.asarray(pool.codes)
        self.sizes = sizes = np.array([len(levels) for levels in self._levels])
        if codes.ndim != 2 or codes.shape[1] != len(knobs) or not codes.size:  # noqa: PLR2004
            raise SpaceError(f"a pool has candidates and knobs, but got codes of shape {codes.shape}")
        if codes.min() < 0 or (codes.max(axis=0) >= sizes).any():
            raise SpaceError("codes of a pool are indices into the levels of their knob, but some are out of range")
        self.codes = np.ascontiguousarray(codes, dtype=np.min_scalar_type(int(sizes.max())))
        self._lookup = Lookup(self.codes, sizes.tolist())
        if self._lookup.repeated:
            raise SpaceError(f"candidates of a pool are distinct, but {self._lookup.repeated} repeat others")
        # By knob, from a level to its number; of levels that compare equal (1 and True) the first counts.
        self._numbers = [{level: i for i, level in reversed(list(enumerate(levels)))} for levels in self._levels]
        self.categories = [0 if knob.ordered else len(knob.levels) for knob in knobs]
        # By knob, the place of each level: the rank of a number, scaled to 0 .. 1, or the index of a category.
        self._places = [
            np.arange(size) / (1 if choices else max(size - 1, 1))
            for size, choices in zip(sizes, self.categories, strict=True)
        ]
        self.open = np.ones(len(self.codes), dtype=bool)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def units(self) -> NDArray[np.float64]:
        """The places of all candidates, shape (candidates, knobs); large where the pool is, so kept when asked for."""
        return self.places(slice(None))

    def places(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float64]:
        """Where candidates lie, shape (n, knobs): a number's rank, scaled to 0 .. 1, or the index of a category."""
        codes = self.codes[rows]
        return np.stack([places[column] for places, column in zip(self._places, codes.T, strict=True)]).T

    @contextmanager
    def only(self, rows: NDArray[np.bool_] | None) -> Iterator[None]:
        """Keep proposals to some candidates for a while: shape (candidates,), None for all."""
        self.open = np.ones(len(self), dtype=bool) if rows is None else np.asarray(rows, dtype=bool)
        try:
            yield
        finally:
            self.open = np.ones(len(self), dtype=bool)

    def params(self, candidate: int) -> dict[str, Scalar]:
        """The level of each knob of a candidate."""
        codes = self.codes[candidate]
        return {name: levels[code] for name, levels, code in zip(self.distributions, self._levels, codes, strict=True)}

    def find(self, params: Mapping[str, Any]) -> int | None:
        """The candidate with exactly these parameters; None when the pool has none."""
        codes = []
        for name, numbers in zip(self.distributions, self._numbers, strict=True):
            code = numbers.get(params[name]) if name in params else None
            if code is None:
                return None
            codes.append(code)
        return self._lookup.find(codes)

    def near(self, codes: NDArray[np.integer[Any]], rng: np.random.Generator) -> NDArray[np.intp]:
        """Candidates like those wanted, shape (n, knobs) of level numbers to (n,): the wanted one where it is there.

        They keep the wanted levels of the first knobs rather than of the last; see ``Lookup.near``.
        """
        return self._lookup.near(codes, rng)

    def nearest(self, params: Mapping[str, Any], free: NDArray[np.bool_], rng: np.random.Generator) -> int:
        """The free candidate nearest to the parameters; equally near ones are drawn from.

        Args:
            params: A value for each knob; numbers may lie between levels.
            free: Shape (candidates,), at least one true.
            rng: Breaks ties.
        """
        found = self.find(params)
        if found is not None and free[found]:
            return found  # no other lies as near
        units = [
            numbers[params[name]] if categories else _rank(params[name], levels, self.distributions[name])
            for name, levels, numbers, categories in zip(
                self.distributions, self._levels, self._numbers, self.categories, strict=True
            )
        ]
        rows = np.flatnonzero(free)
        distances = self.distances(np.array(units), rows)
        return int(rng.choice(rows[distances <= distances.min() + 1e-9]))

    def distances(self, units: NDArray[np.float64], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """How far candidates are from a point, as the sum over knobs of Gower's (1971) similarity measure.

        Numbers count by the difference in rank, scaled to 1; categories by 0 or 1.

        Args:
            units: Shape (knobs,), as ``places`` gives them.
            rows: The candidates.
        """
        codes = self.codes[rows]
        total = np.zeros(len(rows))
        for column, places, place, categories in zip(codes.T, self._places, units, self.categories, strict=True):
            total += np.where(places != place, 1.0, 0.0)[column] if categories else np.abs(places - place)[column]
        return total


def _rank(number: float, levels: tuple[Any, ...], distribution: BaseDistribution) -> float:
    """Where a number lies among the levels, from 0 to 1; between two levels by proportion."""
    numbers, value = np.array(levels, dtype=float), float(number)
    if getattr(distribution, "log", False):
        numbers, value = np.log(numbers), float(np.log(value))
    return float(np.interp(value, numbers, np.arange(len(numbers)))) / max(len(numbers) - 1, 1)
