"""Presets become protocols: enough calls for every percentile, and another id for every change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.agent.stretches import calls_due
from autoedge.bench.percentile import calls_needed
from autoedge.bench.presets import PRESETS, expected_seconds, protocol_for, too_short_at_rate
from autoedge.metric import PERCENTILES

NONE: dict[str, float | None] = {}


@pytest.mark.parametrize(
    ("metrics", "calls"),
    [
        ((), 64),
        (("accuracy", "energy", "throughput"), 64),
        (("latency_p50",), 64),
        (("latency_p90",), 64),
        (("latency_p95",), 130),
        (("latency_p99",), 662),
        (("latency_p99", "latency_p50", "latency_p95"), 662),
    ],
)
def test_quick_is_raised_to_what_a_percentile_needs(metrics: tuple[str, ...], calls: int) -> None:
    """The highest percentile among the metrics sets the number of calls: p90 64, p95 130, p99 662."""
    assert protocol_for("quick", {}, metrics, NONE).parameters["latency_calls"] == calls


@pytest.mark.parametrize(("preset", "calls"), [("standard", 662), ("strict", 24_576)])
def test_longer_presets_have_enough_calls_for_all(preset: str, calls: int) -> None:
    """Standard and strict are never raised."""
    assert protocol_for(preset, {}, ["latency_p99"], NONE).parameters["latency_calls"] == calls


@pytest.mark.parametrize(("metrics", "calls"), [((), 2), (("latency_p50",), 6), (("latency_p95",), 130)])
def test_the_users_own_count_is_raised_too(metrics: tuple[str, ...], calls: int) -> None:
    """A count that the user set is taken as long as the percentiles asked for can be told from it."""
    assert protocol_for("quick", {"latency_calls": 2}, metrics, NONE).parameters["latency_calls"] == calls
    assert protocol_for("quick", {"latency_calls": 1000}, metrics, NONE).parameters["latency_calls"] == 1000


def _id(preset: str = "quick", overrides: dict[str, float] | None = None, **workload: float | None) -> str:
    return protocol_for(preset, overrides or {}, [], workload).protocol_id


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("name", sorted({"warmup_calls", "warmup_seconds", "latency_calls", "latency_seconds"}))
def test_every_parameter_is_part_of_the_id(preset: str, name: str) -> None:
    """Another value of any parameter is another protocol, so that rows of both never share a front."""
    value = PRESETS[preset][name]
    assert _id(preset, {name: value}) == _id(preset)
    assert _id(preset, {name: value + 1}) != _id(preset)


def test_presets_differ() -> None:
    """No two presets share an id, and each id begins with the preset's name and version."""
    ids = {preset: _id(preset) for preset in PRESETS}
    assert len(set(ids.values())) == len(PRESETS)
    assert all(text.startswith(f"{preset}-1-") for preset, text in ids.items())


def test_the_workload_is_part_of_the_id() -> None:
    """Figures computed for another rate, battery or idle power are other figures; what is not given leaves no trace."""
    ids = [_id(), _id(rate=2.0), _id(rate=3.0), _id(rate=2.0, battery_wh=7.7), _id(battery_wh=7.7)]
    assert len(set(ids)) == len(ids)
    assert _id(rate=None, battery_wh=None) == _id()


def test_metrics_change_the_id_only_through_the_calls() -> None:
    """Other objectives that need no more calls continue a run; p99 on quick starts a new protocol."""
    one = protocol_for("quick", {}, ["latency_p50", "energy"], NONE)
    assert one.protocol_id == protocol_for("quick", {}, ["accuracy"], NONE).protocol_id
    assert one.protocol_id != protocol_for("quick", {}, ["latency_p99"], NONE).protocol_id


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("seconds", [0.1, 1.0, 20.0, 100.0])
def test_the_warm_up_fits_under_its_cap(preset: str, seconds: float) -> None:
    """However long the user's warm-up, its cap and at least two blocks leave room for it."""
    parameters = protocol_for(preset, {"warmup_seconds": seconds}, [], NONE).parameters
    assert parameters["warmup_seconds"] == seconds
    assert float(parameters["warmup_cap_seconds"]) > seconds
    assert 0 < float(parameters["block_seconds"]) <= PRESETS[preset]["block_seconds"]
    assert 2 * float(parameters["block_seconds"]) < float(parameters["warmup_cap_seconds"])


@given(st.sampled_from(sorted(PRESETS)), st.floats(1e-6, 100), st.floats(1.0, 10.0))
def test_slower_models_take_longer(preset: str, call: float, factor: float) -> None:
    """The expected time grows with the call's time, covers warm-up and window, and ends at the caps."""
    protocol = protocol_for(preset, {}, [], NONE)
    parameters = protocol.parameters
    least = float(parameters["warmup_seconds"]) + float(parameters["latency_seconds"])
    assert least < expected_seconds(protocol, call) <= expected_seconds(protocol, call * factor)
    most = float(parameters["cap_seconds"]) + max(1.0, 10 * call) + 5
    assert expected_seconds(protocol, call) < most


@pytest.mark.parametrize(
    ("preset", "overrides", "metrics", "rate", "least"),
    [
        ("quick", {}, ["latency_p50_at_rate"], 2.0, None),
        ("quick", {}, ["latency_p50_at_rate"], 1.0, 6),
        ("quick", {}, ["latency_p50_at_rate"], 1.5, 5),
        ("standard", {}, ["latency_p95_at_rate", "latency_p50_at_rate"], 2.0, 65),
        ("standard", {"rate_seconds": 65.0}, ["latency_p95_at_rate"], 2.0, None),
        ("standard", {}, ["latency_p99_at_rate", "latency_p95_at_rate"], 5.0, 133),
        ("standard", {}, ["latency_p99_at_rate"], 30.0, None),
        ("quick", {}, ["latency_p99", "power_at_rate"], 0.01, None),
        ("quick", {}, ["latency_p99_at_rate"], None, None),
    ],
)
def test_a_stretch_at_the_rate_is_long_enough_or_refused(
    preset: str, overrides: dict[str, float], metrics: list[str], rate: float | None, least: int | None
) -> None:
    """A percentile that the stretch has too few calls for is refused, with the length that suffices; others are not."""
    problem = too_short_at_rate(preset, overrides, metrics, rate)
    assert (problem is None) == (least is None)
    if problem is not None:
        assert f"rate_seconds: {least} s" in problem
        assert too_short_at_rate(preset, {**overrides, "rate_seconds": float(least or 0)}, metrics, rate) is None


@given(rate=st.floats(1e-3, 1e4), name=st.sampled_from(["latency_p50", "latency_p95", "latency_p99"]))
def test_the_length_told_suffices_on_the_device(rate: float, name: str) -> None:
    """At any rate the agent, which counts whole nanoseconds, has as many calls due as the percentile needs."""
    problem = too_short_at_rate("quick", {"rate_seconds": 1e-3}, [f"{name}_at_rate"], rate)
    if problem is not None:
        least = int(problem.split("rate_seconds: ")[1].split()[0])
        assert calls_due(least, 1 / rate) >= calls_needed(PERCENTILES[name])
        assert least <= calls_needed(PERCENTILES[name]) / rate + 2
