"""From marks and traces to energy figures: right values, honest intervals, and what makes a measurement invalid."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autoedge.bench.metering import Recorded
from autoedge.bench.power import PowerOutcome, power_outcome
from autoedge.measurement import Source
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Counts, Trace

SPEC = MeterSpec("bench", "board-input", 0.01, 0.0, 0.0001, 0.01, 0.01)
KEY = {"batch": 2, "rate": 10.0, "battery_wh": 10.0}
IDLE_W, WORK_W, RATE_W = 2.0, 5.0, 2.6
LOOSE: frozenset[str] = frozenset()

# Ends of each stretch in seconds; the meter rests between "loaded" and "energy", while latency is timed.
_STRETCHES = (
    ("idle", 1, 4),
    ("loaded", 5, 8),
    ("energy", 21, 33),
    ("energy", 33, 45),
    ("end", 47, 50),
    ("at rate", 52, 64),
)


def _marks() -> list[dict[str, Any]]:
    return [
        {"name": name, "start_ns": int(start * 1e9), "end_ns": int(end * 1e9), "calls": 60}
        for name, start, end in _STRETCHES
    ]


def _power(time: np.ndarray[Any, Any], end_w: float = IDLE_W, work_w: float = WORK_W) -> np.ndarray[Any, Any]:
    watts = np.full(time.shape, IDLE_W)
    watts[(time >= 20) & (time < 46)] = work_w
    watts[(time >= 46) & (time < 51)] = end_w
    watts[time >= 51] = RATE_W
    return watts


def _trace(start: float, end: float, spec: MeterSpec = SPEC, seed: int = 0, **levels: float) -> Trace:
    time = np.arange(start, end, spec.update_period_s)
    noise = np.random.default_rng(seed).normal(0, 0.01, time.size)
    return Trace(time, _power(time, **levels) + noise, spec=spec, counts=Counts(samples=time.size))


def _outcome(
    spec: MeterSpec = SPEC, wanted: frozenset[str] = LOOSE, clock_s: float = 0.0, **levels: float
) -> PowerOutcome:
    traces = [_trace(0.5, 9, spec, 1), _trace(20.5, 66, spec, 2, **levels)]
    return power_outcome(spec, Recorded(traces, clock_s, ""), _marks(), KEY, wanted)


def test_energy_per_item_is_gross_and_net() -> None:
    """120 items in 12 s at 5 W over an idle of 2 W are 500 mJ and 300 mJ an item, within what is stated."""
    outcome = _outcome()
    assert outcome.reason == ""
    for key, truth in (("energy_mj", 500), ("energy_net_mj", 300), ("power_w", 5), ("power_at_rate_w", RATE_W)):
        value = outcome.metrics[key]
        assert value.low <= truth <= value.high
        assert value.value == pytest.approx(truth, rel=0.01)
        assert value.source is Source.MEASURED
        assert value.high / value.value - 1 < 0.03


def test_both_idles_are_kept() -> None:
    """Idle before the model is loaded and after are stored, each with its uncertainty."""
    idle = _outcome().details["idle"]
    assert set(idle) == {"idle", "loaded", "end"}
    assert all(abs(rest["power_w"] - IDLE_W) < 0.02 and rest["uncertainty_w"] > 0 for rest in idle.values())


def test_battery_life_comes_from_the_power_at_the_rate() -> None:
    """10 Wh last 10 / 2.6 h at the workload's own rate; without that stretch idle and net tell it."""
    life = _outcome().metrics["battery_life_h"]
    assert life.low <= 10 / RATE_W <= life.high
    assert "at the workload's rate" in life.estimator
    traces = [_trace(0.5, 9), _trace(20.5, 51)]
    marks = [mark for mark in _marks() if mark["name"] != "at rate"]
    derived = power_outcome(SPEC, Recorded(traces, 0.0, ""), marks, KEY, LOOSE).metrics["battery_life_h"]
    assert derived.low <= 10 / (IDLE_W + 10 * 0.3) <= derived.high
    assert derived.source is Source.DERIVED


def test_gain_is_told_apart_from_repetition() -> None:
    """The share that the instrument itself may be off by is kept, since more processes do not reduce it."""
    systematic = _outcome().details["systematic"]
    assert systematic["energy_mj"] == pytest.approx(2 / 3**0.5 * np.hypot(0.01, 0.01 / 5), rel=0.05)
    assert systematic["energy_net_mj"] < systematic["energy_mj"]


def test_what_the_instrument_may_be_off_by_counts_at_the_rate_too() -> None:
    """Power at the rate and the battery life that follows from it have the same share, with that stretch or without."""
    systematic = _outcome().details["systematic"]
    truth = 2 / 3**0.5 * np.hypot(0.01, 0.01 / RATE_W)
    assert systematic["power_at_rate_w"] == systematic["battery_life_h"] == pytest.approx(truth, rel=0.02)
    marks = [mark for mark in _marks() if mark["name"] != "at rate"]
    without = power_outcome(SPEC, Recorded([_trace(0.5, 9), _trace(20.5, 51)], 0.0, ""), marks, KEY, LOOSE)
    derived = without.details["systematic"]["battery_life_h"]
    assert derived == pytest.approx(2 / 3**0.5 * np.hypot(0.01, 0.01 / (IDLE_W + 10 * 0.3)), rel=0.02)


def test_idle_that_drifted_makes_net_invalid() -> None:
    """Idle of 2.2 W after 2.0 W before: net is left out, and a constraint that needs it gets no measurement."""
    drifted = _outcome(end_w=2.2)
    assert "idle_drift" in drifted.flags
    assert drifted.reason == ""
    assert "energy_net_mj" not in drifted.metrics
    assert "drifted" in _outcome(end_w=2.2, wanted=frozenset({"energy_net"})).reason


def test_net_that_cannot_be_resolved_is_not_told() -> None:
    """A load of one percent above idle drowns: a flag, no net figure, and invalid where net is what counts."""
    faint = _outcome(work_w=2.02)
    assert "net_unresolved" in faint.flags
    assert "energy_net_mj" not in faint.metrics
    assert "energy_mj" in faint.metrics
    assert "net energy cannot be told" in _outcome(work_w=2.02, wanted=frozenset({"battery_life"})).reason


def test_a_window_too_short_for_the_meter_is_invalid() -> None:
    """A meter that renews its value once a second is not fit for windows of twelve seconds."""
    slow = replace(SPEC, update_period_s=1.0)
    outcome = _outcome(slow)
    assert "energy_mj" not in outcome.metrics
    assert outcome.reason != ""


def test_a_lost_meter_makes_the_measurement_invalid() -> None:
    """What a lost meter saw before is no figure."""
    traces = [_trace(0.5, 9), replace(_trace(20.5, 40), lost="unplugged")]
    outcome = power_outcome(SPEC, Recorded(traces, 0.0, ""), _marks(), KEY, LOOSE)
    assert outcome.flags == ("meter_lost",)
    assert "unplugged" in outcome.reason
    assert not outcome.metrics


def test_a_meter_without_values_is_told() -> None:
    """A stretch that no trace covers is a reason, not a figure."""
    outcome = power_outcome(SPEC, Recorded([_trace(0.5, 9)], 0.0, ""), _marks(), KEY, LOOSE)
    assert "energy" in outcome.reason or "gave no values" in outcome.reason
    assert not outcome.metrics


@pytest.mark.parametrize("name", ["idle", "loaded", "energy", "end"])
def test_a_stretch_that_the_device_left_out_is_told(name: str) -> None:
    """A device that tells of no idle or no energy window gives no figure, and nothing breaks."""
    traces = [_trace(0.5, 9), _trace(20.5, 66)]
    marks = [mark for mark in _marks() if mark["name"] != name]
    outcome = power_outcome(SPEC, Recorded(traces, 0.0, ""), marks, KEY, LOOSE)
    assert name in outcome.reason
    assert not outcome.metrics


def test_clocks_that_may_be_off_widen_the_interval() -> None:
    """Two hosts whose clocks are known to a tenth of a second know less than one."""
    one, two = _outcome().metrics["energy_mj"], _outcome(clock_s=0.1).metrics["energy_mj"]
    assert two.high - two.low >= one.high - one.low


def test_an_estimate_stays_one() -> None:
    """What comes from an estimate of power is estimated, gross, net and battery life alike."""
    outcome = _outcome(replace(SPEC, scope="estimate", gain=0.5))
    assert {value.source for value in outcome.metrics.values()} == {Source.ESTIMATED}
    assert outcome.metrics["energy_mj"].high / outcome.metrics["energy_mj"].value > 1.3


def test_a_weak_supply_is_told() -> None:
    """A board fed with 4.5 V is under-voltage, whatever its energy."""
    traces = [replace(trace, volts=np.full(trace.time_s.size, 4.5)) for trace in (_trace(0.5, 9), _trace(20.5, 66))]
    outcome = power_outcome(SPEC, Recorded(traces, 0.0, ""), _marks(), KEY, LOOSE)
    assert "undervoltage" in outcome.flags
    assert "4.63 V" in outcome.reason


def test_the_papers_interval_stands_beside_ours() -> None:
    """Readings that repeat what the meter said before make the plain interval too narrow, and both are told."""
    repeated = [replace(trace, power_w=np.repeat(trace.power_w[::8], 8)[: trace.time_s.size]) for trace in
                (_trace(0.5, 9), _trace(20.5, 66))]  # fmt: skip
    outcome = power_outcome(SPEC, Recorded(repeated, 0.0, ""), _marks(), KEY, LOOSE)
    mean, low, high, n = outcome.details["plain"]["idle_w"]
    assert n > 200
    assert mean == pytest.approx(IDLE_W, rel=0.01)
    assert high - low < 2 * outcome.details["idle"]["loaded"]["uncertainty_w"]


def test_power_does_not_scatter_with_the_calls() -> None:
    """Windows that hold different numbers of calls make energy per item uncertain, and the mean power no more so."""
    marks, even = _marks(), _outcome()
    for mark, calls in zip([one for one in marks if one["name"] == "energy"], (40, 80), strict=True):
        mark["calls"] = calls
    traces = [_trace(0.5, 9, SPEC, 1), _trace(20.5, 66, SPEC, 2)]
    uneven = power_outcome(SPEC, Recorded(traces, 0.0, ""), marks, KEY, LOOSE)
    assert uneven.metrics["power_w"] == even.metrics["power_w"]
    assert _width(uneven, "energy_mj") > 10 * _width(even, "energy_mj")


def _width(outcome: PowerOutcome, key: str) -> float:
    value = outcome.metrics[key]
    return (value.high - value.low) / value.value
