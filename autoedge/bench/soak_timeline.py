"""A soak over time, coarse enough to draw: latency, power, temperature, clock; and its raw series for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.integrals import finite
from autoedge.bench.sustained import power_source

if TYPE_CHECKING:
    from autoedge.bench.metering import Recorded
    from autoedge.bench.soak_series import SoakSeries

BLOCKS = 120


def timeline(series: SoakSeries, recorded: Recorded | None) -> dict[str, Any]:
    """Equal blocks of time with what was seen in each; None where nothing was.

    Returns:
        ``time_s`` (middles), ``latency_ms`` (median), ``power_w`` (mean), ``temp_c`` (the hottest zone), ``clock_mhz``
        (the fastest core); series that nothing is known of are left out. With power, its ``power_source``.
    """
    edges = np.linspace(0.0, series.seconds, min(BLOCKS, max(1, len(series.durations_ns) // 5)) + 1)
    looks = np.array([look.time_s for look in series.looks])
    temps = np.array([max(look.zones.values(), default=np.nan) for look in series.looks])
    clocks = np.array([np.nan if look.clock_khz is None else look.clock_khz / 1e3 for look in series.looks])
    latency = _blocks(edges, series.ends_s, series.durations_ns / 1e6, median=True)
    found = {
        "time_s": (edges[1:] + edges[:-1]) / 2,
        "latency_ms": latency,
        "temp_c": _blocks(edges, looks, temps),
        "clock_mhz": _blocks(edges, looks, clocks),
    }
    pieces = [finite(trace) for trace in recorded.traces] if recorded is not None else []
    if pieces:
        time, power = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        found["power_w"] = _blocks(edges, time - series.start_ns / 1e9, power)
    told: dict[str, Any] = {name: _listed(values) for name, values in found.items() if np.isfinite(values).any()}
    if recorded is not None and "power_w" in told:
        told["power_source"] = power_source(recorded.traces[0].spec)
    return told


def raw_series(series: SoakSeries, recorded: Recorded | None) -> dict[str, np.ndarray[Any, Any]]:
    """Everything of a soak as arrays: what an npz file holds.

    Returns:
        ``duration_ns`` and ``end_s`` of calls; ``look_s``, ``look_clock_khz``, ``look_others_s`` and
        ``look_temp_c`` (looks, zones), with ``zones`` their names; ``power0_time_s`` and ``power0_power_w`` (and on) of
        a meter's traces, on the device's clock of ``end_s``, with their ``power0_source``.
    """
    names = list(dict.fromkeys(name for look in series.looks for name in look.zones))
    temps = [[look.zones.get(name, np.nan) for name in names] for look in series.looks]
    arrays = {
        "duration_ns": series.durations_ns,
        "end_s": series.ends_s,
        "look_s": np.array([look.time_s for look in series.looks]),
        "look_clock_khz": np.array([np.nan if one.clock_khz is None else one.clock_khz for one in series.looks]),
        "look_others_s": np.array([np.nan if one.others_s is None else one.others_s for one in series.looks]),
        "look_temp_c": np.array(temps, np.float64).reshape(len(series.looks), len(names)),
        "zones": np.array(names, np.str_),
    }
    for index, trace in enumerate(recorded.traces if recorded is not None else ()):
        arrays[f"power{index}_time_s"] = trace.time_s - series.start_ns / 1e9
        arrays[f"power{index}_power_w"] = trace.power_w
        arrays[f"power{index}_source"] = np.array(power_source(trace.spec), np.str_)
    return arrays


def _blocks(
    edges: np.ndarray[Any, Any], time_s: np.ndarray[Any, Any], values: np.ndarray[Any, Any], *, median: bool = False
) -> np.ndarray[Any, Any]:
    """The middle of the finite values in each block, NaN where there is none."""
    known = np.isfinite(values)
    time_s, values = time_s[known], values[known]
    pieces = np.split(values, np.searchsorted(time_s, edges[1:-1]))
    return np.array([(np.median(p) if median else p.mean()) if len(p) else np.nan for p in pieces])


def _listed(values: np.ndarray[Any, Any]) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]
