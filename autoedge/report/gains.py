"""What a figure gains over the reference's, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from autoedge.report.figures import ESTIMATE, estimated, metric_of, number, points

if TYPE_CHECKING:
    from collections.abc import Mapping

Way = Literal["better", "worse", "same", ""]

_TIMES = 1.1  # below a tenth a percentage reads better than a factor
_TWICE = 2.0
_SAME = 0.005


@dataclass(frozen=True)
class Gain:
    """A difference in words, and which way it goes; both empty where nothing can be said."""

    text: str = ""
    way: Way = ""


def gain(key: str, ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> Gain:
    """What a figure gains over the reference's: ``3.1 x faster``, ``42 % less``, ``+0.3 points``.

    A difference that the two intervals do not show is said to be within noise, and one of estimates is marked.
    """
    metric = metric_of(key)
    if metric is None or theirs is None:
        return Gain()
    one, other = float(ours["value"]), float(theirs["value"])
    if metric.dimension == "fraction":
        text = f"{points(one - other)} points"
    elif other <= 0 or one <= 0:
        return Gain()
    elif abs(one / other - 1) < _SAME:
        text = "the same"
    else:
        text = _ratio(one / other, *_comparatives(metric.name, metric.dimension))
    if text in ("the same", "0 points"):
        return Gain("the same", "same")
    way: Way = "better" if metric.better(one, other) else "worse" if metric.better(other, one) else ""
    if estimated(ours) or estimated(theirs):
        return Gain(ESTIMATE + text, way)
    if metric.dimension != "fraction" and ours["low"] <= theirs["high"] and theirs["low"] <= ours["high"]:
        return Gain(f"{text}, within noise", "same")
    return Gain(text, way)


def _comparatives(name: str, dimension: str) -> tuple[str, str]:
    """Words for a larger and a smaller figure."""
    if dimension == "time":
        return ("longer", "shorter") if name == "battery_life" else ("slower", "faster")
    return "more", "less"


def _ratio(ratio: float, larger: str, smaller: str) -> str:
    """A ratio in words; factors for times and large growth, percentages else."""
    if larger == "slower" and not 1 / _TIMES < ratio < _TIMES:
        return f"{number(max(ratio, 1 / ratio), 2)} x {larger if ratio > 1 else smaller}"
    if ratio >= _TWICE:
        return f"{number(ratio, 2)} x {larger}"
    return f"{number(100 * abs(ratio - 1), 2)} % {larger if ratio > 1 else smaller}"
