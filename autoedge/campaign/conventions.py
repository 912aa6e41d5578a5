"""What names of columns usually mean in tables of measurements: quantities, units, and which way is better."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.metric import METRICS

if TYPE_CHECKING:
    from autoedge.campaign.card import Direction, Scale


@dataclass(frozen=True)
class Quantity:
    """A kind of figure.

    Attributes:
        name: For messages: ``time``.
        words: Any of them in a column's name means it.
        units: How a column's name may end to say the unit; none where figures of this kind have no unit.
        telling: Units that mean it even without one of its words.
        direction: Which way is better.
        scale: On which differences count.
    """

    name: str
    words: frozenset[str]
    units: tuple[str, ...]
    telling: frozenset[str]
    direction: Direction
    scale: Scale


@dataclass(frozen=True)
class Meant:
    """What a column's name tells of it.

    Attributes:
        quantity: The kind of figure.
        unit: Empty where the name does not say it.
        sure: Whether the name tells which way is better; a unit alone does not: ``spare_ms``.
    """

    quantity: Quantity
    unit: str
    sure: bool


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PERCENT = ("pct", "percent")
"""Of any share: tells nothing of the quantity."""

QUANTITIES = (
    Quantity(  # before quality: an accuracy drop is a drop
        "error",
        words=_words("error errors err loss drop wer cer"),
        units=PERCENT,
        telling=_words(""),
        direction="minimize",
        scale="linear",
    ),
    Quantity(
        "quality",
        words=_words("accuracy acc top1 top5 map map50 map75 f1 auc miou iou recall agreement"),
        units=PERCENT,
        telling=_words(""),
        direction="maximize",
        scale="linear",
    ),
    Quantity(  # so much for an energy, or a rate for a power: before both
        "efficiency",
        words=_words("efficiency"),
        units=(),
        telling=_words(""),
        direction="maximize",
        scale="log",
    ),
    Quantity(
        "rate",
        words=_words("throughput fps ips qps"),
        units=("fps", "ips", "qps", "hz"),
        telling=_words("fps ips qps"),
        direction="maximize",
        scale="log",
    ),
    Quantity(
        "energy",
        words=_words("energy joule joules"),
        units=("nj", "uj", "mj", "j", "kj", "wh", "mwh"),
        telling=_words("uj mj mwh"),
        direction="minimize",
        scale="log",
    ),
    Quantity(
        "power",
        words=_words("power watt watts drain draw"),
        units=("uw", "mw", "w"),
        telling=_words("mw"),
        direction="minimize",
        scale="log",
    ),
    Quantity(
        "memory",
        words=_words("memory ram rss footprint"),
        units=("b", "kb", "mb", "gb", "kib", "mib", "gib", "bytes"),
        telling=_words("mib kib gib bytes"),
        direction="minimize",
        scale="log",
    ),
    Quantity(
        "time",
        words=_words("latency latencies time duration delay"),
        units=("ns", "us", "ms", "s", "sec", "seconds", "min"),
        telling=_words("ns us ms"),
        direction="minimize",
        scale="log",
    ),
    Quantity("life", words=_words("battery"), units=("h",), telling=_words(""), direction="maximize", scale="log"),
)
_BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}
TURNING_WORDS = _words("free available headroom remaining left spare margin slack saved saving savings gain reduction")
"""Words that may turn round which way is better."""
SETTING_WORDS = _words("limit cap budget clock freq frequency")
"""Words of what is set and not measured."""
FEATURE_WORDS = _words("macs flops gflops mflops gmacs mmacs params parameters activations macts")
TARGET_WORDS = ("device", "target", "board", "hardware", "platform", "machine", "soc", "chip", "phone")
NO_ROLE_WORDS = _words(
    "id uuid hash sha256 fingerprint date time timestamp url path file comment note notes flags protocol"
)
COMPANIONS = ("_lo", "_hi", "_low", "_high", "_std", "_source")
"""Endings of columns that tell more of another column."""


def words_of(column: str) -> list[str]:
    """The words of a column's name: ``Latency p50 (ms)`` gives latency, p50, ms."""
    return [word for word in re.split(r"[^a-z0-9]+", column.lower()) if word]


def quantity_of(column: str) -> Meant | None:
    """The quantity that a column's name tells; None for none.

    A unit of another quantity beats a word: ``recall_ms`` is a time.
    """
    words = words_of(column)
    if not words or SETTING_WORDS & set(words):
        return None
    sure = not TURNING_WORDS & set(words)
    if efficiency := _efficiency(words):
        return Meant(_BY_NAME["efficiency"], efficiency, sure)
    each = words[1:2] == ["per"]
    last = words[0] if each else words[-1]  # us_per_image, latency_us
    if len(words) == 1 and not any(last in quantity.telling for quantity in QUANTITIES):
        last = ""  # a word of its own is no unit, but for fps and its like
    by_word = [quantity for quantity in QUANTITIES if quantity.words & set(words)]
    by_unit = [quantity for quantity in QUANTITIES if last in quantity.telling]
    fitting = [quantity for quantity in by_word if last in quantity.units] or by_unit[:1] or by_word[:1]
    if not fitting:
        return None
    return Meant(fitting[0], last if last in fitting[0].units else "", sure and (each or fitting[0] in by_word))


def _efficiency(words: list[str]) -> str:
    """``per_joule`` where a name ends so: so much for an energy, or a rate for a power; else empty."""
    before, per, below = words[:-2], words[-2:-1], words[-1]
    spent = [_BY_NAME[name] for name in ("energy", "power")]
    if per != ["per"] or not before or not any(below in one.words or below in one.units for one in spent):
        return ""
    costs = (*spent, _BY_NAME["time"], _BY_NAME["memory"])  # milliseconds for a watt: who knows
    return "" if any(before[-1] in one.words or before[-1] in one.units for one in costs) else f"per_{below}"


def metric_direction(column: str) -> tuple[Direction, Scale] | None:
    """Direction and scale where a column is named as one of AutoEdge's own metrics; None where it is not."""
    for metric in METRICS.values():
        if metric.key == column:
            return metric.direction, "linear" if metric.dimension in ("fraction", "number") else "log"
    return None
