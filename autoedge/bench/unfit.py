"""What a meter is not fit for: windows too short or too faint, holes, overloads, loads that move too fast for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from autoedge.bench.integrals import Integral, Window
    from autoedge.meters.trace import Trace

SHARE = 0.01
"""Neither a step of the meter nor what a moving load hides may be more than this share of the energy."""
STREAM_S = 0.01
"""Meters at least so fast stream, and lose samples by fault only."""
MISSING = 1e-3
"""Share of a stream's samples that may be missing: the limit of the EEMBC energy runner."""
HOLES = 0.1
"""Share of a window without values that a meter which answers questions may leave."""
FEWEST = 10
"""Values that a mean power takes."""


def why_unfit(trace: Trace, window: Window, integral: Integral, *, counter: bool) -> str:
    """Why the energy of a window is not to be trusted; empty where it is.

    Args:
        trace: The recording.
        window: On its clock.
        integral: The window's energy.
        counter: Whether it comes from a counter, which needs no values between the edges unless it is summed up here.

    Returns:
        All reasons in one line.
    """
    reasons = [*_coverage(trace, window), *_length(trace, window), *_load(trace, window, integral, counter=counter)]
    if trace.counts.overloads:
        reasons.append(f"{trace.counts.overloads} values lay beyond the range of {trace.spec.name}")
    # Values that an instrument sent and that were lost: the sum of a stream is no better than the stream.
    if not counter or np.isnan(trace.power_w[_inside(trace, window)]).any():
        reasons += _gaps(trace, window, integral.n)
    return "; ".join(reasons)


def _inside(trace: Trace, window: Window) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (trace.time_s >= window.start_s) & (trace.time_s <= window.end_s)
    return inside


def _coverage(trace: Trace, window: Window) -> Iterator[str]:
    there = trace.time_s[np.isfinite(trace.power_w)]
    tolerated = trace.spec.settling_s + 2 * trace.spec.update_period_s
    if there[-1] < window.end_s - tolerated:
        why = f"the meter was lost ({trace.lost})" if trace.lost else "the recording ends"
        yield f"{why} {window.end_s - there[-1]:.2f} s before the window does"
    if there[0] > window.start_s + tolerated:
        yield f"the recording begins {there[0] - window.start_s:.2f} s after the window"


def _length(trace: Trace, window: Window) -> Iterator[str]:
    spec = trace.spec
    shortest = spec.shortest_window_s + 2 * (spec.settling_s + window.clock_s)
    if window.length_s < shortest * (1 - 1e-9):
        yield f"the window is too short: {window.length_s:.2f} s, and {spec.name} takes {shortest:.1f} s"


def _load(trace: Trace, window: Window, integral: Integral, *, counter: bool) -> Iterator[str]:
    spec, power = trace.spec, integral.energy_j / window.length_s
    if not power > 0:
        yield f"{spec.name} shows no power" if power <= 0 else "no value lies in the settled part of the window"
        return
    if not counter and spec.resolution_w > SHARE * power:
        yield f"the load is too small: {power:.3g} W, and {spec.name} shows steps of {spec.resolution_w:.3g} W"
    if integral.unsteady_j > SHARE * integral.energy_j:
        yield (
            f"the load is not steady, and what {spec.name} cannot follow may be "
            f"{integral.unsteady_j / integral.energy_j:.1%} of the energy; take a longer window or a faster meter"
        )


def _gaps(trace: Trace, window: Window, n: int) -> Iterator[str]:
    time = trace.time_s[_inside(trace, window) & np.isfinite(trace.power_w)]
    steps = np.diff(np.concatenate([[window.start_s], time, [window.end_s]]))
    period = max(trace.spec.update_period_s, float(np.median(steps)))
    if n < FEWEST:
        yield f"{n} values are too few"
    elif period <= STREAM_S:
        missing = int(np.maximum(np.rint(steps / period) - 1, 0).sum())
        if missing > MISSING * (missing + time.size):
            yield f"{missing} of {missing + time.size} samples are missing"
    elif (hole := float(np.maximum(steps - 2 * period, 0).sum())) > HOLES * window.length_s:
        yield f"{hole:.1f} s of the window hold no values"
