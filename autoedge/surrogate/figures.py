"""How far predictions are off, in figures that every command tells in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NEAR = 0.10
"""How far off a prediction may be that counts as near: 10 %."""


@dataclass(frozen=True)
class RelativeErrors:
    """Shares of the recorded values, over the rows whose recorded value is not 0; NaN where there is none.

    Attributes:
        mape: Mean of abs(predicted - recorded) / abs(recorded).
        median_ape: Median of the same.
        within_10pct: Share of rows for which it is at most 0.1.
    """

    mape: float
    median_ape: float
    within_10pct: float


def relative_errors(predicted: Array, recorded: Array) -> RelativeErrors:
    """Compare predictions with what was recorded, each of shape (n,), finite, in the unit of the metric."""
    usable = recorded != 0
    off = np.abs(predicted[usable] / recorded[usable] - 1.0)
    if not off.size:
        return RelativeErrors(np.nan, np.nan, np.nan)
    return RelativeErrors(float(off.mean()), float(np.median(off)), float((off <= NEAR).mean()))


def rank_correlation(predicted: Array, recorded: Array) -> float:
    """Spearman's; 0 where predictions tell nothing apart, NaN where nothing was to be told apart."""
    from scipy.stats import spearmanr

    if not np.ptp(recorded) > 0:
        return np.nan
    return 0.0 if np.ptp(predicted) == 0 else float(spearmanr(predicted, recorded)[0])
