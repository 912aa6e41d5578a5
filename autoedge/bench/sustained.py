"""Sustained behaviour: what a soak's last third is like against its beginning, and what happened in between."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from autoedge.bench.energy import window_energy
from autoedge.bench.slowdown import slowdown
from autoedge.bench.soak_events import THROTTLING, events, trends
from autoedge.bench.summary import speed_metrics
from autoedge.intent.problem import escaped
from autoedge.measurement import Source, Value
from autoedge.metric import SUSTAINED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.metering import Recorded
    from autoedge.bench.slowdown import Slowdown
    from autoedge.bench.soak_events import Event, Trend
    from autoedge.bench.soak_series import SoakSeries
    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace

Behaviour = Literal["steady", "slowed down", "throttled", "not settled"]

FIGURES = ("latency_p50_ms", "latency_p95_ms", "throughput_ips", "power_w")
"""What is told of both ends of a soak."""
_LAST = 2 / 3
_OTHERS, _MORE_OTHERS = 0.10, 0.05  # of all processor time: other work that can explain slower calls
_ENOUGH = 0.7  # of a stretch
_WORDS = 200


@dataclass(frozen=True)
class Figure:
    """One metric at both ends of a soak.

    Attributes:
        initial: Over the first part; None where it could not be told.
        sustained: Over the last third; likewise.
        ratio: The second over the first.
    """

    initial: Value | None
    sustained: Value | None
    ratio: Value | None


@dataclass(frozen=True)
class Sustained:
    """What a soak came to.

    Attributes:
        behaviour: ``throttled`` when the hardware or the kernel held the processor back; else ``slowed down`` when
            calls became slower for good; else ``not settled`` when the soak was too short to say, the supply was too
            weak, or a temperature still rose; else ``steady``.
        reasons: Why, in words.
        initial_s: Length of the first part.
        figures: By metric key.
        slowdown: Of the calls' level.
        events: In the order of time.
        trends: Of the temperatures.
        others: Share of all processor time that other work took before the change of level and after it; None where
            the machine does not tell.
        notes: What a reader should know.
    """

    behaviour: Behaviour
    reasons: tuple[str, ...]
    initial_s: float
    figures: Mapping[str, Figure]
    slowdown: Slowdown
    events: tuple[Event, ...]
    trends: tuple[Trend, ...]
    others: tuple[float | None, float | None]
    notes: tuple[str, ...]

    @property
    def metrics(self) -> dict[str, Value]:
        """The sustained figures that an intent may limit, by metric key."""
        sustained = {name: self.figures[f"{name.removesuffix('_sustained')}_ms"].sustained for name in SUSTAINED}
        return {f"{name}_ms": value for name, value in sustained.items() if value is not None}

    @property
    def flags(self) -> tuple[str, ...]:
        """The behaviour as a flag; none when steady."""
        return () if self.behaviour == "steady" else (self.behaviour.replace(" ", "_"),)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def initial_seconds(seconds: float) -> float:
    """Length of a soak's first part: a tenth of it, but from 10 s to the first minute; no more than a third."""
    return min(seconds / 3, max(10.0, min(60.0, seconds / 10)))


def power_source(spec: MeterSpec) -> Source:
    """Where the values of a meter come from."""
    return Source.ESTIMATED if spec.scope == "estimate" else Source.MEASURED


def judge(series: SoakSeries, recorded: Recorded | None, batch: int, rate: float | None) -> Sustained:
    """Hold the end of a soak against its beginning.

    Args:
        series: The soak.
        recorded: A meter's traces of it; None without a meter.
        batch: Items in a call.
        rate: Items per second in use: the time to fill the batch, (batch - 1) / rate, is added to latencies.

    Raises:
        ValueError: A device made it up; also KeyError, TypeError and AttributeError.
    """
    first, last = (0.0, initial_seconds(series.seconds)), (series.seconds * _LAST, series.seconds)
    notes = [_loss(series, trace) for trace in (recorded.traces if recorded else ()) if trace.lost]
    told = []
    for ends in (first, last):
        calls = series.between(*ends)
        values = speed_metrics(calls, batch, rate) if len(calls) else {}
        power, why = _power(series, recorded, ends)
        told.append(values | power)
        notes += [f"power {ends[0]:.0f} to {ends[1]:.0f} s: {why}"] if why else []
    level = slowdown(series.durations_ns, series.ends_s)
    happened, heat = events(series.looks, series.before), trends(series.looks, series.seconds)
    others = series.others(0.0, level.time_s), series.others(level.time_s, series.seconds)
    if not heat:
        notes.append("the machine tells no temperatures, or too few: whether it had settled is not known")
    if series.every > 1:
        notes.append(f"one duration of {series.every} calls was kept")
    behaviour, reasons = _behaviour(level, happened, heat, others)
    figures = {key: _figure(told[0].get(key), told[1].get(key)) for key in FIGURES}
    return Sustained(behaviour, reasons, first[1], figures, level, happened, heat, others, tuple(notes))


def _behaviour(
    level: Slowdown, happened: Sequence[Event], heat: Sequence[Trend], others: tuple[float | None, float | None]
) -> tuple[Behaviour, tuple[str, ...]]:
    """The word for a soak, and all reasons against ``steady``."""
    held_back = [f"after {one.time_s:.0f} s: {one.detail}" for one in happened if one.kind in THROTTLING]
    slower = [f"calls take {level.share:.0%} longer, from about {level.time_s:.0f} s on"] if level.found else []
    open_ends = [f"after {one.time_s:.0f} s: {one.detail}" for one in happened if one.kind not in THROTTLING]
    before, after = others
    if slower and before is not None and after is not None and after > max(_OTHERS, before + _MORE_OTHERS):
        busy = f"while other work took {after:.0%} of the machine instead of {before:.0%}"
        open_ends.append(f"{slower.pop()}, {busy}: soak again on a quiet machine")
    if not level.blocks:
        open_ends.append("too short, or too few calls, to tell a change of level")
    rising = [one for one in heat if not one.settled]
    open_ends += [f"{one.zone} still rises: {one.rise_c:+.1f} C over the last third" for one in rising]
    reasons = (*held_back, *slower, *open_ends)
    if held_back:
        return "throttled", reasons
    if slower:
        return "slowed down", reasons
    return ("not settled" if open_ends else "steady"), reasons


def _loss(series: SoakSeries, trace: Trace) -> str:
    """When a meter was lost, and why."""
    why = escaped(trace.lost)[:_WORDS]
    if not len(trace.time_s):
        return f"the meter was lost before its first value: {why}"
    return f"the meter was lost after {max(0.0, trace.time_s[-1] - series.start_ns / 1e9):.0f} s: {why}"


def _power(series: SoakSeries, recorded: Recorded | None, ends: tuple[float, float]) -> tuple[dict[str, Value], str]:
    """Mean power of a stretch, or why there is none."""
    if recorded is None:
        return {}, ""
    start, end = (series.start_ns / 1e9 + edge for edge in ends)
    trace = next(
        (one for one in recorded.traces if len(one.time_s) and one.time_s[0] < end and one.time_s[-1] > start), None
    )
    if trace is None:
        return {}, "the meter gave no values"
    # The meter begins when it hears of the soak, and what it says at first is about the time before. The first part is
    # made longer where the meter needs that, up to half of the soak.
    spec = trace.spec
    begun, middle = max(start, trace.time_s[0] + spec.settling_s), (series.start_ns / 1e9) + series.seconds / 2
    needed = begun + spec.shortest_window_s + 2 * (spec.settling_s + recorded.clock_s)
    ended = min(max(end, min(needed, middle)), trace.time_s[-1])
    if ended - begun < _ENOUGH * (end - start):
        return {}, f"the meter's values cover {max(0.0, ended - begun):.1f} of {end - start:.1f} s"
    window = window_energy(trace, float(begun), float(ended), clock_s=recorded.clock_s)
    if window.refused:
        return {}, window.refused
    half = window.uncertainty_j / window.length_s
    how = f"mean, {window.method}, k = 2, {spec.name} at {spec.scope}"[:96]
    mean = window.mean_power_w
    return {"power_w": Value(mean, mean - half, mean + half, power_source(spec), how, window.n)}, ""


def _figure(initial: Value | None, sustained: Value | None) -> Figure:
    if initial is None or sustained is None or min(initial.low, sustained.low) <= 0:
        return Figure(initial, sustained, None)
    value = sustained.value / initial.value
    below = math.hypot(math.log(sustained.value / sustained.low), math.log(initial.high / initial.value))
    above = math.hypot(math.log(sustained.high / sustained.value), math.log(initial.value / initial.low))
    source = Source.ESTIMATED if Source.ESTIMATED in (initial.source, sustained.source) else Source.DERIVED
    ratio = Value(value, value * math.exp(-below), value * math.exp(above), source, "ratio of intervals", 1)
    return Figure(initial, sustained, ratio)
