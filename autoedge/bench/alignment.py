"""Two clocks aligned by the power itself: the device idles, works, and idles again, and the meter's trace shows it.

The pattern is laid over the trace at every offset, and the offset with the highest correlation is taken. How well it is
known follows from how far the pattern can be shifted before it fits worse than the readings' own scatter explains; with
few readings a second that is half the time between two of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoedge.bench.integrals import finite
from autoedge.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.meters.trace import Trace

    Series = NDArray[np.float64]

SIGNATURE = ((2.0, False), (2.0, True), (2.0, False))
"""Seconds, and whether all cores are busy: idle 2 s, busy 2 s, idle 2 s."""
CORRELATION = 0.8
"""Below this the trace does not show the pattern."""

_FINEST_S = 1e-3
_COARSE = 25.0
_FEWEST = 8
_LIKELY = 3.84  # chi-squared of one degree of freedom at 95 %
_TIME_CONSTANTS = 3


class Alignment(NamedTuple):
    """Where the pattern was found.

    Attributes:
        offset_s: The trace's clock reads that much more than the workload's; ``trace.shifted(-offset_s)`` is on the
            workload's. It holds the meter's own delay, which is what is wanted for its samples.
        bound_s: The offset is known to within +/- this.
        correlation: Of the trace with the pattern at that offset.
    """

    offset_s: float
    bound_s: float
    correlation: float


def align(
    trace: Trace,
    start_s: float,
    *,
    pattern: Sequence[tuple[float, bool]] = SIGNATURE,
    search_s: float = 5.0,
) -> Alignment:
    """The offset of a trace's clock from the clock of a workload that drew a pattern of power.

    Args:
        trace: Holds the pattern.
        start_s: When the pattern began, on the workload's clock.
        pattern: Its pieces: seconds, and whether busy.
        search_s: The offset lies within +/- this.

    Raises:
        MeterError: The trace does not show the pattern.
    """
    time, power = _thinned(*finite(trace))
    if time.size < _FEWEST:
        raise MeterError(f"{trace.spec.name}: {time.size} values are too few to find the pattern of power in")
    drawn = _Pattern(pattern, trace.spec.settling_s / _TIME_CONSTANTS)
    step = min(0.5 * float(np.median(np.diff(time))), search_s / _COARSE)
    coarse = np.arange(-search_s, search_s + step, max(step, 10 * _FINEST_S))
    fits = _correlations(time - start_s, power, drawn, coarse)
    best = float(coarse[int(np.argmax(fits))])
    fine = best + np.arange(-60, 61) * (coarse[1] - coarse[0]) / 20
    fits = _correlations(time - start_s, power, drawn, fine)
    highest = float(fits.max())
    if highest < CORRELATION:
        raise MeterError(
            f"{trace.spec.name}: the pattern of idle, busy, idle is not to be seen in the power (correlation "
            f"{highest:.2f}); stop other work on the device, or align the clocks by round trips"
        )
    inside = int(((time - start_s - best >= 0) & (time - start_s - best <= drawn.length_s)).sum())
    # Offsets whose misfit 1 - r^2 is no worse than chance makes it: the profile likelihood of the offset.
    likely = fine[1 - fits**2 <= (1 - highest**2) * (1 + _LIKELY / max(inside - 3, 1)) + 1e-9]
    low, high = float(likely.min()), float(likely.max())
    # One step of the grid at either end, and half the lag: how the meter lags is known no better.
    bound = (high - low) / 2 + float(fine[1] - fine[0]) + trace.spec.settling_s / _TIME_CONSTANTS / 2
    return Alignment((low + high) / 2, bound, highest)


class _Pattern:
    """The pattern as a meter with a first-order lag shows it: 0 at idle, 1 when busy."""

    def __init__(self, pieces: Sequence[tuple[float, bool]], tau_s: float) -> None:
        self._edges = np.cumsum([0.0, *(seconds for seconds, _ in pieces)])
        levels = np.array([float(busy) for _, busy in pieces])
        self._tau_s = tau_s
        self._steps = np.diff(np.concatenate([[0.0], levels]))
        self.length_s = float(self._edges[-1])

    def at(self, t: Series) -> Series:
        """Shown level at seconds since the pattern's start."""
        shown = np.zeros_like(t)
        for edge, step in zip(self._edges, self._steps, strict=False):
            since = t - edge
            if step and self._tau_s:
                shown += step * -np.expm1(-np.maximum(since, 0.0) / self._tau_s)
            elif step:
                shown += step * (since >= 0)
        return shown


def _correlations(time: Series, power: Series, pattern: _Pattern, offsets: Series) -> Series:
    """Pearson's correlation of power and pattern at each offset; 0 where too little of the trace lies under it."""
    fits = np.zeros(offsets.size)
    for index, offset in enumerate(offsets):
        first, last = np.searchsorted(time, [offset, offset + pattern.length_s])
        there, drawn = power[first:last], pattern.at(time[first:last] - offset)
        if there.size < _FEWEST or np.ptp(there) == 0 or np.ptp(drawn) == 0:
            continue
        fits[index] = np.corrcoef(there, drawn)[0, 1]
    return fits


def _thinned(time: Series, power: Series) -> tuple[Series, Series]:
    """Means over a millisecond where there are more values than one."""
    if time.size < 2 or float(np.median(np.diff(time))) >= _FINEST_S / 2:  # noqa: PLR2004 - a step takes two
        return time, power
    cells = np.floor((time - time[0]) / _FINEST_S).astype(np.int64)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(np.append(starts, time.size))
    return np.add.reduceat(time, starts) / counts, np.add.reduceat(power, starts) / counts
