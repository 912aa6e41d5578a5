"""One Optuna distribution as an axis from 0 to 1, or as a list of choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Axis:
    """The way between values of a distribution and places on its axis.

    A place is a number from 0 to 1, on a logarithmic scale where the distribution has one; for a choice it is the
    choice's index.

    Attributes:
        choices: How many choices there are, 0 for a number.
        count: How many different places there are, infinite for a number without steps.
    """

    def __init__(self, distribution: BaseDistribution) -> None:
        self._distribution = distribution
        self.choices = len(distribution.choices) if isinstance(distribution, CategoricalDistribution) else 0
        self.count: float = self.choices
        if isinstance(distribution, IntDistribution | FloatDistribution):
            self._low, self._high = float(distribution.low), float(distribution.high)
            self._step = None if distribution.step is None else float(distribution.step)
            self._log = distribution.log
            self.count = np.inf if self._step is None else round((self._high - self._low) / self._step) + 1

    def places(self) -> Array:
        """All places of a finite axis."""
        steps = np.arange(self.count)
        return steps if self.choices else self._place(self._low + steps * (self._step or 1.0))

    def locate(self, value: Any) -> float | None:
        """The place of a value; None when the distribution does not hold it."""
        try:
            internal = self._distribution.to_internal_repr(value)
        except ValueError:
            return None
        if self.choices:
            return internal
        return float(self._place(np.array([internal]))[0]) if self._low <= internal <= self._high else None

    def snapped(self, places: Array) -> Array:
        """The places nearest to those given that a value can have."""
        return places if self.choices else self._place(self._number(places))

    def random(self, count: int, rng: np.random.Generator) -> Array:
        """Places drawn evenly."""
        return rng.integers(self.choices, size=count).astype(float) if self.choices else rng.random(count)

    def value(self, place: float) -> Any:
        """The plain Python value at a place, inside the distribution."""
        if isinstance(self._distribution, CategoricalDistribution):
            return self._distribution.choices[int(place)]
        number = float(self._number(np.array([place]))[0])
        return int(number) if isinstance(self._distribution, IntDistribution) else number

    def _place(self, numbers: Array) -> Array:
        low, high = self._scaled(np.array([self._low, self._high]))
        return np.asarray((self._scaled(numbers) - low) / (high - low)) if low < high else np.zeros(len(numbers))

    def _number(self, places: Array) -> Array:
        low, high = self._scaled(np.array([self._low, self._high]))
        numbers = low + places * (high - low)
        numbers = np.exp(numbers) if self._log else numbers
        if self._step is not None:
            numbers = self._low + np.round((numbers - self._low) / self._step) * self._step
        return np.asarray(np.clip(numbers, self._low, self._high))

    def _scaled(self, numbers: Array) -> Array:
        return np.log(numbers) if self._log else numbers
