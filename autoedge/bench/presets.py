"""The protocol presets: how long, how often, in how many processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.bench.percentile import calls_needed
from autoedge.measurement import Protocol
from autoedge.metric import PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VERSION = 1

# Warm-up ends when two blocks in a row have medians within 2 % (measurement protocol, after Barrett et al. 2017).
_STEADY = {"warmup_calls": 10, "warmup_seconds": 1.0, "block_calls": 10, "block_seconds": 0.25, "block_tolerance": 0.02}

PRESETS: dict[str, dict[str, float | int]] = {
    "quick": {
        **_STEADY,
        "warmup_cap_seconds": 5.0,
        "latency_calls": 64,
        "latency_seconds": 1.0,
        "cap_seconds": 60.0,
        "processes": 1,
    },
    "standard": {
        **_STEADY,
        "warmup_cap_seconds": 60.0,
        "latency_calls": 662,
        "latency_seconds": 10.0,
        "cap_seconds": 600.0,
        "processes": 3,
    },
    "strict": {
        **_STEADY,
        "warmup_cap_seconds": 60.0,
        "latency_calls": 24_576,
        "latency_seconds": 10.0,
        "cap_seconds": 600.0,
        "processes": 10,
    },
}


def protocol_for(
    preset: str, overrides: Mapping[str, float], metrics: Iterable[str], workload: Mapping[str, float | None]
) -> Protocol:
    """The protocol that a preset, the user's changes and the metrics asked for come to.

    The number of calls is raised to what the highest percentile needs (LoadGen's early stopping: p90 64, p95 130,
    p99 662).

    Args:
        preset: quick, standard or strict.
        overrides: Parameters that the user changed.
        metrics: Names of the metrics in constraints and objectives.
        workload: What figures are computed for (rate, battery): other numbers make other figures.
    """
    usual = PRESETS[preset]
    parameters = {**usual, **overrides}
    # A shorter or longer warm-up keeps the preset's proportions: its blocks and its patience go along.
    stretch = parameters["warmup_seconds"] / usual["warmup_seconds"]
    parameters["block_seconds"] = usual["block_seconds"] * min(1.0, stretch)
    parameters["warmup_cap_seconds"] = usual["warmup_cap_seconds"] * stretch
    needed = [calls_needed(PERCENTILES[name]) for name in metrics if name in PERCENTILES]
    parameters["latency_calls"] = int(max([parameters["latency_calls"], *needed]))
    parameters |= {name: value for name, value in workload.items() if value is not None}
    return Protocol(preset, VERSION, parameters)


def expected_seconds(protocol: Protocol, call_seconds: float) -> float:
    """Rough wall time of one process under a protocol, for a model whose call takes ``call_seconds``."""
    parameters = protocol.parameters
    warm = max(float(parameters["warmup_seconds"]), int(parameters["warmup_calls"]) * call_seconds)
    timed = max(float(parameters["latency_seconds"]), int(parameters["latency_calls"]) * call_seconds)
    return _START_S + warm + 2 * float(parameters["block_seconds"]) + min(timed, float(parameters["cap_seconds"]))


_START_S = 0.6  # a fresh interpreter, the runtime's import and the load of a small model
