"""Three ways from a trace to the energy of a window, and what each leaves open.

A counter is read at both edges; a fast meter's power is integrated; a slow meter's load must be steady and its power is
averaged once it has settled.

A first-order instrument loses step x time constant at an edge; limits are told as rectangular (JCGM 100:2008, 4.3.7).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoedge.bench.steady import classify
from autoedge.bench.uncertainty import rounding, standard_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace

    Series = NDArray[np.float64]

_TIME_CONSTANTS = 3
"""How many time constants a meter's settling time holds."""
_LOCAL = 21
"""Samples whose mean counts as the level around each of them."""
_FEWEST = 4


class Window(NamedTuple):
    """A stretch of a trace's clock.

    Attributes:
        start_s: Where it begins.
        end_s: Where it ends.
        clock_s: By how much either edge may be off, such as the bound of two clocks' offset.
    """

    start_s: float
    end_s: float
    clock_s: float = 0.0

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


class Integral(NamedTuple):
    """An energy as one of the three ways gives it.

    Attributes:
        energy_j: Gross energy of the window.
        quantisation_j: Standard uncertainty by the steps that the meter shows.
        noise_j: By what the readings scatter.
        edges_j: By what happened at the edges between two readings.
        unsteady_j: Limit of what a changing load may have hidden from a slow meter.
        n: Readings used.
        n_eff: Independent ones that they are worth.
    """

    energy_j: float
    quantisation_j: float
    noise_j: float
    edges_j: float
    unsteady_j: float
    n: int
    n_eff: float


def finite(trace: Trace) -> tuple[Series, Series]:
    """Time and power of the samples that are there."""
    there = np.isfinite(trace.power_w)
    return trace.time_s[there], trace.power_w[there]


def by_counter(trace: Trace, window: Window) -> Integral:
    """The difference of the energy counter between the edges, both interpolated: acc(t1) - acc(t0)."""
    there = np.isfinite(trace.energy_j)
    time, energy = trace.time_s[there], trace.energy_j[there]
    edges = np.array(window[:2])
    readings = np.interp(edges, time, energy)
    power = trace.power_w[there][[0, -1]]
    beyond = np.maximum([time[0] - edges[0], edges[1] - time[-1]], 0.0)  # read a little after the start, before the end
    readings += beyond * power * (-1, 1)
    place = np.clip(np.searchsorted(time, edges, "right"), 1, time.size - 1)
    between = np.maximum(time[place] - time[place - 1], beyond) / 4  # largest error of a straight line through a kink
    n = max(0, int(place[1] - place[0])) + 2
    return Integral(
        energy_j=float(readings[1] - readings[0]),
        quantisation_j=(trace.spec.energy_resolution_j or 0.0) / math.sqrt(6),  # difference of two rounded values
        noise_j=0.0,
        edges_j=_edges(trace, window, between + _lag(trace.spec) + window.clock_s),
        unsteady_j=0.0,
        n=n,
        n_eff=float(n),
    )


def by_trapezoid(trace: Trace, window: Window) -> Integral:
    """The trapezoidal integral of the power, both edges interpolated; for meters that follow the load."""
    time, power = finite(trace)
    inside = (time > window.start_s) & (time < window.end_s)
    ends = np.interp([window.start_s, window.end_s], time, power)
    times = np.concatenate([[window.start_s], time[inside], [window.end_s]])
    powers = np.concatenate([ends[:1], power[inside], ends[1:]])
    error, worth = standard_error(_about_local_level(powers))
    half = np.full(2, _period(trace.spec, time[inside]) / 2)  # largest error of a straight line through a step
    return Integral(
        energy_j=_area(times, powers),
        quantisation_j=rounding(trace.spec.resolution_w) * window.length_s,
        noise_j=error * window.length_s,
        edges_j=_edges(trace, window, half + _lag(trace.spec) + window.clock_s),
        unsteady_j=0.0,
        n=int(inside.sum()),
        n_eff=worth,
    )


def by_settled_mean(trace: Trace, window: Window) -> Integral:
    """The time-weighted mean of the settled samples times the window's length; for slow meters and steady loads.

    Left out are, at the start, the settling time, one update (the shown value may be so old) and what the clocks leave
    open; at the end the settling time and the clocks'. A load that changes its level in between is told by
    ``unsteady_j``: the part left out may have had any level that the settled part showed.
    """
    time, power = finite(trace)
    first, last = settled_part(trace.spec, window)
    inside = (time >= first) & (time <= last)
    times, powers = time[inside], power[inside]
    if times.size < _FEWEST:
        mean = float(powers.mean()) if powers.size else math.nan
        return Integral(mean * window.length_s, math.nan, math.nan, 0.0, math.nan, int(times.size), 1.0)
    mean = _area(times, powers) / (times[-1] - times[0]) if times[-1] > times[0] else float(powers.mean())
    steady = classify(powers) == "flat"
    levels = _levels(powers, 3 if steady else 20)
    level = np.full(powers.size, powers.mean()) if steady else levels
    error, worth = standard_error(powers - level)
    # After three time constants a step is shown but for 5 % of it.
    rest = math.exp(-_TIME_CONSTANTS) * (_lag(trace.spec) + trace.spec.update_period_s)
    hidden = window.length_s - (last - first) + trace.spec.update_period_s
    return Integral(
        energy_j=mean * window.length_s,
        quantisation_j=rounding(trace.spec.resolution_w) * window.length_s,
        noise_j=error * window.length_s,
        edges_j=_edges(trace, window, np.array([rest, 0.0])),
        unsteady_j=hidden * float(np.ptp(levels)),
        n=int(times.size),
        n_eff=min(worth, 1 + (last - first) / trace.spec.update_period_s),
    )


def settled_part(spec: MeterSpec, window: Window) -> tuple[float, float]:
    """Where, within a window, a slow meter's values speak of nothing but the window."""
    lead_in = spec.settling_s + spec.update_period_s + window.clock_s
    return window.start_s + lead_in, window.end_s - spec.settling_s - window.clock_s


def _lag(spec: MeterSpec) -> float:
    """Time constant of a meter as a first-order low-pass: it loses step x time constant at an edge."""
    return spec.settling_s / _TIME_CONSTANTS


def _area(times: Series, powers: Series) -> float:
    """Sum of 0.5 (P_i + P_{i+1}) (t_{i+1} - t_i)."""
    return float(np.diff(times) @ (powers[1:] + powers[:-1]) / 2)


def _period(spec: MeterSpec, time: Series) -> float:
    """Time between two values: as the meter says, or as they came where that is longer."""
    return max(spec.update_period_s, float(np.median(np.diff(time))) if time.size > 1 else 0.0)


def _edges(trace: Trace, window: Window, seconds: Series) -> float:
    """Standard uncertainty by the edges: step of the load there x so many seconds of it, rectangular."""
    time, power = finite(trace)
    reach = max(10 * _period(trace.spec, time), trace.spec.settling_s, 2 * window.clock_s)
    limits = []
    for edge, long, way in zip(window[:2], seconds, (1, -1), strict=True):
        side = way * (time - edge)
        within, without = power[(side >= 0) & (side <= reach)], power[(side < 0) & (side >= -reach)]
        step = (float(within.mean()) if within.size else 0.0) - (float(without.mean()) if without.size else 0.0)
        limits.append(abs(step) * float(long))
    return math.hypot(*limits) / math.sqrt(3)


def _about_local_level(powers: Series) -> Series:
    """What is left of each value without the mean of its neighbourhood: changes that the samples do not resolve."""
    width = min(_LOCAL, (powers.size - 1) // 2 * 2 + 1)
    if width < _FEWEST:
        width = powers.size
    sums = np.cumsum(np.concatenate([[0.0], powers]))
    first = np.clip(np.arange(powers.size) - width // 2, 0, powers.size - width)
    rest: Series = powers - (sums[first + width] - sums[first]) / width
    return rest * math.sqrt(width / max(width - 1, 1))  # the level took up some of it


def _levels(powers: Series, most: int) -> Series:
    """The mean of each of up to ``most`` equal stretches, five values each or more, at each value."""
    stretches = np.array_split(powers, max(1, min(most, powers.size // 5)))
    levels: Series = np.concatenate([np.full(part.size, part.mean()) for part in stretches])
    return levels
