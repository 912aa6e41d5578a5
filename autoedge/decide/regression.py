"""Has a figure become worse? Two candidates measured in pairs, held against a practical limit.

Each pair is measured close together in time and in random order, so that what the machine does meanwhile hits both. If
nothing has changed, a pair's difference is then as likely one way as the other, whatever the noise is like: that is all
that the signed-rank test needs, and why its errors are exact where those of a t test rest on the bell curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.metric import Metric

PRACTICAL = 0.02
"""A smaller change for the worse is none that anybody acts on (measurement protocol, A versus B)."""
FALSE_ALARM = 0.01
"""Chance that anything unchanged is called regressed, over all looks and all metrics of a gate."""
OVERLOOKED = 0.05
"""Chance that a metric that is worse by the limit is called held, over all looks."""


_MOST = 1e9


class Regression(StrEnum):
    """How a metric of the new candidate compares with that of the base."""

    HELD = "held"
    REGRESSED = "regressed"
    UNDECIDED = "undecided"
    UNJUDGED = "not judged"


@dataclass(frozen=True)
class Change:
    """One metric of the new candidate held against the base's.

    Attributes:
        metric: Which.
        outcome: Worse by more than the limit, surely not, too close to tell, or nothing that could be told.
        worse: By how much, as a fraction of the base: 0.1 is 10 % worse, whichever way the metric goes; None unjudged.
        low: It is at least this much worse, as sure as an alarm must be; None where there are too few pairs to say.
        high: It is at most this much worse, as sure as a pass must be; None likewise.
        pairs: That it rests on; 0 where it is no matter of chance.
        base: The base's figure with its 95 % interval.
        now: The new candidate's.
        note: What the reader must know.
    """

    metric: Metric
    outcome: Regression
    worse: float | None
    low: float | None
    high: float | None
    pairs: int
    base: Value | None
    now: Value | None
    note: str = ""


def held_against(
    metric: Metric,
    figures: tuple[Value, Value],
    pairs: Sequence[tuple[float, float]],
    *,
    limit: float = PRACTICAL,
    share: float = 1.0,
    family: int = 1,
) -> Change:
    """Hold a metric of the new candidate against the base's, process by process.

    Regressed: surely worse than the base, and by more than the limit as estimated. Held: surely not worse by the limit.
    The estimate is the median of the pairwise means of the pairs' log ratios, and its bounds are order statistics of
    those means. Where a figure is at or below zero, differences relative to the base's median size stand for the log
    ratios.

    Args:
        metric: Which; says which side is better.
        figures: Of the base and of the new candidate, for the reader.
        pairs: One figure of the base and one of the new candidate each, in the order measured.
        limit: Smallest change that matters, above 0.
        share: Of the errors, that this look may spend; above 0, at most 1.
        family: How many metrics are judged together.

    Source: J. L. Hodges and E. L. Lehmann, Annals of Mathematical Statistics 34 (1963) 598-611; bounds by F. Wilcoxon's
        signed-rank test (1945); looks by Bonferroni's inequality.
    """
    if not (limit > 0 and 0 < share <= 1 and family >= 1):
        raise ValueError(f"a limit is above 0, a share up to 1, a family 1 or more, but got {limit}, {share}, {family}")
    differences, logarithmic = _differences(metric, pairs)
    walsh = _walsh(differences)
    middle = float(np.median(walsh)) if walsh.size else 0.0
    low = _bound(walsh, len(pairs), FALSE_ALARM * share / family)
    mirrored = _bound(np.sort(-walsh), len(pairs), OVERLOOKED * share)
    high = None if mirrored is None else -mirrored
    matters = math.log1p(limit) if logarithmic else limit
    if low is not None and low > 0 and middle > matters:
        outcome = Regression.REGRESSED
    elif high is not None and high < matters:
        outcome = Regression.HELD
    else:
        outcome = Regression.UNDECIDED
    worse, least, most = (None if end is None else _share(end, logarithmic=logarithmic) for end in (middle, low, high))
    return Change(metric, outcome, worse, least, most, len(pairs), *figures)


def can_alarm(pairs: int, share: float, family: int) -> bool:
    """Whether so many pairs can ever be sure enough of a regression: all of them worse would do."""
    return _rank(pairs, FALSE_ALARM * share / family) > 0


def _share(difference: float, *, logarithmic: bool) -> float:
    """A difference as a fraction of the base; JSON knows no infinity, and a factor of a billion is enough."""
    plain = math.expm1(min(difference, math.log(_MOST))) if logarithmic else difference
    return max(-_MOST, min(_MOST, plain))


def of_data(metric: Metric, base: Value, now: Value, limit: float = PRACTICAL) -> Change:
    """Hold a figure that does not vary from process to process against the base's: file size, quality on given data.

    Args:
        metric: Which.
        base: The base's figure.
        now: The new candidate's.
        limit: Smallest relative change that matters.
    """
    lost = (now.value - base.value) * (1.0 if metric.direction == "minimize" else -1.0)
    worse = lost / abs(base.value) if base.value else math.copysign(math.inf, lost) if lost else 0.0
    outcome = Regression.REGRESSED if worse > limit else Regression.HELD
    worse = max(-_MOST, min(_MOST, worse))
    return Change(metric, outcome, worse, worse, worse, 0, base, now, "the same in every process")


def unjudged(metric: Metric, base: Value | None, now: Value | None, note: str) -> Change:
    """A metric of which nothing can be said, and why."""
    return Change(metric, Regression.UNJUDGED, None, None, None, 0, base, now, note)


def undecided(metric: Metric, base: Value | None, now: Value | None, note: str) -> Change:
    """A metric that should have been held against the base and could not be, and why: that passes nothing."""
    return Change(metric, Regression.UNDECIDED, None, None, None, 0, base, now, note)


def comparable(base: Value, now: Value) -> bool:
    """Whether two figures may be held against each other: an estimate says nothing of a change."""
    return Source.ESTIMATED not in (base.source, now.source)


def _differences(metric: Metric, pairs: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], bool]:
    """By pair, how much worse the new one is, and whether that is on the logarithmic scale."""
    base, new = np.asarray(pairs, float).reshape(-1, 2).T
    if not (np.isfinite(base).all() and np.isfinite(new).all()):
        raise ValueError(f"pairs are of finite figures, but got {pairs}")
    sign = 1.0 if metric.direction == "minimize" else -1.0
    if (base > 0).all() and (new > 0).all():
        return np.asarray(sign * (np.log(new) - np.log(base))), True
    size = float(np.median(np.abs(base))) or 1.0
    return np.asarray(sign * (new - base) / size), False


def _walsh(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of all pairs of differences, each with itself too, ascending."""
    rows, columns = np.triu_indices(differences.size)
    return np.sort((differences[rows] + differences[columns]) / 2)


def _bound(walsh: NDArray[np.float64], n: int, error: float) -> float | None:
    """The lower one-sided confidence bound; None where so few pairs cannot be so sure."""
    rank = _rank(n, error)
    return float(walsh[rank - 1]) if rank else None


@cache
def _rank(n: int, error: float) -> int:
    """The largest k with P(W <= k - 1) <= error, for W the signed-rank statistic of n pairs without any change."""
    chances = np.ones(1)
    for rank in range(1, n + 1):  # each rank is added or not, as a coin falls
        shifted = np.concatenate([np.zeros(rank), chances])
        chances = (np.pad(chances, (0, rank)) + shifted) / 2
    return int(np.searchsorted(np.cumsum(chances), error, side="right"))
