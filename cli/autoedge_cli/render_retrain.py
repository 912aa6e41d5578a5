"""What ``autoedge retrain`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import plural
from autoedge_cli.render_text import heading, lines, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_MOST = 40
_TEXT = 300
_LEFT_OUT = {
    "without_target": "target",
    "without_model": "model",
    "without_row": "configuration",
    "unseen": "row",
}


def render_retrained(console: Console, document: Mapping[str, Any]) -> None:
    """Print what was learned, how good it is, and whether it took the champion's place."""
    card = document["card"]
    verdict = Text("promoted", "bold green") if document["promoted"] else Text("champion kept", "bold yellow")
    heading(console, "Surrogate", verdict)
    say(console, said(document["reason"], limit=_TEXT))
    counts = (
        f"{plural(card['rows'], 'row')} learned, {card['held_out_rows']} held out; "
        f"{plural(card['models'], 'model')} on {plural(card['targets'], 'target')}"
    )
    say(console, Text(counts, "dim"))
    lines(console, [said(note, "yellow", _TEXT) for note in card["notes"]], _MOST)
    _errors(console, card["metrics"])
    _comparison(console, document["comparison"])
    heading(console, "Sources")
    lines(console, [_source(source) for source in card["sources"]], _MOST)
    where = f"{document['out']} holds it" if document["promoted"] else f"{document['out']} is as it was"
    console.print()
    say(console, said(where, limit=_TEXT))


def _errors(console: Console, metrics: Mapping[str, Any]) -> None:
    heading(console, "Held-out error", Text("what was left out of training", "dim"))
    made = table("metric", "left out")
    for name in ("rows", "median error", "mean error", "within 10 %", "rank correlation"):
        made.add_column(name, justify="right")
    for name, metric in metrics.items():
        for key, words in _LEFT_OUT.items():
            error = metric[key]
            if error is not None:
                shares = [_share(error[part]) for part in ("median_ape", "mape", "within_10pct")]
                rank = "" if error["spearman"] is None else f"{error['spearman']:.3f}"
                made.add_row(said(name, limit=32), words, str(error["rows"]), *shares, rank)
    show(console, made)


def _comparison(console: Console, comparison: Mapping[str, Any] | None) -> None:
    if comparison is None or not comparison["metrics"]:
        return
    heading(console, "Champion and challenger", Text("mean absolute error on rows that neither saw", "dim"))
    made = table("metric")
    for name in ("rows", "champion", "challenger"):
        made.add_column(name, justify="right")
    made.add_column("")
    for one in comparison["metrics"]:
        worse = Text("worse", "yellow") if one["worse"] else Text("")
        figures = (f"{one['champion']:.4g}", f"{one['challenger']:.4g}")
        made.add_row(said(one["metric"], limit=32), str(one["rows"]), *figures, worse)
    show(console, made)


def _source(source: Mapping[str, Any]) -> Text:
    targets = ", ".join(source["targets"][:3]) + (", ..." if len(source["targets"]) > 3 else "")  # noqa: PLR2004
    return said(f"{source['name']}: {plural(source['rows'], 'row')} of {targets}", limit=_TEXT)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
