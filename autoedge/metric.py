"""The one table of metrics: what can be constrained, optimised and reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["minimize", "maximize"]
Dimension = Literal["time", "bytes", "energy", "power", "rate", "fraction"]


@dataclass(frozen=True)
class Metric:
    """One quantity that a result holds.

    Attributes:
        name: Name without unit, as users write it: ``latency_p95``.
        unit: Unit of every stored value, empty for plain fractions: ``ms``.
        dimension: What kinds of unit may be given for it.
        direction: Which way is better.
        meaning: Exactly what the number is.
    """

    name: str
    unit: str
    dimension: Dimension
    direction: Direction
    meaning: str

    @property
    def key(self) -> str:
        """The name with its unit, as stored and exported: ``latency_p95_ms``."""
        return f"{self.name}_{self.unit.lower()}" if self.unit else self.name

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is strictly better than ``other``."""
        return one < other if self.direction == "minimize" else one > other


_RATE = "of one call in an open loop at workload.rate, from the moment it was due; the time to fill the batch is added"
_SUSTAINED = "of one call in the last third of a soak; with workload.rate the time to fill the batch is added"
_CALL = "of one call with one batch, back to back, steady state; with workload.rate the time to fill the batch is added"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("latency_p50", "ms", "time", "minimize", f"median time {_CALL}"),
        Metric("latency_p90", "ms", "time", "minimize", f"90th percentile {_CALL}"),
        Metric("latency_p95", "ms", "time", "minimize", f"95th percentile {_CALL}"),
        Metric("latency_p99", "ms", "time", "minimize", f"99th percentile {_CALL}"),
        Metric("latency_p50_at_rate", "ms", "time", "minimize", f"median time {_RATE}"),
        Metric("latency_p95_at_rate", "ms", "time", "minimize", f"95th percentile {_RATE}"),
        Metric("latency_p99_at_rate", "ms", "time", "minimize", f"99th percentile {_RATE}"),
        Metric("latency_p50_sustained", "ms", "time", "minimize", f"median time {_SUSTAINED}"),
        Metric("latency_p95_sustained", "ms", "time", "minimize", f"95th percentile {_SUSTAINED}"),
        Metric("cold_start", "ms", "time", "minimize", "fresh process: load the model and make the first call"),
        Metric("throughput", "ips", "rate", "maximize", "items per second, back to back"),
        Metric("accuracy", "", "fraction", "maximize", "share of evaluation samples whose top class is the label"),
        Metric("f1_macro", "", "fraction", "maximize", "F1 score of each class on the evaluation set, plain mean"),
        Metric("agreement", "", "fraction", "maximize", "share of samples with the same top class as the reference"),
        Metric("energy", "mJ", "energy", "minimize", "per item, gross: all that the device draws"),
        Metric("energy_net", "mJ", "energy", "minimize", "per item, above the loaded idle"),
        Metric("power", "W", "power", "minimize", "mean over the energy window, gross"),
        Metric("power_at_rate", "W", "power", "minimize", "mean while items arrive at workload.rate, gross"),
        Metric("memory_peak", "MiB", "bytes", "minimize", "peak resident memory of the candidate's process"),
        Metric("memory_model", "MiB", "bytes", "minimize", "memory_peak minus that of an empty runtime"),
        Metric("size", "MiB", "bytes", "minimize", "bytes of the deployed model files"),
        Metric(
            "battery_life", "h", "time", "maximize", "usable Wh / mean W at workload.rate (search: idle + rate x net)"
        ),
    )
}

PERCENTILES: dict[str, float] = {"latency_p50": 0.50, "latency_p90": 0.90, "latency_p95": 0.95, "latency_p99": 0.99}
AT_RATE = ("latency_p50_at_rate", "latency_p95_at_rate", "latency_p99_at_rate", "power_at_rate")
SUSTAINED = ("latency_p50_sustained", "latency_p95_sustained")
OF_FINALISTS = (*AT_RATE, *SUSTAINED)
"""Measured in the confirm rounds only: the search does not know them."""
ENERGY = ("energy", "energy_net", "power", "power_at_rate", "battery_life")
"""What a power meter, or an estimate of power, is needed for."""
QUALITY = ("accuracy", "f1_macro", "agreement")


def by_key(key: str) -> Metric:
    """The metric stored under ``key``.

    Raises:
        KeyError: There is none.
    """
    for metric in METRICS.values():
        if metric.key == key:
            return metric
    raise KeyError(key)
