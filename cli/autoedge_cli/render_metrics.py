"""All figures of one candidate, and what they gain over the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.metric import METRICS
from autoedge.report import gains
from autoedge_cli.render_figures import ESTIMATE, estimated, full, interval, name_of
from autoedge_cli.render_text import said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    Values = Mapping[str, Mapping[str, Any]]


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
    """What a figure gains over the reference's, in words and colour."""
    found = gains.gain(key, ours, theirs)
    return Text(found.text, style={"better": "green", "worse": "red", "same": "dim"}.get(found.way, ""))
