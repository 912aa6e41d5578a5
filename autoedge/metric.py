"""The one table of metrics: what can be constrained, optimised and reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["minimize", "maximize"]
Dimension = Literal["time", "bytes", "energy", "power", "rate", "fraction", "number"]


@dataclass(frozen=True)
class Metric:
    """One quantity that a result holds.

    Attributes:
        name: Name without unit, as users write it: ``latency_p95``.
        unit: Unit of every stored value, empty for plain fractions and numbers: ``ms``.
        dimension: What kinds of unit may be given for it; a ``number`` has none and may have any sign.
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
_TOP = "share of evaluation samples whose label is among the"
_NEAR = "share of queries with an item of their own label among the"
_PREPARED = "median time to prepare one item: decode, resize, normalise, quantise"
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
        Metric("preprocess", "ms", "time", "minimize", _PREPARED),
        Metric("cold_start", "ms", "time", "minimize", "fresh process: load the model and make the first call"),
        Metric("throughput", "ips", "rate", "maximize", "items per second, back to back"),
        Metric("accuracy", "", "fraction", "maximize", "share of evaluation samples whose top class is the label"),
        Metric("f1_macro", "", "fraction", "maximize", "F1 score of each class on the evaluation set, plain mean"),
        Metric("agreement", "", "fraction", "maximize", "share of samples with the same top class as the reference"),
        Metric("top3_accuracy", "", "fraction", "maximize", f"{_TOP} 3 highest scores"),
        Metric("top5_accuracy", "", "fraction", "maximize", f"{_TOP} 5 highest scores"),
        Metric("top10_accuracy", "", "fraction", "maximize", f"{_TOP} 10 highest scores"),
        Metric("log_loss", "", "number", "minimize", "mean of -ln(probability of the label), in nats"),
        Metric("mae", "", "number", "minimize", "mean absolute error, in the unit of the targets y"),
        Metric("rmse", "", "number", "minimize", "root of the mean squared error, in the unit of the targets y"),
        Metric("r2", "", "number", "maximize", "1 - squared error / squared deviation of y from its mean, plain mean"),
        Metric("recall_at_1", "", "fraction", "maximize", f"{_NEAR} nearest 1 by cosine, leave-one-out"),
        Metric("recall_at_5", "", "fraction", "maximize", f"{_NEAR} nearest 5 by cosine, leave-one-out"),
        Metric("recall_at_10", "", "fraction", "maximize", f"{_NEAR} nearest 10 by cosine, leave-one-out"),
        Metric("cosine_similarity", "", "number", "maximize", "mean cosine of embeddings and the reference's, -1 to 1"),
        Metric("map", "", "fraction", "maximize", "COCO mean average precision of boxes, IoU 0.50 to 0.95"),
        Metric("map50", "", "fraction", "maximize", "COCO mean average precision of boxes, IoU 0.50"),
        Metric("custom", "", "number", "maximize", "what the intent's own metric says, where more is better"),
        Metric("custom_loss", "", "number", "minimize", "what the intent's own metric says, where less is better"),
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
TASK_METRICS: dict[str, tuple[str, ...]] = {
    "classification": (
        *("accuracy", "f1_macro", "agreement", "top3_accuracy", "top5_accuracy", "top10_accuracy", "log_loss"),
    ),
    "regression": ("mae", "rmse", "r2"),
    "embedding": ("recall_at_1", "recall_at_5", "recall_at_10", "cosine_similarity"),
    "detection": ("map", "map50"),
    "custom": ("custom", "custom_loss"),
}
"""By task, the metrics that tell how well it is done; the usual one first."""
QUALITY = tuple(name for names in TASK_METRICS.values() for name in names)
TO_REFERENCE = ("agreement", "cosine_similarity")
"""Told against the outputs of the reference model and not against labels."""
PAIRED = tuple(name for name in QUALITY if name.endswith("accuracy") or name.startswith("recall_at"))
"""Shares of samples: two candidates are compared sample by sample."""


def by_key(key: str) -> Metric:
    """The metric stored under ``key``.

    Raises:
        KeyError: There is none.
    """
    for metric in METRICS.values():
        if metric.key == key:
            return metric
    raise KeyError(key)
