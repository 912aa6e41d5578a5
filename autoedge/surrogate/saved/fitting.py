"""Train a surrogate's regression on rows of campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.columns import matrix_of
from autoedge.surrogate.saved.regression import fit_trees, fit_trend
from autoedge.surrogate.saved.rows import MODEL, TARGET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.columns import Column
    from autoedge.surrogate.saved.regression import Trend
    from autoedge.surrogate.saved.rows import Rows

    Array = NDArray[np.float64]

FEWEST_ROWS = 8
"""Of a metric; below this there is nothing to learn."""


@dataclass(frozen=True)
class Scale:
    """On which scale a metric is learned and predicted.

    Attributes:
        log: Whether natural logarithms are taken: wherever all values are positive.
        centre: Mean on that scale.
        spread: Standard deviation on that scale, above 0.
    """

    log: bool
    centre: float
    spread: float

    def of(self, values: Array) -> Array:
        """Values of the metric on the scale; NaN where they cannot be."""
        return np.log(np.where(values > 0, values, np.nan)) if self.log else values

    def back(self, numbers: Array) -> Array:
        """From the scale to the metric's own unit."""
        return np.exp(numbers) if self.log else numbers


def scale_of(values: Array) -> Scale:
    """The scale of a metric's values, shape (n,), NaN where not known."""
    known = values[np.isfinite(values)]
    log = bool((known > 0).all())
    numbers = np.log(known) if log else known
    return Scale(log, float(numbers.mean()), float(numbers.std()) or 1.0)


@dataclass(frozen=True)
class Regression:
    """A trend and trees over the same columns.

    Attributes:
        scales: By metric, in the order of the outputs.
        trend: Of standardised metrics.
        trees: A LightGBM Booster of standardised metrics without their trend.
    """

    scales: dict[str, Scale]
    trend: Trend
    trees: Any

    def predict(self, matrix: Array) -> Array:
        """Shape (n, metrics), on the scales, for rows of shape (n, columns)."""
        boosted = np.reshape(self.trees.predict(matrix, num_threads=1), (len(matrix), len(self.scales)))
        spreads = np.array([scale.spread for scale in self.scales.values()])
        centres = np.array([scale.centre for scale in self.scales.values()])
        predicted: Array = (self.trend.predict(matrix) + boosted) * spreads + centres
        return predicted


def enough_of(rows: Rows) -> list[str]:
    """Metrics with enough rows to learn, sorted."""
    return [name for name in sorted(rows.metrics) if np.isfinite(rows.metrics[name]).sum() >= FEWEST_ROWS]


def learnable(rows: Rows) -> list[str]:
    """Metrics with enough rows to learn, sorted.

    Raises:
        SurrogateError: There is none.
    """
    found = enough_of(rows)
    if not found:
        raise SurrogateError(
            f"a surrogate takes {FEWEST_ROWS} rows of a metric beside those that are held out, "
            f"but there are {len(rows)} rows in all; name more campaigns or stores with --from"
        )
    return found


def fit(rows: Rows, columns: Sequence[Column], scales: dict[str, Scale]) -> Regression:
    """Train on rows.

    Args:
        rows: At least one; none that is held out, unless they are judged by other means.
        columns: The inputs.
        scales: The metrics.
    """
    matrix = matrix_of(columns, rows.inputs, len(rows))
    values = np.column_stack(
        [(scale.of(rows.metrics[name]) - scale.centre) / scale.spread for name, scale in scales.items()]
    )
    numbers = np.array([column.scale != "category" for column in columns], dtype=bool)
    trend = fit_trend(matrix, values, numbers)
    categories = [place for place, number in enumerate(numbers) if not number]
    hidden = [place for place in categories if columns[place].name in (TARGET, MODEL)]
    return Regression(scales, trend, fit_trees(matrix, values - trend.predict(matrix), categories, hidden))
