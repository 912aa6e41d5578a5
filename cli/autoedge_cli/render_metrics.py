"""All figures of one candidate, and what they gain over the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.metric import METRICS
from autoedge_cli.render_figures import ESTIMATE, estimated, full, interval, metric_of, name_of, number, points
from autoedge_cli.render_text import said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    Values = Mapping[str, Mapping[str, Any]]

_TIMES = 1.1  # below a tenth a percentage reads better than a factor
_TWICE = 2.0
_SAME = 0.005


def render_metrics(console: Console, values: Values, first: Sequence[str], reference: Values | None = None) -> None:
    """Print every metric with value, 95 % interval (an estimate's error band) and source.

    Args:
        console: Where to.
        values: The candidate's, by metric key.
        first: Keys of the metrics that matter most; they come first, in bold.
        reference: The reference's, to tell gains; None for none.
    """
    listed = table("metric")
    listed.add_column("value", justify="right", no_wrap=True)
    listed.add_column("95 % interval")
    listed.add_column("source")
    if reference is not None:
        listed.add_column("against the reference")
    order = dict.fromkeys([*first, *(metric.key for metric in METRICS.values()), *values])
    for key in (key for key in order if key in values):
        cells = _cells(values[key], key)
        if reference is not None:
            cells.append(gain(key, values[key], reference.get(key)))
        listed.add_row(*cells, style="bold" if key in first else "")
    show(console, listed)
    if any(estimated(value) for value in values.values()):
        say(console, Text(f"{ESTIMATE} estimated, not measured; its interval is an error band", style="dim"))


def _cells(value: Mapping[str, Any], key: str) -> list[Text]:
    ends = interval(value["low"], value["high"], key)
    return [Text(name_of(key)), Text(full(value, key)), Text(ends, style="dim"), said(value["source"], limit=12)]


def gain(key: str, ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> Text:
    """What a figure gains over the reference's, in words: ``3.1 x faster``, ``42 % less``, ``+0.3 points``.

    A difference that the two intervals do not show is said to be within noise, and one of estimates is marked.
    """
    metric = metric_of(key)
    if metric is None or theirs is None:
        return Text("")
    one, other = float(ours["value"]), float(theirs["value"])
    if metric.dimension == "fraction":
        text = f"{points(one - other)} points"
    elif other <= 0 or one <= 0:
        return Text("")
    elif abs(one / other - 1) < _SAME:
        text = "the same"
    else:
        text = _ratio(one / other, *_comparatives(metric.name, metric.dimension))
    style = "green" if metric.better(one, other) else "red" if metric.better(other, one) else ""
    if text in ("the same", "0 points"):
        return Text("the same", style="dim")
    if estimated(ours) or estimated(theirs):
        text = ESTIMATE + text
    elif metric.dimension != "fraction" and ours["low"] <= theirs["high"] and theirs["low"] <= ours["high"]:
        return Text(f"{text}, within noise", style="dim")
    return Text(text, style=style)


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
