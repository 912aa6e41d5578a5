"""Whether a latency series was steady: judged after the fact, on block medians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from autoedge.bench.intervals import effective_size, z_quantile
from autoedge.bench.percentile import as_series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Steadiness = Literal["flat", "warming", "slowdown", "shifted"]

SIGNIFICANCE = 0.01
"""Two-sided, of either test."""
PRACTICAL = 0.02
"""Changes up to this share of the median are called flat, however sure."""

_BLOCK, _FEWEST_BLOCKS, _MOST_BLOCKS, _SEGMENT = 10, 20, 50, 5


def classify(series: ArrayLike) -> Steadiness:
    """What the level of a latency series did from its first call to its last.

    The series is collapsed into 20 to 50 block medians. A trend (Mann-Kendall) that changes the level by more than 2 %
    from end to end (Theil-Sen) is ``warming`` if calls grew faster and ``slowdown`` if they grew slower; one shift of
    the level by more than 2 % is ``shifted``; where both hold, the one that leaves less unexplained. All else is
    ``flat``, and so are fewer than five values. Both tests work at 1 % and count dependent blocks for fewer.

    Args:
        series: Calls of one process, one dimension, in the order of time, any unit.

    Raises:
        ValueError: It is no finite series.

    Source: Mann, Econometrica 13 (1945) 245-259; Sen, JASA 63 (1968) 1379-1389; effective sizes: Yue and Wang, Water
    Resources Management 18 (2004) 201-218; the shift: Worsley, JASA 74 (1979) 365-367, with Bonferroni's bound.
    """
    blocks = _block_medians(as_series(series))
    slope, trending = _trend(blocks)
    shift, shifting = _shift(blocks)
    if trending and shifting:
        line = blocks - slope * np.arange(blocks.size)
        trending = _unexplained(line) <= _unexplained(blocks - shift)
    if trending:
        return "slowdown" if slope > 0 else "warming"
    return "shifted" if shifting else "flat"


def outliers(series: ArrayLike) -> int:
    """How many values lie above the median by more than ten median absolute deviations; none is ever removed.

    Raises:
        ValueError: It is no finite series.
    """
    values = as_series(series)
    median = np.median(values)
    return int(np.sum(values > median + 10 * np.median(np.abs(values - median))))


def _block_medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians of 20 to 50 equal stretches of about ten values or more; below 20 values the values themselves."""
    count = int(np.clip(values.size // _BLOCK, _FEWEST_BLOCKS, _MOST_BLOCKS))
    return np.array([np.median(block) for block in np.array_split(values, min(count, values.size))])


def _unexplained(residuals: NDArray[np.float64]) -> float:
    return float(np.abs(residuals - np.median(residuals)).sum())


def _trend(blocks: NDArray[np.float64]) -> tuple[float, bool]:
    """Theil and Sen's slope per block, and whether Mann and Kendall's test and the total change both speak for it."""
    n = blocks.size
    if n < _SEGMENT:  # four values in order are no proof at 1 %
        return 0.0, False
    first, second = np.triu_indices(n, 1)
    rises = blocks[second] - blocks[first]
    slope = float(np.median(rises / (second - first)))
    ties = np.unique(blocks, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    dependence = n / effective_size(blocks - slope * np.arange(n))
    score = max(0.0, abs(float(np.sign(rises).sum())) - 1)  # less one: continuity
    sure = score > z_quantile(1 - SIGNIFICANCE) * math.sqrt(variance * dependence)
    return slope, bool(sure and abs(slope * n) > PRACTICAL * abs(np.median(blocks)))


def _shift(blocks: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """The best step function with one step, and whether Student's test and the size of the step both speak for it."""
    from scipy.special import stdtrit

    n = blocks.size
    if n < 2 * _SEGMENT:
        return np.zeros(n), False
    sizes = np.arange(_SEGMENT, n - _SEGMENT + 1)
    totals = np.cumsum(blocks - blocks.mean())
    between = totals[sizes - 1] ** 2 * n / (sizes * (n - sizes))  # sum of squares that each split explains
    split = int(sizes[np.argmax(between)])
    halves = blocks[:split], blocks[split:]
    step = np.repeat([np.median(half) for half in halves], [half.size for half in halves])
    if abs(step[-1] - step[0]) <= PRACTICAL * abs(np.median(blocks)):
        return step, False
    within = sum(float(((half - half.mean()) ** 2).sum()) for half in halves)
    dependence = n / effective_size(blocks - step)
    t = float(stdtrit(n - 2, 1 - SIGNIFICANCE / (2 * sizes.size)))
    return step, bool(between.max() * (n - 2) > t * t * dependence * within)
