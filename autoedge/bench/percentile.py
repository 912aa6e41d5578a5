"""Percentiles of a latency series, and how many calls one needs.

Two estimators, never mixed: the plain sorted percentile, and LoadGen's early-stopping bound, which is the 99 %
confidence upper bound of the percentile under independent calls.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.99
"""Confidence of LoadGen's early stopping."""

_MEDIAN = 0.5


def as_series(values: ArrayLike) -> NDArray[np.float64]:
    """The values as a one-dimensional array of finite floats, at least one.

    Raises:
        ValueError: They are not.
    """
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or not series.size:
        raise ValueError(f"a series has one dimension and at least one value, but got shape {series.shape}")
    if not np.isfinite(series).all():
        raise ValueError(f"a series is finite, but value {int(np.argmin(np.isfinite(series)))} is not")
    return series


def sorted_percentile(values: ArrayLike, p: float) -> float:
    """The value at index ``int(n * p)`` of the ascending values, in their unit.

    Args:
        values: One dimension, any order.
        p: 0 to 1.

    Raises:
        ValueError: ``values`` is no finite series, or ``p`` lies outside.

    Source: MLPerf LoadGen, ``results.cc``.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"a percentile lies in 0 to 1, but got {p}")
    series = as_series(values)
    index = min(int(series.size * p), series.size - 1)
    return float(np.partition(series, index)[index])


def n_min(p: float, t: int, confidence: float = CONFIDENCE) -> int:
    """The fewest calls of which ``t`` may exceed a limit while still proving that percentile ``p`` lies below it.

    The smallest n with P(Binomial(n, 1 - p) <= t) <= 1 - confidence.

    Args:
        p: Between 0 and 1.
        t: Calls above the limit, 0 or more.
        confidence: Of the proof, between 0 and 1.

    Raises:
        ValueError: An argument lies outside.

    Source: MLPerf LoadGen, ``early_stopping.cc`` (tolerance 0).
    """
    from scipy.special import bdtr

    if not (0 < p < 1 and 0 < confidence < 1 and t >= 0):
        raise ValueError(f"0 < p < 1, 0 < confidence < 1 and t >= 0, but got p {p}, confidence {confidence}, t {t}")

    def proven(n: int) -> bool:
        return bool(bdtr(t, n, 1 - p) <= 1 - confidence)

    low, high = t, t + 1  # at n = t nothing is proven yet
    while not proven(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return high


def early_stopping(values: ArrayLike, p: float) -> float | None:
    """LoadGen's percentile: not exceeded by the true one with 99 % confidence; None for too few values.

    Of q values, with t the most that may lie above it, it is the one below which all but the t highest and itself lie:
    ``ascending[q - t]``. The proof assumes independent calls, so it stands beside the test for steadiness.

    Args:
        values: One dimension, any order.
        p: Between 0 and 1.

    Raises:
        ValueError: ``values`` is no finite series, or ``p`` lies outside.

    Source: MLPerf LoadGen, ``early_stopping.cc`` and ``results.cc``.
    """
    from scipy.special import bdtr

    if not 0 < p < 1:
        raise ValueError(f"a percentile lies between 0 and 1, but got {p}")
    series = as_series(values)
    # Half of the distribution lies below its mean, so t is never found beyond it.
    candidates = np.arange(math.ceil(series.size * (1 - p)) + 1)
    t = int(np.searchsorted(bdtr(candidates, series.size, 1 - p), 1 - CONFIDENCE, side="right")) - 1
    if t < 1:
        return None
    return float(np.partition(series, series.size - t)[series.size - t])


def calls_needed(p: float) -> int:
    """The fewest calls with which percentile ``p`` is published: p50 6, p90 64, p95 130, p99 662.

    Above the median it is what early stopping needs. Early stopping is for tails; the median needs the fewest values
    that bound it from both sides at 95 %, 1 - 2 * 0.5 ** n >= 0.95.

    Raises:
        ValueError: ``p`` lies outside 0.5 to 1.
    """
    if not _MEDIAN <= p < 1:
        raise ValueError(f"a published percentile is the median or above it, below 1, but got {p}")
    return 6 if p == _MEDIAN else n_min(p, 1)
