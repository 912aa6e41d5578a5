"""What a soak is said to come to: words, reasons, figures and events, from replies as an agent sends them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.bench.metering import Recorded
from autoedge.bench.soak_series import SoakSeries
from autoedge.bench.soak_timeline import raw_series, timeline
from autoedge.bench.sustained import Sustained, initial_seconds, judge
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

START_NS = 5_000_000_000
SECONDS = 60
CALL_NS = 5_000_000
TRIPS = [{"type": "active", "temp_c": 50.0}, {"type": "passive", "temp_c": 70.0}, {"type": "passive", "temp_c": 80.0}]


def _soak(
    look: Callable[[float], dict[str, Any]] | None = None,
    *,
    slower: float = 0.0,
    seconds: float = SECONDS,
    every: int = 1,
) -> Frame:
    """A reply with calls of 5 ms, slower from the middle on, and a look at the machine every half second."""
    generator = np.random.default_rng(0)
    count = int(seconds * 1e9 / CALL_NS)
    durations = CALL_NS * np.exp(generator.standard_normal(count) * 0.02)
    durations[count // 2 :] *= 1 + slower
    ends = START_NS + np.cumsum(durations).astype(np.int64)
    marks = np.unique([*range(20, count, 20), count])
    looks = [
        {"time_ns": START_NS + int(at * 1e9), "busy_s": at * 1.1, "own_s": at, "total_s": 4 * at, **(look or _calm)(at)}
        for at in np.arange(0.1, seconds, 0.5)
    ]
    body = {"start_ns": START_NS, "end_ns": int(ends[-1]), "calls": count, "every": every, "told": False, "cpu_s": 1.0}
    arrays = {
        "soak_ns": durations.astype(np.int64)[::every],
        "soak_mark_ns": ends[marks - 1],
        "soak_mark_calls": marks.astype(np.int64),
    }
    before = {"thermal": {"zones": [{"name": "thermal_zone0", "type": "cpu", "temp_c": 45.0, "trips": TRIPS}]}}
    return Frame({"done": {"soak": body}, "conditions": {"before": before, "looks": looks}}, arrays)


def _machine(temp_c: float, khz: int = 2_400_000, state: int = 0, bits: int = 0) -> dict[str, Any]:
    return {
        "thermal": {
            "zones": [{"name": "thermal_zone0", "temp_c": temp_c}],
            "cooling": [{"name": "cooling_device0", "type": "cpufreq-cpu0", "state": state, "max_state": 4}],
        },
        "clocks": {"cpus": {"0": {"current_khz": khz}, "1": {"current_khz": 600_000}}},
        "throttle": {"pi_bits": bits},
    }


def _calm(at: float) -> dict[str, Any]:
    """A machine that warms up within ten seconds and stays there."""
    return _machine(60 - 15 * np.exp(-at / 3))


def _judged(reply: Frame, recorded: Recorded | None = None) -> Sustained:
    found = judge(SoakSeries.of(reply), recorded, 1, None)
    json.dumps(found.plain())  # it is written to files
    return found


def test_a_steady_soak() -> None:
    """Flat calls on a machine whose temperature settled are steady: no reasons, no flags, ratios that hold one."""
    found = _judged(_soak())
    assert (found.behaviour, found.reasons, found.flags) == ("steady", (), ())
    ratio = found.figures["latency_p50_ms"].ratio
    assert ratio is not None
    assert ratio.low < 1.003
    assert ratio.high > 0.997
    assert found.metrics["latency_p50_sustained_ms"].value == pytest.approx(5.0, rel=0.01)
    assert found.metrics["latency_p95_sustained_ms"].value > found.metrics["latency_p50_sustained_ms"].value
    assert found.trends[0].settled


def test_slower_calls() -> None:
    """Calls that take 20 % longer from midway on are told with size and moment; the sustained figures are theirs."""
    found = _judged(_soak(slower=0.2))
    assert found.behaviour == "slowed down"
    assert found.flags == ("slowed_down",)
    assert found.reasons[0].startswith("calls take 20% longer, from about 3")
    assert found.metrics["latency_p50_sustained_ms"].value == pytest.approx(6.0, rel=0.01)
    throughput = found.figures["throughput_ips"].ratio
    assert throughput is not None
    assert throughput.value == pytest.approx(1 / 1.2, rel=0.01)


def test_other_work_is_not_the_candidate() -> None:
    """Where other work took much more of the machine after the change than before, the slowdown is left open."""

    def busy(at: float) -> dict[str, Any]:
        return {**_calm(at), "busy_s": at * 1.1 + 2 * max(0.0, at - 30)}

    found = _judged(_soak(busy, slower=0.2))
    assert found.behaviour == "not settled"
    assert "other work" in found.reasons[0]
    assert "20%" in found.reasons[0]


@pytest.mark.parametrize(
    ("kind", "words", "after"),
    [
        ("cooling", "cooling_device0 (cpufreq-cpu0)", lambda at: _machine(60, state=2 if at > 20 else 0)),
        ("throttled", "the hardware says so", lambda at: _machine(60, bits=0x40000 if at > 20 else 0)),
        ("trip", "reached its passive trip of 80.0 C", lambda at: _machine(85 if at > 20 else 60)),
        ("clock", "2400 MHz at first, then 1500 MHz", lambda at: _machine(60, 1_500_000 if at > 20 else 2_400_000)),
    ],
)
def test_throttling(kind: str, words: str, after: Callable[[float], dict[str, Any]]) -> None:
    """A flag, a cooling device, a trip point and a fallen clock are each called throttling, with their moment."""
    found = _judged(_soak(after))
    assert found.behaviour == "throttled"
    assert [event.kind for event in found.events] == [kind]
    assert found.events[0].time_s == pytest.approx(20, abs=2)
    assert words in found.reasons[0]


def test_what_is_no_throttling() -> None:
    """Old flags, a first of several passive trips, a fan, a short dip of the clock and a wrong table mean nothing."""

    def look(at: float) -> dict[str, Any]:
        seen = _machine(75, 2_400_000 if not 20 < at < 22 else 1_500_000, bits=0x50000)
        seen["thermal"]["cooling"].append({"name": "cooling_device1", "type": "pwm-fan", "state": 3})
        seen["thermal"]["zones"].append({"name": "thermal_zone1", "temp_c": 40.0})
        return seen

    reply = _soak(look)
    before = reply.body["conditions"]["before"]
    before["throttle"] = {"pi_bits": 0x50000}
    before["thermal"]["zones"].append(
        {"name": "thermal_zone1", "temp_c": 40.0, "trips": [{"type": "critical", "temp_c": 20.0}]}
    )
    assert _judged(reply).events == ()


def test_a_temperature_that_still_rises() -> None:
    """A zone that gains more than one degree over the last third has not settled; one that wobbles has."""
    found = _judged(_soak(lambda at: _machine(45 + at / 6)))
    assert found.behaviour == "not settled"
    assert found.reasons[0] == "thermal_zone0 still rises: +3.2 C over the last third"
    assert _judged(_soak(lambda at: _machine(60 + 2 * (int(at * 2) % 2)))).behaviour == "steady"


def test_too_short_to_say() -> None:
    """A soak of a second is not settled, and percentiles that it has too few calls for are absent."""
    found = _judged(_soak(seconds=1.0))
    assert found.behaviour == "not settled"
    assert "too short" in found.reasons[0]
    assert "latency_p95_sustained_ms" not in found.metrics


def test_a_machine_without_sensors() -> None:
    """Where nothing is told of heat, that is noted, and calls decide alone."""
    found = _judged(_soak(lambda _: {}))
    assert found.behaviour == "steady"
    assert any("no temperatures" in note for note in found.notes)


def test_sampled_durations() -> None:
    """Where one duration of several calls was kept, figures are the same, throughput too, and that is noted."""
    found = _judged(_soak(every=7))
    assert found.figures["throughput_ips"].sustained is not None
    assert found.figures["throughput_ips"].sustained.value == pytest.approx(200, rel=0.02)
    assert any("one duration of 7 calls" in note for note in found.notes)


def test_batches_wait_to_be_filled() -> None:
    """With a rate the time to fill the batch is part of sustained latency, as of every other."""
    plain = judge(SoakSeries.of(_soak()), None, 4, None).metrics["latency_p50_sustained_ms"]
    waited = judge(SoakSeries.of(_soak()), None, 4, 100.0).metrics["latency_p50_sustained_ms"]
    assert waited.value == pytest.approx(plain.value + 30)


def _recorded(
    watts: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
    until: float = SECONDS + 1,
    scope: str = "board-input",
    lost: str = "",
) -> Recorded:
    spec = MeterSpec("fake", scope, 0.1, 0.0, 0.001, 0.01, 0.0)
    time = np.arange(0.3, until, 0.1)
    return Recorded([Trace(time + START_NS / 1e9, watts(time), spec=spec, lost=lost)], 0.0, "")


def test_power_at_both_ends() -> None:
    """With a meter both ends' mean power is told, with the meter's accuracy; a lost meter leaves the end open."""
    found = _judged(_soak(), _recorded(lambda time: np.where(time < 30, 5.0, 4.0)))
    figure = found.figures["power_w"]
    assert figure.initial is not None
    assert figure.sustained is not None
    assert figure.ratio is not None
    assert figure.initial.value == pytest.approx(5.0)
    assert figure.sustained.value == pytest.approx(4.0)
    assert figure.ratio.low < 0.8 < figure.ratio.high
    lost = _judged(_soak(), _recorded(np.ones_like, until=25))
    assert lost.figures["power_w"].initial is not None
    assert lost.figures["power_w"].sustained is None
    assert any(note.startswith("power 40 to 60 s") for note in lost.notes)


def test_a_meter_that_was_lost() -> None:
    """A meter unplugged midway is told with when and why, harmlessly; the power recorded before is kept."""
    recorded = _recorded(np.ones_like, until=25, lost="no answer\x1b[2J on /dev/rfcomm0")
    found = _judged(_soak(), recorded)
    assert "the meter was lost after 25 s: no answer\\x1b[2J on /dev/rfcomm0" in found.notes
    assert found.figures["power_w"].initial is not None
    drawn = timeline(SoakSeries.of(_soak()), recorded)["power_w"]
    assert [value is None for value in drawn] == [at > 25 for at in np.arange(0.25, 60, 0.5)]
    late = _judged(_soak(), _recorded(np.ones_like, until=58, lost="unplugged"))
    assert "the meter was lost after 58 s: unplugged" in late.notes
    assert late.figures["power_w"].sustained is not None
    never = _judged(_soak(), _recorded(np.ones_like, until=0, lost="unplugged"))
    assert "the meter was lost before its first value: unplugged" in never.notes


def test_where_power_comes_from() -> None:
    """Beside the power of a timeline and of raw series stands whether it was measured."""
    series = SoakSeries.of(_soak())
    for scope, source in (("board-input", "measured"), ("estimate", "estimated")):
        recorded = _recorded(np.ones_like, scope=scope)
        assert timeline(series, recorded)["power_source"] == source
        assert str(raw_series(series, recorded)["power0_source"]) == source
    assert "power_source" not in timeline(series, None)


def test_the_timeline() -> None:
    """Each series is told by blocks of time, with gaps where nothing was seen; raw series keep everything."""
    reply, recorded = _soak(slower=0.2), _recorded(lambda time: 5 + time / 60, until=30)
    series = SoakSeries.of(reply)
    drawn = timeline(series, recorded)
    assert {len(values) for name, values in drawn.items() if name != "power_source"} == {120}
    assert drawn["latency_ms"][-1] == pytest.approx(6.0, rel=0.02)
    assert drawn["power_w"][0] == pytest.approx(5.0, abs=0.05)
    assert drawn["power_w"][-1] is None
    assert drawn["clock_mhz"][3] == 2400
    assert drawn["temp_c"][60] == pytest.approx(60, abs=0.1)
    raw = raw_series(series, recorded)
    assert len(raw["duration_ns"]) == len(raw["end_s"]) == series.calls
    assert raw["look_temp_c"].shape == (len(series.looks), 1)
    assert "power0_power_w" in raw


@pytest.mark.parametrize(
    ("seconds", "initial"), [(3.0, 1.0), (60.0, 10.0), (300.0, 30.0), (1800.0, 60.0), (7200.0, 60.0)]
)
def test_the_first_part(seconds: float, initial: float) -> None:
    """The first part is a tenth, from 10 s to a minute, and never more than a third."""
    assert initial_seconds(seconds) == pytest.approx(initial)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply.body["done"]["soak"].update(calls=7),
        lambda reply: reply.body["done"]["soak"].pop("start_ns"),
        lambda reply: reply.body["done"]["soak"].update(end_ns=0),
        lambda reply: reply.arrays.update(soak_mark_ns=reply.arrays["soak_mark_ns"][::-1]),
        lambda reply: reply.arrays.update(soak_ns=-reply.arrays["soak_ns"]),
        lambda reply: reply.body["conditions"]["looks"][0].update(busy_s="much"),
        lambda reply: reply.body["conditions"]["looks"][0].update(thermal={"zones": [{"name": "z", "temp_c": None}]}),
        lambda reply: reply.body["conditions"]["looks"][0].update(clocks={"cpus": [1]}),
        lambda reply: reply.body["done"]["soak"].update(cpu_s=float("nan")),
        lambda reply: reply.body["done"]["soak"].update(calls=float("inf")),
        lambda reply: reply.body["done"]["soak"].update(end_ns=10**400),
    ],
)
def test_made_up_replies(spoil: Callable[[Frame], object]) -> None:
    """What contradicts itself or holds no numbers is refused."""
    reply = _soak()
    spoil(reply)
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError, ArithmeticError)):
        _judged(reply)


def test_names_from_a_device_are_made_harmless() -> None:
    """Control characters in a zone's name do not reach a report."""

    def look(_: float) -> dict[str, Any]:
        return {"thermal": {"zones": [{"name": "zone\x1b[31m", "temp_c": 50.0}]}}

    assert "\x1b" not in json.dumps(_judged(_soak(look)).plain(), ensure_ascii=False)
