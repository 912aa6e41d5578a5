"""The bootstrap over samples, for metrics that are functions of sums over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, np.dtype[np.float64]]
    Statistic = Callable[[Array], Array]

RESAMPLES = 1000
_NUMBERS_AT_ONCE = 4_000_000


def resampled_sums(columns: Array, seed: int, resamples: int = RESAMPLES) -> Array:
    """Sums over resamples of the samples with replacement.

    Args:
        columns: Samples x columns.
        seed: Of the draws; equal seeds draw equal samples, so that candidates are resampled alike.
        resamples: How many.

    Returns:
        Resamples x columns.
    """
    count, width = columns.shape
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, width))
    step = max(1, _NUMBERS_AT_ONCE // max(1, count * width))
    for start in range(0, resamples, step):
        drawn = generator.integers(0, count, (min(step, resamples - start), count))
        sums[start : start + len(drawn)] = columns[drawn].sum(axis=1)
    return sums


def bootstrap(columns: Array, statistic: Statistic, level: float, seed: int) -> tuple[float, float, float]:
    """A statistic of sums over samples, with a percentile bootstrap interval over samples.

    Args:
        columns: Samples x columns, finite.
        statistic: From sums over as many samples, shape (..., columns), to values, shape (...); NaN where a resample
            has none.
        level: Confidence.
        seed: Of the bootstrap.

    Returns:
        Value, low and high.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    value = float(statistic(columns.sum(axis=0)))
    drawn = statistic(resampled_sums(columns, seed))
    known = drawn[np.isfinite(drawn)]
    if not known.size or not math.isfinite(value):
        return value, value, value
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return value, min(value, float(low)), max(value, float(high))


def mean_with_student(values: Array, level: float) -> tuple[float, float, float]:
    """The mean of independent values with Student's interval; a single value has no spread to tell.

    Args:
        values: One a sample, finite.
        level: Confidence.
    """
    from scipy.special import stdtrit

    mean = float(values.mean())
    if values.size < 2:  # noqa: PLR2004 - a spread takes two
        return mean, mean, mean
    half = float(stdtrit(values.size - 1, (1 + level) / 2)) * float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, mean - half, mean + half
