"""The protocol presets: how long, how often, in how many processes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autoedge.agent.stretches import calls_due
from autoedge.bench.percentile import calls_needed
from autoedge.bench.power_plan import PowerPlan
from autoedge.measurement import Protocol
from autoedge.metric import AT_RATE, PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoedge.meters.spec import MeterSpec

VERSION = 1
PAPER = "paper-2507.23093"
"""After "On the Sustainability of AI Inferences in the Edge" (arXiv 2507.23093): an idle baseline of 3 s with as many
samples as the meter gives in it, and the plain interval, mean +/- 1.96 s / sqrt(n), printed beside ours."""

# Warm-up ends when two blocks in a row have medians within 2 % (measurement protocol, after Barrett et al. 2017).
_STEADY = {"warmup_calls": 10, "warmup_seconds": 1.0, "block_calls": 10, "block_seconds": 0.25, "block_tolerance": 0.02}

# With a power meter: 3 s at 16 Hz are 48 samples of idle (arXiv 2507.23093), and a slower meter takes longer for as
# many that carry something new; five windows for a report (MLPerf Tiny), each as long as the meter needs.
_QUICK: dict[str, float | int] = {
    **_STEADY,
    "warmup_cap_seconds": 5.0,
    "latency_calls": 64,
    "latency_seconds": 1.0,
    "cap_seconds": 60.0,
    "processes": 1,
    "idle_seconds": 3.0,
    "idle_samples": 16,
    "energy_seconds": 10.0,
    "energy_windows": 1,
    "rate_seconds": 3.0,
    "soak_seconds": 60.0,
}
_STANDARD: dict[str, float | int] = {
    **_STEADY,
    "warmup_cap_seconds": 60.0,
    "latency_calls": 662,
    "latency_seconds": 10.0,
    "cap_seconds": 600.0,
    "processes": 3,
    "idle_seconds": 3.0,
    "idle_samples": 48,
    "energy_seconds": 10.0,
    "energy_windows": 5,
    "rate_seconds": 30.0,
    "soak_seconds": 300.0,
}
PRESETS: dict[str, dict[str, float | int]] = {
    "quick": _QUICK,
    "standard": _STANDARD,
    "strict": {
        **_STANDARD,
        "latency_calls": 24_576,
        "processes": 10,
        "idle_seconds": 60.0,
        "idle_samples": 480,
        "energy_seconds": 30.0,
        "energy_windows": 10,
        "rate_seconds": 120.0,
        "soak_seconds": 1800.0,
    },
    PAPER: {**_QUICK, "idle_samples": 4},
}
_METERED = ("idle_seconds", "idle_samples", "energy_seconds", "energy_windows")


def protocol_for(
    preset: str,
    overrides: Mapping[str, float],
    metrics: Iterable[str],
    workload: Mapping[str, float | None],
    *,
    metered: bool = False,
) -> Protocol:
    """The protocol that a preset, the user's changes and the metrics asked for come to.

    The number of calls is raised to what the highest percentile needs (LoadGen's early stopping: p90 64, p95 130,
    p99 662).

    Args:
        preset: One of ``PRESETS``.
        overrides: Parameters that the user changed.
        metrics: Names of the metrics in constraints and objectives.
        workload: What figures are computed for (rate, battery): other numbers make other figures.
        metered: Whether a power meter watches, so that there are idle and energy phases.
    """
    usual = PRESETS[preset]
    parameters = {**usual, **overrides}
    idle = () if metered else _METERED
    for name in ("soak_seconds", *idle, *(("rate_seconds",) if workload.get("rate") is None else ())):
        parameters.pop(name, None)  # what is not done is no part of how it is done
    # A shorter or longer warm-up keeps the preset's proportions: its blocks and its patience go along.
    stretch = parameters["warmup_seconds"] / usual["warmup_seconds"]
    parameters["block_seconds"] = usual["block_seconds"] * min(1.0, stretch)
    parameters["warmup_cap_seconds"] = usual["warmup_cap_seconds"] * stretch
    needed = [calls_needed(PERCENTILES[name]) for name in metrics if name in PERCENTILES]
    parameters["latency_calls"] = int(max([parameters["latency_calls"], *needed]))
    parameters |= {name: value for name, value in workload.items() if value is not None}
    return Protocol(preset, VERSION, parameters)


def too_short_at_rate(
    preset: str, overrides: Mapping[str, float], metrics: Iterable[str], rate: float | None
) -> str | None:
    """Why a figure at the workload's rate could never be told, or None.

    No such stretch is made longer unasked, as calls without pause are: at a few items a second it takes minutes.

    Args:
        preset: One of ``PRESETS``.
        overrides: Parameters that the user changed.
        metrics: Names of the metrics in constraints.
        rate: Items per second that arrive, if any do.
    """
    limited = {name for name in metrics if name in AT_RATE and name.removesuffix("_at_rate") in PERCENTILES}
    if rate is None or not limited:
        return None
    needed, name = max((calls_needed(PERCENTILES[name.removesuffix("_at_rate")]), name) for name in limited)
    seconds = {**PRESETS[preset], **overrides}["rate_seconds"]
    if calls_due(seconds, 1 / rate) >= needed:
        return None
    least = math.ceil(needed / rate)
    least += calls_due(least, 1 / rate) < needed  # moments when calls are due are whole nanoseconds apart
    return (
        f"{name} takes {needed} calls, {least} s at {rate:g} / s, but the protocol has {seconds:g} s for them; give "
        f"protocol: {{preset: {preset}, rate_seconds: {least} s}}, or limit what fewer calls tell"
    )


def soak_seconds(preset: str, overrides: Mapping[str, float]) -> float:
    """How long a finalist's soak lasts. It is no part of the protocol: all else is measured alike without it."""
    return float(overrides.get("soak_seconds", PRESETS[preset]["soak_seconds"]))


def expected_seconds(protocol: Protocol, call_seconds: float, spec: MeterSpec | None = None) -> float:
    """Rough wall time of one process under a protocol.

    Args:
        protocol: How it is measured.
        call_seconds: What one call takes.
        spec: The power meter that watches, if any.
    """
    parameters = protocol.parameters
    warm = max(float(parameters["warmup_seconds"]), int(parameters["warmup_calls"]) * call_seconds)
    timed = max(float(parameters["latency_seconds"]), int(parameters["latency_calls"]) * call_seconds)
    watched = 0.0 if spec is None else sum(PowerPlan.of(parameters, spec).stretches)
    return (
        watched
        + _START_S
        + warm
        + 2 * float(parameters["block_seconds"])
        + min(timed, float(parameters["cap_seconds"]))
    )


_START_S = 0.6  # a fresh interpreter, the runtime's import and the load of a small model
