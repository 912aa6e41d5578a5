"""Whether a soak's calls became slower for good: a decision with stated error rates, made for noisy machines.

What other work does to a call (preemption, shared caches) shows in its slow quantiles long before it shows in its quick
ones, while a processor that is held back makes every call slower. So the level is judged by the quick calls: the tenth
percentile of each block of time, with the quartile as a witness.

The rule: the level of the last third exceeds the level before the change by more than 10 %, the quartile agrees with at
least half of that, and Student's test of the best single step says so at 0.5 %, Bonferroni over all places of the step,
dependent blocks counted for fewer. Simulated in ``tests/bench/test_slowdown.py``: no more than 1 % of flat series are
called slower, with autocorrelated noise, spikes and bursts of other work, and at least 95 % of those slowed by 20 %
midway are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.intervals import effective_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRACTICAL = 0.10
"""Changes up to this share are no slowdown, however sure."""
SIGNIFICANCE = 0.005
"""One-sided, of the test over all places of the step."""
FEWEST_BLOCKS, MOST_BLOCKS = 12, 120
"""Below the first, nothing can be said."""
QUANTILES = (0.10, 0.25)
"""Of the durations in a block: what is judged, and the witness."""

_BLOCK_S, _BLOCK_CALLS = 0.25, 10
_CLIPPED = (0.02, 0.98)
_SHORTEST = 1 / 40  # of the blocks, before a step
_LASTING = 1 / 6  # of the blocks, after it
_FIRST, _LAST = 1 / 5, 1 / 3


@dataclass(frozen=True)
class Slowdown:
    """What became of the level of a soak.

    Attributes:
        found: Whether it rose for good.
        share: By how much the last third takes longer than the calls before the change: 0.2 is 20 %.
        time_s: When it changed, from the beginning; where nothing did, the likeliest moment all the same.
        blocks: Blocks that it was judged by; 0 where there were too few to judge.
    """

    found: bool
    share: float
    time_s: float
    blocks: int


def slowdown(durations: NDArray[Any], ends_s: NDArray[np.float64]) -> Slowdown:
    """Judge a soak.

    Args:
        durations: Of calls, in the order of time, any unit.
        ends_s: When each ended, in s from the beginning.

    Source: the step: Worsley, JASA 74 (1979) 365-367, with Bonferroni's bound; effective sizes: Yue and Wang, Water
    Resources Management 18 (2004) 201-218.
    """
    edges, levels = _levels(durations, ends_s)
    n = len(edges)
    if n < FEWEST_BLOCKS:
        return Slowdown(found=False, share=0.0, time_s=0.0, blocks=0)
    quick, witness = levels
    split, sure = _step(np.clip(quick, *np.quantile(quick, _CLIPPED)))
    rises = [_rise(series, split) for series in (quick, witness)]
    limit = math.log1p(PRACTICAL)
    found = sure and rises[0] > limit and rises[1] > limit / 2
    return Slowdown(bool(found), math.expm1(rises[0]), float(edges[split]), n)


def _levels(durations: NDArray[Any], ends_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Beginnings in s of equal blocks of time, (blocks,), and logarithms of their quantiles, (2, blocks).

    Blocks without a few calls, as while a machine slept, are left out.
    """
    length = float(ends_s[-1]) if len(ends_s) else 0.0
    count = int(min(MOST_BLOCKS, length / _BLOCK_S, len(durations) / _BLOCK_CALLS))
    if count < FEWEST_BLOCKS:
        return np.empty(0), np.empty((2, 0))
    edges = np.linspace(0.0, length, count + 1)[:-1]
    pieces = np.split(durations, np.searchsorted(ends_s, edges[1:]))
    usable = [i for i, piece in enumerate(pieces) if len(piece) >= _BLOCK_CALLS / 2]
    quantiles = [np.quantile(pieces[i], QUANTILES) for i in usable]
    return edges[usable], np.log(np.maximum(np.array(quantiles).reshape(-1, 2).T, 1e-12))


def _step(series: NDArray[np.float64]) -> tuple[int, bool]:
    """Where the best single rise begins, and whether Student's test is sure of it."""
    from scipy.special import stdtrit

    n = series.size
    sizes = np.arange(max(3, int(n * _SHORTEST)), n - int(n * _LASTING) + 1)
    totals = np.cumsum(series - series.mean())
    # Of each split, the root of the sum of squares that it explains; positive where the series rises.
    explained = -totals[sizes - 1] * np.sqrt(n / (sizes * (n - sizes)))
    best = int(np.argmax(explained))
    split = int(sizes[best])
    step = np.concatenate([np.full(part.size, np.median(part)) for part in (series[:split], series[split:])])
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in (series[:split], series[split:]))
    dependence = n / effective_size(series - step)
    t = float(stdtrit(n - 2, 1 - SIGNIFICANCE / sizes.size))
    return split, bool(explained[best] > t * math.sqrt(dependence * within / (n - 2)))


def _rise(series: NDArray[np.float64], split: int) -> float:
    """How far the last third lies above the first blocks, none of them from after the step."""
    n = series.size
    first = series[: min(split, max(3, int(n * _FIRST)))]
    return float(np.median(series[-int(n * _LAST) :]) - np.median(first))
