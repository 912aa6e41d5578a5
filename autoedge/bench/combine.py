"""Figures over several fresh processes, each of which gave one value.

Calls of one process share memory layout, page cache and clock state, so its own interval says nothing about the next
process. What repeats is the process: intervals here have processes as their units, or add the spread between them.
Positive values are taken on the logarithmic scale, where noise of computers multiplies; a set of values with one at
or below zero (energy above idle, memory above an empty runtime) is taken as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.intervals import z_quantile
from autoedge.bench.percentile import as_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

_PAIR = 2
_NOTHING_KNOWN = 300.0  # a factor of e ** 300 either way: two processes that have nothing in common, kept finite
_HALVINGS = 52  # of [-1, 1]: as fine as floats


def _t_quantile(level: float, dof: float) -> float:
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, but got {level}")
    return float(stdtrit(dof, (1 + level) / 2))


def combine(
    process_values: Sequence[float],
    *,
    level: float = 0.95,
    within: Sequence[float] | None = None,
    drift: tuple[float, int] = (0.0, 0),
) -> tuple[float, float, float]:
    """The geometric mean of at least two processes with Student's t interval on the logarithms.

    The geometric mean and not the median, since an interval of the median of six processes ends at 96.9 % and looks
    need more. With a value at or below zero: the mean, and t on the values. Values that agree exactly (memory in whole
    pages) give an interval of no width.

    Args:
        process_values: One value a process, in one unit.
        level: Confidence.
        within: Standard error of each value inside its process, in the same unit. It puts a floor under the spread:
            a few processes that agree by luck do not agree better than each is known.
        drift: Standard deviation of logarithms between occasions and its degrees of freedom, from ``drift_between``.
            Processes of one occasion share its drift, which their number does not average out; the two parts add up
            with Satterthwaite's degrees of freedom (Biometrics Bulletin 2 (1946) 110-114).

    Returns:
        Value, low and high, in the unit of the values.

    Raises:
        ValueError: Fewer than two values, one that is not finite, or ``within`` of another length or negative.
    """
    values = as_series(process_values)
    if values.size < _PAIR:
        raise ValueError(f"processes are combined from two on, but got {values.size}; one alone has single()")
    errors = np.zeros(values.size) if within is None else as_series(within)
    if errors.shape != values.shape or (errors < 0).any():
        raise ValueError(f"within holds one standard error a process, none negative, but got {within}")
    if (values > 0).all():
        centre, spread = _log_moments(values)
        spread = max(spread, math.sqrt(float(np.mean((errors / values) ** 2))))
        half = min(_half_width(spread**2 / values.size, values.size - 1, drift, level), _NOTHING_KNOWN)
        return centre, centre * math.exp(-half), centre * math.exp(half)
    centre = float(values.mean())
    half = _t_quantile(level, values.size - 1) / math.sqrt(values.size)
    half *= max(float(np.std(values, ddof=1)), math.sqrt(float(np.mean(errors**2))))
    return centre, centre - half, centre + half


def _half_width(variance: float, dof: int, drift: tuple[float, int], level: float) -> float:
    """Half of a t interval whose variance has a part from processes and a part from occasions."""
    shared = drift[0] ** 2 if drift[1] else 0.0
    total = variance + shared
    if total == 0:
        return 0.0
    parts = variance**2 / dof + (shared**2 / drift[1] if shared else 0.0)
    return _t_quantile(level, max(1.0, total**2 / parts)) * math.sqrt(total)


def drift_between(candidates: Sequence[Sequence[Sequence[float]]]) -> tuple[float, int]:
    """How far a candidate's level moves from one occasion to another, pooled over candidates seen on several.

    One-way random effects by the method of moments: the variance of the occasions' mean logarithms, less what the
    spread inside occasions explains.

    Args:
        candidates: For each candidate, for each occasion, the values of its processes. Candidates seen on one occasion,
            or with a value at or below zero, tell nothing.

    Returns:
        The standard deviation of the logarithms and its degrees of freedom; (0, 0) if nothing is known.

    Source: Searle, Casella and McCulloch, Variance Components (1992), section 3.6.
    """
    inside, _ = between_spread([occasion for occasions in candidates for occasion in occasions])
    squares, dof = 0.0, 0
    for occasions in candidates:
        if len(occasions) < _PAIR or any(value <= 0 for occasion in occasions for value in occasion):
            continue
        means = np.array([np.log(occasion).mean() for occasion in occasions])
        explained = inside**2 * float(np.mean([1 / len(occasion) for occasion in occasions]))
        squares += (float(np.var(means, ddof=1)) - explained) * (len(occasions) - 1)
        dof += len(occasions) - 1
    return (math.sqrt(max(0.0, squares / dof)), dof) if dof else (0.0, 0)


def _log_moments(values: NDArray[np.float64]) -> tuple[float, float]:
    """Geometric mean, and standard deviation of the logarithms; exact where all values are equal."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 0.0
    logs = np.log(values)
    return min(high, max(low, math.exp(logs.mean()))), float(np.std(logs, ddof=1))


def between_spread(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The spread between processes, pooled over candidates that ran in several.

    Args:
        groups: For each candidate the values of its processes. Groups of one value, or with a value at or below zero,
            tell nothing about relative spread and are left out.

    Returns:
        The standard deviation of the logarithms (0.02 is 2 %) and its degrees of freedom; (0, 0) if nothing is known.

    Raises:
        ValueError: A value is not finite.
    """
    squares, dof = 0.0, 0
    for group in groups:
        values = as_series(group) if len(group) else np.zeros(0)
        if values.size >= _PAIR and (values > 0).all():
            squares += _log_moments(values)[1] ** 2 * (values.size - 1)
            dof += values.size - 1
    return (math.sqrt(squares / dof), dof) if dof else (0.0, 0)


def single(
    value: float, low: float, high: float, spread: float, dof: int, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of one process's value, widened so that it covers what other processes would give on average.

    Each side becomes the root of the sum of squares of its own length and t(dof) x ``spread``, on the logarithmic
    scale (with an end at or below zero: on the plain scale, the spread relative to the value's size). The spread holds
    the noise within its own processes too, so the result errs on the wide side.

    Args:
        value: Of the one process.
        low: Lower end of its interval within the process, at the same level.
        high: Upper end.
        spread: Standard deviation of logarithms between processes, from ``between_spread``.
        dof: Its degrees of freedom, at least one.
        level: Confidence.

    Returns:
        Low and high, in the unit of the value.

    Raises:
        ValueError: The value lies outside its interval, or no spread is known.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= value <= high):
        raise ValueError(f"a finite interval holds its value, but got {low} <= {value} <= {high}")
    if not (dof >= 1 and math.isfinite(spread) and spread >= 0):
        raise ValueError(f"a spread between processes takes a candidate that ran twice, but got {spread} of dof {dof}")
    beyond = _t_quantile(level, dof) * spread
    if low > 0:
        return (
            value * math.exp(-math.hypot(math.log(value / low), beyond)),
            value * math.exp(math.hypot(math.log(high / value), beyond)),
        )
    beyond *= abs(value)
    return value - math.hypot(value - low, beyond), value + math.hypot(high - value, beyond)


def ratio(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """The ratio a / b of the geometric means of two sets of processes, with Welch's t interval on the logarithms.

    Args:
        a: One positive value a process, at least two.
        b: Likewise, in the same unit.
        level: Confidence.

    Returns:
        Value, low and high; without unit.

    Raises:
        ValueError: Fewer than two values, or one that is not positive and finite.

    Source: B. L. Welch, Biometrika 34 (1947) 28-35.
    """
    sides = [as_series(a), as_series(b)]
    for values in sides:
        if values.size < _PAIR or (values <= 0).any():
            raise ValueError(f"a ratio takes two or more positive values on each side, but got {values.tolist()}")
    (centre_a, spread_a), (centre_b, spread_b) = map(_log_moments, sides)
    shares = [spread_a**2 / sides[0].size, spread_b**2 / sides[1].size]
    variance, value, half = sum(shares), centre_a / centre_b, 0.0
    if variance > 0:
        # Welch's degrees of freedom, in shares of the whole so that nothing underflows.
        dof = 1 / sum((share / variance) ** 2 / (side.size - 1) for share, side in zip(shares, sides, strict=True))
        half = _t_quantile(level, dof) * math.sqrt(variance)
    return value, value * math.exp(-half), value * math.exp(half)


def difference_paired(correct_a: ArrayLike, correct_b: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """The accuracy of a less that of b on the same samples, with Tango's score interval.

    With a the reference and b the candidate this is the accuracy drop. The interval holds zero exactly when McNemar's
    test at the same level sees no difference.

    Args:
        correct_a: Whether a was right, one boolean a sample.
        correct_b: Whether b was right, on the same samples in the same order.
        level: Confidence.

    Returns:
        Value, low and high; fractions from -1 to 1.

    Raises:
        ValueError: The two are no boolean arrays of one length, or empty.

    Source: T. Tango, Statistics in Medicine 17 (1998) 891-908, equations 24 to 26.
    """
    one, other = np.asarray(correct_a), np.asarray(correct_b)
    if one.dtype != np.bool_ or other.dtype != np.bool_ or one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ValueError(
            "pairs are two boolean arrays of one length, at least one sample, "
            f"but got {one.dtype} {one.shape} and {other.dtype} {other.shape}"
        )
    n, z = one.size, z_quantile(level)
    only_a, only_b = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    value = (only_a - only_b) / n

    def refused(delta: float) -> bool:
        """Whether the score test refuses a true difference of ``delta``."""
        b = only_a + only_b - (2 * n - only_a + only_b) * delta
        root = math.sqrt(max(0.0, b * b + 8 * n * only_b * delta * (1 - delta)))
        share_b = max(0.0, (root + b) / (4 * n))  # the likeliest share of "only b" under delta
        variance = n * max(0.0, 2 * share_b + delta * (1 - delta))
        return (only_a - only_b - n * delta) ** 2 > z * z * variance

    def end(outer: float) -> float:
        inner = value
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if refused(middle) else (middle, outer)
        return inner

    return value, end(-1.0), end(1.0)
