"""From the raw series of one process to its figures and flags."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.records import _doubt
from autoedge.bench.summary import process_details, process_flags, process_metrics, speed_metrics
from autoedge.measurement import Source

LATENCIES = ("latency_p50_ms", "latency_p90_ms", "latency_p95_ms", "latency_p99_ms")
POWER = PowerModel(2.0, 4.0)
BODY: dict[str, Any] = {
    "runtime_version": "1.2.3",
    "cold_start_ns": 25_000_000,
    "load_ns": 20_000_000,
    "steady": True,
    "memory_peak_mib": 80.0,
    "memory_empty_mib": 50.0,
    "timer_ns": 40.0,
    "window_ns": 1_000_000_000,
    "cpu_s": 1.0,
    "major_faults": 0,
    "involuntary_switches": 3,
    "machine_busy_s": 1.0,
    "machine_total_s": 2.0,
}
KEY: dict[str, Any] = {"batch": 4, "rate": None, "battery_wh": None, "size_bytes": 3 * 2**20}


def _series(count: int = 1000, level: float = 1e6) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(0).permutation(count) + level).astype(np.int64)


def test_percentiles_of_a_known_series() -> None:
    """Of the shuffled values 0 to 999, percentile p is value int(1000 p), inside its interval; unit ms."""
    metrics = speed_metrics(np.random.default_rng(0).permutation(1000) * 1_000_000, 1, None)
    assert [metrics[key].value for key in LATENCIES] == [500, 900, 950, 990]
    for key in LATENCIES:
        assert metrics[key].low < metrics[key].value < metrics[key].high
        assert (metrics[key].source, metrics[key].n) == (Source.MEASURED, 1000)
        assert metrics[key].estimator.startswith("sorted percentile, block bootstrap")


@pytest.mark.parametrize(
    ("calls", "known"), [(1, 0), (5, 0), (6, 1), (63, 1), (64, 2), (129, 2), (130, 3), (661, 3), (662, 4)]
)
def test_a_percentile_with_too_few_calls_is_absent(calls: int, known: int) -> None:
    """p50 takes 6 calls, p90 64, p95 130 and p99 662; throughput is there from the first call."""
    metrics = speed_metrics(_series(calls), 1, None)
    assert [key for key in LATENCIES if key in metrics] == list(LATENCIES[:known])
    assert "throughput_ips" in metrics


def test_throughput_is_items_over_time_in_calls() -> None:
    """Calls of 1 ms with 8 items each are 8000 items per second, with the interval of the mean."""
    jitter = np.random.default_rng(0).normal(1e6, 1e4, 500)
    value = speed_metrics(jitter, 8, None)["throughput_ips"]
    assert value.value == pytest.approx(8000, rel=0.01)
    assert value.low < value.value < value.high
    assert value.high / value.low < 1.01


@given(st.integers(1, 64), st.floats(0.1, 1000))
def test_the_time_to_fill_a_batch_is_added_to_latencies_alone(batch: int, rate: float) -> None:
    """With items arriving at a rate, (batch - 1) / rate is added to value and interval, and throughput is as before."""
    series = _series(130)
    alone, filled = speed_metrics(series, batch, None), speed_metrics(series, batch, rate)
    fill_ms = (batch - 1) / rate * 1e3
    for key in LATENCIES[:3]:
        for end in ("low", "value", "high"):
            assert getattr(filled[key], end) == pytest.approx(getattr(alone[key], end) + fill_ms)
    assert filled["throughput_ips"] == alone["throughput_ips"]
    details = process_details(BODY, series, {**KEY, "batch": batch, "rate": rate})
    assert details["fill_ms"] == pytest.approx(fill_ms)


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=80))
def test_any_series_has_figures_that_hold_together(calls: list[int]) -> None:
    """Whatever a process measured, percentiles ascend, intervals hold their values, flags and details are there."""
    series = np.array(calls, np.int64)
    metrics = speed_metrics(series, 2, None)
    found = [metrics[key].value for key in LATENCIES if key in metrics]
    assert found == sorted(found)
    assert set(process_flags(BODY, series)) <= {"warming", "slowdown", "shifted", "coarse_timer"}
    assert process_details(BODY, series, KEY)["calls"] == len(calls)


def test_all_figures_of_one_process() -> None:
    """Cold start, memory, size and the energy estimate come from what the worker counted."""
    metrics = process_metrics(BODY, {"latency_ns": _series(662)}, {**KEY, "rate": 2.0, "battery_wh": 10.0}, POWER)
    exact = {key: value.value for key, value in metrics.items() if value.low == value.high}
    assert exact == {"cold_start_ms": 25.0, "memory_peak_mib": 80.0, "memory_model_mib": 30.0, "size_mib": 3.0}
    estimated = {key for key, value in metrics.items() if value.source is Source.ESTIMATED}
    assert estimated == {"energy_mj", "energy_net_mj", "power_w", "battery_life_h"}
    assert metrics["energy_net_mj"].value == pytest.approx(1.0 * 4.0 / (662 * 4) * 1e3)
    assert metrics["power_w"].value == pytest.approx(6.0)
    assert set(LATENCIES) <= set(metrics)


def test_memory_of_the_model_is_never_negative() -> None:
    """A runtime that gives memory back while the model loads leaves zero, not less."""
    body = {**BODY, "memory_peak_mib": 40.0}
    assert process_metrics(body, {"latency_ns": _series()}, KEY, POWER)["memory_model_mib"].value == 0


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({}, None),
        ({"steady": False}, "unsteady_warmup"),
        ({"machine_busy_s": 1.04}, None),
        ({"machine_busy_s": 1.06}, "background_load"),
        ({"machine_busy_s": 0.0}, None),
        ({"major_faults": 1}, "swap_or_fault"),
        ({"timer_ns": 9_000.0}, None),
        ({"timer_ns": 11_000.0}, "coarse_timer"),
    ],
)
def test_each_flag_has_its_cause(changes: dict[str, Any], flag: str | None) -> None:
    """A clean process has no flag, and each cause raises its own flag alone."""
    assert process_flags({**BODY, **changes}, _series()) == ((flag,) if flag else ())


@pytest.mark.parametrize(
    ("knobs", "placement", "flags"),
    [
        ({"provider": "openvino"}, {"openvino": 12}, ()),
        ({"provider": "openvino"}, {"openvino": 12, "cpu": 3}, ("partly_on_cpu",)),
        ({"provider": "openvino"}, {"cpu": 3}, ("partly_on_cpu",)),
        ({"provider": "tensorrt"}, {"tensorrt": 12, "cuda": 3}, ()),
        ({"provider": "cpu"}, {"cpu": 3}, ()),
        ({}, {"cpu": 3}, ()),
    ],
)
def test_what_fell_back_to_the_processor_is_flagged(
    knobs: dict[str, Any], placement: dict[str, int], flags: tuple[str, ...]
) -> None:
    """A provider that leaves operators to the CPU is told; who asks for the CPU, or gets no CPU, is not."""
    body = {**BODY, "placement": placement}
    assert process_flags(body, _series(), knobs) == flags
    assert process_details(body, _series(), KEY)["placement"] == placement


def test_a_series_that_drifts_is_flagged() -> None:
    """Calls that become a third slower are told, with the direction."""
    noise = np.random.default_rng(0).normal(0, 1e4, 2000)
    rising = 1e6 + np.linspace(0, 3e5, 2000) + noise
    assert process_flags(BODY, rising) == ("slowdown",)
    assert process_flags(BODY, rising[::-1]) == ("warming",)


def test_details_keep_what_the_metrics_do_not_hold() -> None:
    """Counters, outliers and LoadGen's separate bounds are kept as JSON values."""
    import json

    series = _series(662)
    series[100] *= 50
    details = process_details(BODY, series, KEY)
    assert json.loads(json.dumps(details)) == details
    assert details["outliers"] == 1
    assert details["fill_ms"] == 0
    assert set(details["early_stopping_ms"]) == {"latency_p90", "latency_p95", "latency_p99"}
    assert details["early_stopping_ms"]["latency_p99"] >= 1.0
    assert details["involuntary_switches"] == 3
    assert set(process_details(BODY, series[:64], KEY)["early_stopping_ms"]) == {"latency_p90"}


@pytest.mark.parametrize(
    ("faults", "calls", "invalid"), [(0, 64, False), (1, 64, True), (1, 1000, False), (2, 1000, True), (8, 8000, False)]
)
def test_page_faults_that_can_move_a_figure_are_refused(faults: int, calls: int, *, invalid: bool) -> None:
    """Each fault slows one call: up to one in a thousand is a warning, more of them say nothing of the candidate."""
    reason = _doubt((), {"major_faults": faults}, calls)
    assert reason == (
        f"{faults} major page faults in {calls} calls: memory is short or disks are busy" if invalid else ""
    )
