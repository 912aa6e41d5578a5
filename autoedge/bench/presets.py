"""The protocol presets: how long, how often, in how many processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.percentile import calls_needed
from autoedge.measurement import Protocol
from autoedge.metric import PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from autoedge.meters.spec import MeterSpec

VERSION = 1
PAPER = "paper-2507.23093"
"""After "On the Sustainability of AI Inferences in the Edge" (arXiv 2507.23093): an idle baseline of 3 s with as many
samples as the meter gives in it, and the plain interval, mean +/- 1.96 s / sqrt(n), printed beside ours."""

# Warm-up ends when two blocks in a row have medians within 2 % (measurement protocol, after Barrett et al. 2017).
_STEADY = {"warmup_calls": 10, "warmup_seconds": 1.0, "block_calls": 10, "block_seconds": 0.25, "block_tolerance": 0.02}

# With a power meter. Idle: 3 s at 16 Hz are 48 samples (arXiv 2507.23093); a slower meter takes longer for as many that
# carry something new. Windows: five for a report (MLPerf Tiny); each as long as the meter needs, at least 10 s.
_POWER: dict[str, dict[str, float | int]] = {
    "quick": {"idle_seconds": 3.0, "idle_samples": 16, "energy_seconds": 10.0, "energy_windows": 1},
    "standard": {"idle_seconds": 3.0, "idle_samples": 48, "energy_seconds": 10.0, "energy_windows": 5},
    "strict": {"idle_seconds": 60.0, "idle_samples": 480, "energy_seconds": 30.0, "energy_windows": 10},
    PAPER: {"idle_seconds": 3.0, "idle_samples": 4, "energy_seconds": 10.0, "energy_windows": 1},
}
RATE_SECONDS = {"quick": 3.0, "standard": 30.0, "strict": 120.0, PAPER: 3.0}
_QUICK = {
    **_STEADY,
    "warmup_cap_seconds": 5.0,
    "latency_calls": 64,
    "latency_seconds": 1.0,
    "cap_seconds": 60.0,
    "processes": 1,
}
PRESETS: dict[str, dict[str, float | int]] = {
    "quick": _QUICK,
    PAPER: _QUICK,
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
    usual = {**PRESETS[preset], **(_POWER[preset] if metered else {})}
    if workload.get("rate") is not None:
        usual["rate_seconds"] = RATE_SECONDS[preset]
    parameters = {**usual, **{name: value for name, value in overrides.items() if name in usual}}
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


def power_seconds(protocol: Protocol, spec: MeterSpec | None) -> float:
    """Wall time that idle and energy phases add to one process; 0 without a meter."""
    return 0.0 if spec is None else sum(PowerPlan.of(protocol.parameters, spec).stretches)


@dataclass(frozen=True)
class PowerPlan:
    """How long the stretches are that a meter watches, in s.

    Attributes:
        lead_s: Before each stretch, in the state that it is about, until the meter shows it.
        idle_s: Each of the three idle stretches.
        window_s: Each energy window.
        windows: How many.
        tail_s: After the last window, in the same state, so that what the meter shows late is still about it.
    """

    lead_s: float
    idle_s: float
    window_s: float
    windows: int
    tail_s: float

    @classmethod
    def of(cls, parameters: Mapping[str, Any], spec: MeterSpec) -> PowerPlan:
        """What a protocol comes to with a meter: never shorter than the meter can tell apart."""
        update = spec.update_period_s
        return cls(
            lead_s=spec.settling_s + 2 * update + _METER_START_S,
            idle_s=max(float(parameters["idle_seconds"]), parameters["idle_samples"] * update),
            # Both ends' settling and the clocks' doubt are left out of a slow meter's window.
            window_s=max(
                float(parameters["energy_seconds"]), spec.shortest_window_s + 2 * (spec.settling_s + _CLOCK_S)
            ),
            windows=int(parameters["energy_windows"]),
            tail_s=2 * update + _METER_START_S / 5,
        )

    @property
    def stretches(self) -> tuple[float, float, float]:
        """Seconds of rest, of windows, and of leads and tails."""
        return 3 * self.idle_s, self.windows * self.window_s, 4 * self.lead_s + self.tail_s


_CLOCK_S = 0.1
_METER_START_S = 0.5  # the phase is announced, perhaps over a network, and the meter begins to record
_START_S = 0.6  # a fresh interpreter, the runtime's import and the load of a small model
