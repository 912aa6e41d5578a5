"""From an agent's raw reply to metrics with intervals: one process's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.energy_estimate import energy_metrics
from autoedge.bench.intervals import block_bootstrap, mean_interval
from autoedge.bench.percentile import calls_needed, early_stopping
from autoedge.bench.steady import classify, outliers
from autoedge.bench.usage import Usage
from autoedge.measurement import Source, Value
from autoedge.metric import PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.bench.energy_estimate import PowerEstimate

_COARSE_TIMER = 0.01
_BUSY_NEIGHBOURS = 0.05
_CPU = "cpu"  # as a level of the knob `provider`
_SPEED_METRICS = ("latency_p50", "latency_p90", "latency_p95", "latency_p99")


def speed_metrics(calls_ns: np.ndarray[Any, Any], batch: int, rate: float | None) -> dict[str, Value]:
    """Latency percentiles and throughput of one steady series.

    Args:
        calls_ns: Duration of each call in order.
        batch: Items in a call.
        rate: Items per second in use: the time to fill the batch, (batch - 1) / rate, is added to latencies.

    Returns:
        Values by metric key; a percentile that has too few calls is absent.
    """
    fill_ms = 0.0 if rate is None else (batch - 1) / rate * 1e3
    metrics: dict[str, Value] = {}
    for name in _SPEED_METRICS:
        if len(calls_ns) < calls_needed(PERCENTILES[name]):
            continue
        interval = block_bootstrap(calls_ns, PERCENTILES[name])
        value, low, high = (end / 1e6 + fill_ms for end in (interval.value, interval.low, interval.high))
        estimator = "sorted percentile, block bootstrap"
        if not interval.sufficient:
            estimator += " of too few independent calls"
        metrics[f"{name}_ms"] = Value(value, low, high, Source.MEASURED, estimator, interval.n)
    mean, low, high = mean_interval(calls_ns)
    throughput = batch * 1e9 / mean
    slowest, fastest = batch * 1e9 / high, batch * 1e9 / max(low, mean / 2)
    estimator = "items / time in calls, effective sample size"
    metrics["throughput_ips"] = Value(throughput, slowest, fastest, Source.MEASURED, estimator, len(calls_ns))
    return metrics


def rate_metrics(calls_ns: np.ndarray[Any, Any], batch: int, rate: float) -> dict[str, Value]:
    """Latency percentiles of calls that were due at the workload's rate, from the moment each was due.

    Args:
        calls_ns: From due to done, in order.
        batch: Items in a call; the first of them waited (batch - 1) / rate for the others.
        rate: Items per second.
    """
    fill_ms = (batch - 1) / rate * 1e3
    metrics = {}
    for name, end in (("latency_p50", "p50"), ("latency_p95", "p95"), ("latency_p99", "p99")):
        if len(calls_ns) >= calls_needed(PERCENTILES[name]):
            interval = block_bootstrap(calls_ns, PERCENTILES[name])
            value, low, high = (edge / 1e6 + fill_ms for edge in (interval.value, interval.low, interval.high))
            how = "sorted percentile, block bootstrap, open loop"
            metrics[f"latency_{end}_at_rate_ms"] = Value(value, low, high, Source.MEASURED, how, interval.n)
    return metrics


def _preparation(items_ns: np.ndarray[Any, Any]) -> Value:
    """Median time to prepare one item."""
    interval = block_bootstrap(items_ns, 0.5)
    value, low, high = (edge / 1e6 for edge in (interval.value, interval.low, interval.high))
    how = "sorted percentile, block bootstrap, one item at a time"
    return Value(value, low, high, Source.MEASURED, how, interval.n)


def process_metrics(
    body: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    key: Mapping[str, Any],
    power: PowerEstimate | None,
) -> dict[str, Value]:
    """All metrics of one finished process but the quality ones, by metric key.

    Args:
        body: The worker's ``done`` object.
        arrays: Its arrays.
        key: What the host sent along: ``batch``, ``rate``, ``battery_wh``, ``size_bytes``, ``cores``.
        power: For the energy estimate; None where a meter tells it.
    """
    calls = arrays["latency_ns"]
    metrics = speed_metrics(calls, key["batch"], key["rate"])
    metrics["cold_start_ms"] = Value.exact(body["cold_start_ns"] / 1e6, "one fresh process")
    peak, empty = body["memory_peak_mib"], body["memory_empty_mib"]
    metrics["memory_peak_mib"] = Value.exact(peak, "peak resident memory of one process")
    metrics["memory_model_mib"] = Value.exact(max(0.0, peak - empty), "peak less that of the empty runtime")
    metrics["size_mib"] = Value.exact(key["size_bytes"] / 2**20, "bytes of the model file")
    if "preprocess_ns" in arrays and len(arrays["preprocess_ns"]) >= calls_needed(PERCENTILES["latency_p50"]):
        metrics["preprocess_ms"] = _preparation(arrays["preprocess_ns"])
    if "at_rate_ns" in arrays and key["rate"] is not None:
        metrics |= rate_metrics(arrays["at_rate_ns"], key["batch"], key["rate"])
    if power is None:
        return metrics
    return metrics | energy_metrics(
        power,
        Usage.of(body, body["window_ns"] / 1e9, key.get("cores", 1)),
        items=len(calls) * key["batch"],
        rate=key["rate"],
        battery_wh=key["battery_wh"],
    )


def process_flags(
    body: Mapping[str, Any], calls_ns: np.ndarray[Any, Any], knobs: Mapping[str, Any] | None = None
) -> tuple[str, ...]:
    """What a reader should know before trusting a process's figures.

    Args:
        body: The worker's ``done`` object.
        calls_ns: The calls of its latency window.
        knobs: The runtime's, of the configuration.
    """
    steadiness = classify(calls_ns)
    window_s = body["window_ns"] / 1e9
    others_s = body["machine_busy_s"] - body["cpu_s"]
    median = float(np.median(calls_ns))
    raised = {
        "unsteady_warmup": not body["steady"],
        steadiness: steadiness != "flat",
        "background_load": others_s > _BUSY_NEIGHBOURS * window_s,
        "swap_or_fault": body["major_faults"] > 0,
        "coarse_timer": body["timer_ns"] > _COARSE_TIMER * median,
        "partly_on_cpu": (knobs or {}).get("provider", _CPU) != _CPU and body.get("placement", {}).get(_CPU, 0) > 0,
    }
    return tuple(flag for flag, up in raised.items() if up)


def process_details(body: Mapping[str, Any], calls_ns: np.ndarray[Any, Any], key: Mapping[str, Any]) -> dict[str, Any]:
    """Everything else of a process that is worth keeping, as JSON values."""
    fill_ms = 0.0 if key["rate"] is None else (key["batch"] - 1) / key["rate"] * 1e3
    bounds = {name: early_stopping(calls_ns, PERCENTILES[name]) for name in _SPEED_METRICS[1:]}
    return {
        **{name: value for name, value in body.items() if name != "runtime_version"},
        "fill_ms": fill_ms,
        "calls": len(calls_ns),
        "outliers": outliers(calls_ns),
        "early_stopping_ms": {name: bound / 1e6 + fill_ms for name, bound in bounds.items() if bound is not None},
    }
