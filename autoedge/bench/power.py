"""From a job's marks and a meter's traces to its energy figures, with what makes them invalid."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.energy import WindowEnergy, window_energy
from autoedge.bench.idle import Idle, amplification, drift, idle_power
from autoedge.bench.integrals import finite
from autoedge.bench.intervals import z_quantile
from autoedge.bench.metering import covers
from autoedge.bench.per_item import EnergyPerItem, PerItem, combine_windows
from autoedge.bench.uncertainty import rectangular
from autoedge.errors import MeterError
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from autoedge.bench.metering import Recorded
    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace

_OF_NET = frozenset({"energy_net", "battery_life"})
_RESTS = ("idle", "loaded", "end")
_COVERAGE = 2.0
_LEAST_VOLTS, _BOARD_VOLTS = 4.63, (4.0, 5.6)  # a Raspberry Pi's detector; what a 5 V supply may show


@dataclass(frozen=True)
class PowerOutcome:
    """What a meter says of one job.

    Attributes:
        metrics: Figures by metric key.
        details: Everything else worth keeping, as JSON values; ``systematic`` holds by metric key the share of a figure
            that the instrument may be off by, which no repetition reduces.
        flags: Validity flags.
        reason: Why the measurement is invalid; empty where it is not.
    """

    metrics: Mapping[str, Value] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    reason: str = ""


def power_outcome(
    spec: MeterSpec,
    recorded: Recorded,
    marks: Sequence[Mapping[str, Any]],
    key: Mapping[str, Any],
    wanted: Collection[str],
) -> PowerOutcome:
    """All power and energy figures of one job.

    Args:
        spec: The meter.
        recorded: Its traces on the device's clock.
        marks: The job's stretches.
        key: ``batch``, ``rate``, ``battery_wh``.
        wanted: Names of the metrics that the intent decides on; net energy that cannot be resolved makes a measurement
            invalid only where one of them needs it.
    """
    lost = next((trace.lost for trace in recorded.traces if trace.lost), "")
    if lost:
        return PowerOutcome(flags=("meter_lost",), reason=f"the meter {spec.name} was lost: {lost}")
    try:
        job = _Job(spec, recorded, marks, key)
        return job.outcome(frozenset(wanted))
    except MeterError as error:
        return PowerOutcome(flags=("meter_gap",), reason=str(error))


class _Job:
    """One job's stretches with what was drawn in them."""

    def __init__(
        self, spec: MeterSpec, recorded: Recorded, marks: Sequence[Mapping[str, Any]], key: Mapping[str, Any]
    ) -> None:
        self._spec = spec
        self._recorded = recorded
        self._marks = marks
        self._key = key
        self._rests = {name: self._rest(name) for name in _RESTS}
        self._idle = _together(self._rests["loaded"], self._rests["end"])
        self._windows = [self._energy(mark) for mark in self._named("energy")]
        if not self._windows:
            raise MeterError(f"{spec.name}: the job has no energy window")
        items = [max(1, mark["calls"]) * key["batch"] for mark in self._named("energy")]
        self._per = combine_windows(self._windows, items, self._idle)

    def _named(self, name: str) -> Iterator[Mapping[str, Any]]:
        return (mark for mark in self._marks if mark["name"] == name)

    def _trace(self, mark: Mapping[str, Any]) -> Trace:
        for trace in self._recorded.traces:
            if covers(trace, mark):
                return trace
        raise MeterError(f"{self._spec.name}: gave no values while the job was in '{mark['name']}'")

    def _rest(self, name: str) -> Idle:
        mark = next(self._named(name), None)
        if mark is None:
            raise MeterError(f"{self._spec.name}: the job tells of no stretch '{name}'")
        ends = (mark["start_ns"] / 1e9, mark["end_ns"] / 1e9)
        return idle_power(self._trace(mark), [ends], clock_s=self._recorded.clock_s, settled=True)

    def _energy(self, mark: Mapping[str, Any]) -> WindowEnergy:
        ends = (mark["start_ns"] / 1e9, mark["end_ns"] / 1e9)
        return window_energy(self._trace(mark), *ends, clock_s=self._recorded.clock_s)

    def outcome(self, wanted: frozenset[str]) -> PowerOutcome:
        """Figures, flags and details."""
        per, change = self._per, drift(self._rests["loaded"], self._rests["end"])
        rate = self._at_rate()
        net_refused = per.net.refused if per.net is not None and not per.gross.refused else ""
        flags = {
            "meter_window": per.gross.refused != "",
            "idle_drift": change.significant,
            "net_unresolved": net_refused != "",
            "undervoltage": self._undervolted(),
        }
        reason = per.gross.refused and f"energy cannot be told: {per.gross.refused}"
        if not reason and wanted & _OF_NET:
            if net_refused:
                reason = f"net energy cannot be told: {net_refused}"
            elif change.significant:
                reason = f"idle power drifted by {change.share:+.1%} during the measurement, so that net is in doubt"
        if flags["undervoltage"]:
            reason = reason or f"the supply fell below {_LEAST_VOLTS} V"
        metrics = {} if per.gross.refused else self._metrics(rate, net=not (net_refused or change.significant))
        return PowerOutcome(metrics, self._details(rate), tuple(name for name, up in flags.items() if up), reason)

    def _metrics(self, rate: WindowEnergy | None, *, net: bool) -> dict[str, Value]:
        per, spec, count = self._per, self._spec, len(self._windows)
        how = f"{self._windows[0].method}, {count} window{'s' * (count > 1)}, k = 2, {spec.name} at {spec.scope}"
        metrics = {
            "energy_mj": self._value(per.gross.energy_j * 1e3, per.gross.uncertainty_j * 1e3, f"gross, {how}"),
            "power_w": self._value(per.power_w, self._power_doubt(), f"mean, {how}"),
        }
        if per.net is not None and net:
            metrics["energy_net_mj"] = self._value(per.net.energy_j * 1e3, per.net.uncertainty_j * 1e3, f"net, {how}")
        if rate is not None and not rate.refused:
            metrics["power_at_rate_w"] = self._value(
                rate.mean_power_w, rate.uncertainty_j / rate.length_s, f"mean, {how}"
            )
        life = self._battery_life(metrics)
        return metrics if life is None else {**metrics, "battery_life_h": life}

    def _power_doubt(self) -> float:
        """Expanded uncertainty of the mean power in W: energy by time, whatever the number of calls in each window."""
        microseconds = [max(1, round(1e6 * window.length_s)) for window in self._windows]
        return 1e6 * combine_windows(self._windows, microseconds).gross.uncertainty_j

    def _battery_life(self, metrics: Mapping[str, Value]) -> Value | None:
        """From the power at the workload's rate where it was tried, else from idle and net."""
        rate, capacity = self._key["rate"], self._key["battery_wh"]
        if rate is None or capacity is None:
            return None
        source = self._source(Source.DERIVED)
        if "power_at_rate_w" in metrics:
            power = metrics["power_at_rate_w"]
            least = max(power.low, power.value / 100)
            ends = (capacity / power.value, capacity / power.high, capacity / least)
            return Value(*ends, source, "usable Wh / mean W at the workload's rate", 1)
        if "energy_net_mj" not in metrics or self._per.net is None:
            return None
        net = self._per.net
        power_w = self._idle.power_w + rate * net.energy_j
        # Offset counts again, since idle is part of the sum; gain is common to both terms.
        error = _COVERAGE * math.hypot(self._idle.error_w, self._instrument(power_w)) + rate * net.uncertainty_j
        low, high = capacity / (power_w + error), capacity / max(power_w - error, power_w / 100)
        return Value(capacity / power_w, low, high, source, "usable Wh / (idle W + rate x net J)", 1)

    def _instrument(self, power_w: float) -> float:
        """Standard uncertainty in W of what the instrument may be off by at a power."""
        return math.hypot(rectangular(self._spec.gain * power_w), rectangular(self._spec.offset_w))

    def _systematic_at_rate(self, rate: WindowEnergy | None) -> dict[str, float]:
        """Share of the figures at the workload's rate that the instrument may be off by, at k = 2."""
        items = self._key["rate"]
        if rate is not None:
            power_w = rate.mean_power_w
        elif items is not None and self._per.net is not None:
            power_w = self._idle.power_w + items * self._per.net.energy_j
        else:
            return {}
        share = _COVERAGE * self._instrument(power_w) / power_w if power_w > 0 else 0.0
        return {"power_at_rate_w": share, "battery_life_h": share}

    def _at_rate(self) -> WindowEnergy | None:
        mark = next(self._named("at rate"), None)
        return None if mark is None else self._energy(mark)

    def _undervolted(self) -> bool:
        volts = np.concatenate([trace.volts for trace in self._recorded.traces])
        volts = volts[np.isfinite(volts)]
        if self._spec.scope != "board-input" or not volts.size:
            return False
        low, high = _BOARD_VOLTS
        return bool(low < np.median(volts) < high and np.percentile(volts, 1) < _LEAST_VOLTS)

    def _source(self, otherwise: Source) -> Source:
        return Source.ESTIMATED if self._spec.scope == "estimate" else otherwise

    def _value(self, value: float, uncertainty: float, how: str) -> Value:
        return Value(
            value, value - uncertainty, value + uncertainty, self._source(Source.MEASURED), how[:96], len(self._windows)
        )

    def _details(self, rate: WindowEnergy | None) -> dict[str, Any]:
        per = self._per
        rests = {
            name: {"power_w": rest.power_w, "uncertainty_w": rest.uncertainty_w} for name, rest in self._rests.items()
        }
        systematic = {"energy_mj": _systematic(per.gross), "power_w": _systematic(per.gross)}
        if per.net is not None:
            systematic["energy_net_mj"] = _systematic(per.net)
        systematic |= self._systematic_at_rate(rate)
        return {
            "meter": self._spec.to_json(),
            "alignment": {"by": self._recorded.note, "bound_s": self._recorded.clock_s},
            "counts": [vars(trace.counts) for trace in self._recorded.traces],
            "idle": rests,
            "idle_share": self._idle.power_w / per.power_w if per.power_w else 1.0,
            "amplification": _finite(amplification(self._idle.power_w / per.power_w)) if per.power_w > 0 else None,
            "windows": [_shown(window) for window in self._windows],
            "at_rate": None if rate is None else _shown(rate),
            "budget_mj": {name: part * 1e3 for name, part in per.gross.parts.items()},
            "budget_net_mj": {} if per.net is None else {name: part * 1e3 for name, part in per.net.parts.items()},
            "median_mj": per.median_j * 1e3,
            "systematic": {name: share for name, share in systematic.items() if math.isfinite(share)},
            "plain": self._plain(per),
        }

    def _plain(self, per: EnergyPerItem) -> dict[str, Any]:
        """The interval that takes every reading for an independent one, mean +/- 1.96 s / sqrt(n) (arXiv 2507.23093).

        Too narrow wherever the meter's readings depend on one another, or the meter repeats what it said before.
        """
        idle = _plain_mean(self._readings("loaded"))
        work = _plain_mean(self._readings("energy"))
        seconds = per.gross.energy_j / per.power_w if per.power_w else 0.0
        net = (work[0] - idle[0]) * seconds * 1e3
        half = math.hypot(work[1], idle[1]) * seconds * 1e3
        return {
            "idle_w": [idle[0], idle[0] - idle[1], idle[0] + idle[1], idle[2]],
            "power_w": [work[0], work[0] - work[1], work[0] + work[1], work[2]],
            "energy_net_mj": [net, net - half, net + half, work[2]],
        }

    def _readings(self, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        pieces = []
        for mark in self._named(name):
            time, power = finite(self._trace(mark))
            pieces.append(power[(time >= mark["start_ns"] / 1e9) & (time <= mark["end_ns"] / 1e9)])
        return np.concatenate(pieces)


def _together(one: Idle, other: Idle) -> Idle:
    """Idle before and after as one; that they differ is a part of its uncertainty."""
    seconds = one.seconds + other.seconds
    share = one.seconds / seconds
    parts = {
        "noise": math.hypot(share * one.parts["noise"], (1 - share) * other.parts["noise"]),
        "drift": rectangular((one.power_w - other.power_w) / 2),
        "quantisation": one.parts["quantisation"],
    }
    power = share * one.power_w + (1 - share) * other.power_w
    return Idle(power, parts, seconds, one.n + other.n, one.n_eff + other.n_eff)


def _systematic(energy: PerItem) -> float:
    """Share of an energy per item that the instrument itself may be off by, at k = 2."""
    if energy.energy_j <= 0:
        return 0.0
    return _COVERAGE * math.hypot(energy.parts["gain"], energy.parts["offset"]) / energy.energy_j


def _plain_mean(series: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, int]:
    if series.size < 2:  # noqa: PLR2004 - a spread takes two
        return (float(series[0]) if series.size else 0.0), 0.0, int(series.size)
    half = z_quantile(0.95) * float(series.std(ddof=1)) / math.sqrt(series.size)
    return float(series.mean()), half, int(series.size)


def _shown(window: WindowEnergy) -> dict[str, Any]:
    numbers = {"energy_j": window.energy_j, "power_w": window.mean_power_w, "uncertainty_j": window.uncertainty_j}
    return {
        **{name: _finite(number) for name, number in numbers.items()},
        "seconds": window.length_s,
        "n": window.n,
        "n_eff": _finite(window.n_eff),
        "method": window.method,
        "refused": window.refused,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
