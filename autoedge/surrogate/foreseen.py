"""What results of other targets let expect of one metric: the very values, or their pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.surrogate.carried import Carried
from autoedge.surrogate.fewshot import FewShot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.described import Described
    from autoedge.surrogate.fewshot import Transferred

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]


class Foreseen:
    """Prepared once for the candidates of a pool.

    Args:
        predictions: Shape (n, k), k >= 1: what each source says of each candidate, NaN where it cannot know.
        described: The n candidates.
    """

    def __init__(self, predictions: Array, described: Described) -> None:
        self._few = FewShot(predictions, described)
        self._carried = Carried(predictions)

    def fit(self, rows: Sequence[int] | Rows, values: Sequence[float] | Array) -> Expectation:
        """Learn from values, shape (m,), of the candidates ``rows``; m may be 0."""
        fitted = self._few.fit(rows, values)
        same = self._carried.same(rows, values)
        return Expectation(fitted, self._carried if same else None, np.asarray(rows, dtype=np.intp), np.asarray(values))


class Expectation:
    """What is expected of each candidate.

    Attributes:
        held_out_mean: Shape (m,): each measured row predicted from all others and the sources.
        held_out_std: Shape (m,): the standard deviation of those predictions.
    """

    def __init__(self, fitted: Transferred, carried: Carried | None, rows: Rows, values: Array) -> None:
        self._fitted, self._carried = fitted, carried
        self._error = carried.fit(rows, values)[0] if carried is not None else 0.0
        self.held_out_mean, self.held_out_std = self._joined(rows, fitted.held_out_mean, fitted.held_out_std)

    def predict(self, rows: Rows | None = None) -> tuple[Array, Array]:
        """Mean and standard deviation of candidates, each of shape (len(rows),); None for all.

        Without any value, and unless the metric is the same everywhere, only differences of means have a meaning.
        """
        mean, std = self._fitted.predict(rows)
        return self._joined(np.arange(len(mean)) if rows is None else rows, mean, std)

    def _joined(self, rows: Rows, mean: Array, std: Array) -> tuple[Array, Array]:
        if self._carried is None:
            return mean, std
        known = self._carried.known[rows]
        carried = self._carried.predict(rows, self._error)
        return np.where(known, carried[0], mean), np.where(known, carried[1], std)
