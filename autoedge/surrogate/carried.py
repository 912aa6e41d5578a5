"""A metric that is the same wherever it is measured: accuracy, the size of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

SAME = 0.05  # sources that differ by less than this share of the metric's spread measure the same
ALONE = 0.1  # what a single source is taken to differ by, since nothing tells
BEFOREHAND = 2.0  # measured rows that the difference between sources counts as
LEAST = 1e-3  # share of the spread, below which nothing is known of any measurement


class Carried:
    """Values of the sources as they are.

    Args:
        predictions: Shape (n, k), k >= 1, in the metric's unit; NaN where a source cannot know.

    Attributes:
        known: Shape (n,): where some source knows.
    """

    def __init__(self, predictions: Array) -> None:
        self.known: NDArray[np.bool_] = np.asarray(np.isfinite(predictions).any(axis=1))
        self._mean: Array = np.zeros(len(predictions))
        self._mean[self.known] = np.nanmedian(predictions[self.known], axis=1)
        self._spread = float(self._mean[self.known].std()) if self.known.any() else 0.0
        apart = (predictions - self._mean[:, None])[np.isfinite(predictions).sum(axis=1) > 1]
        apart = apart[np.isfinite(apart)]
        self._difference = float(np.sqrt(np.mean(apart**2))) if len(apart) else ALONE * self._spread

    def fit(self, rows: Sequence[int] | Rows, values: Sequence[float] | Array) -> tuple[float, float]:
        """The expected error, and what it is as a share of the metric's spread, given values that were measured."""
        chosen, known = np.asarray(rows, dtype=np.intp), np.asarray(values, dtype=float)
        seen = self.known[chosen]
        off = (known - self._mean[chosen])[seen]
        squares = BEFOREHAND * self._difference**2 + float(off @ off)
        error = max(float(np.sqrt(squares / (BEFOREHAND + len(off)))), LEAST * self._spread)
        return error, error / self._spread if self._spread > 0 else float("inf")

    def same(self, rows: Sequence[int] | Rows, values: Sequence[float] | Array) -> bool:
        """Whether the metric seems to be the same here."""
        return self.fit(rows, values)[1] <= SAME

    def predict(self, rows: Rows, error: float) -> tuple[Array, Array]:
        """Mean and standard deviation, each of shape (len(rows),); only where ``known``."""
        return self._mean[rows], np.full(len(rows), error)
