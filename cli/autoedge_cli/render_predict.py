"""What ``autoedge predict`` prints: estimates, and nothing that could be taken for a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_configuration import words
from autoedge_cli.render_figures import ESTIMATE, bare, name_of, plural, unit_of, with_unit
from autoedge_cli.render_text import heading, lines, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_MOST = 40
_TEXT = 300
_SIDES = {"inside": "green", "outside": "red", "open": "yellow", "unknown": "dim"}


def render_predicted(console: Console, document: Mapping[str, Any]) -> None:
    """Print the ranking, how far it may be off, and what it leaves out."""
    heading(console, "Devices", Text(f"all figures are estimated ({ESTIMATE}), none is measured; no verdict", "yellow"))
    _ranking(console, document)
    for device in document["ranking"]:
        _device(console, device, document["constraints"])
    _rest(console, document)


def _ranking(console: Console, document: Mapping[str, Any]) -> None:
    made = table("", "device")
    for key in document["objectives"]:
        made.add_column(f"{name_of(key)} {unit_of(key)}".strip(), justify="right")
        made.add_column("95 % band", justify="right", style="dim")
    made.add_column("limits")
    for device in document["ranking"]:
        best = device["candidates"][0]
        cells = [part for key in document["objectives"] for part in _cells(best["figures"][key], key)]
        made.add_row(str(device["rank"]), said(device["target"], limit=40), *cells, _limits(best["limits"]))
    show(console, made)


def _cells(figure: Mapping[str, Any], key: str) -> tuple[str, str]:
    if figure["value"] is None:
        return "unknown", ""
    return f"{ESTIMATE}{bare(figure['value'], key)}", f"{bare(figure['low'], key)} to {bare(figure['high'], key)}"


def _limits(limits: Mapping[str, str]) -> Text:
    """How many limits the whole band keeps, breaks or lies across."""
    counts = {side: sum(one == side for one in limits.values()) for side in _SIDES}
    parts = [Text(f"{count} {side}", _SIDES[side]) for side, count in counts.items() if count]
    return Text(", ").join(parts)


def _device(console: Console, device: Mapping[str, Any], constraints: list[str]) -> None:
    about = f"{plural(device['rows'], 'result')} of {device['campaign']}"
    heading(console, f"{device['rank']}  ", said(device["target"], limit=60), said(about, "dim", _TEXT))
    for one in device["candidates"]:
        figures = [
            Text(f"  {name_of(key)} {ESTIMATE}{with_unit(bare(figure['value'], key), unit_of(key))}")
            for key, figure in one["figures"].items()
            if figure["value"] is not None
        ]
        say(console, said(words(one["configuration"]), limit=_TEXT).append_text(Text("").join(figures)))
    for text in constraints:
        side = device["candidates"][0]["limits"][text]
        say(console, Text.assemble(said(text), "  ", (_WORDS[side], _SIDES[side])))
    for key, errors in device["held_out"].items():
        told = [_error(what, error) for what, error in errors.items() if error["median_ape"] is not None]
        say(console, Text(f"{name_of(key)} on what was left out: {'; '.join(told)}", "dim"))
    unknown = [f"its results do not know {name_of(key)}" for key in device["unknown_metrics"]]
    lines(console, [said(note, "yellow", _TEXT) for note in [*unknown, *device["notes"]]], _MOST)


_WORDS = {
    "inside": "the whole band is inside",
    "outside": "the whole band is outside",
    "open": "the band lies across it",
    "unknown": "its results do not tell",
}


def _error(what: str, error: Mapping[str, Any]) -> str:
    rank = "" if error["spearman"] is None else f", rank correlation {error['spearman']:.2f}"
    return f"a {what} is off by {error['median_ape']:.1%} (median){rank}"


def _rest(console: Console, document: Mapping[str, Any]) -> None:
    more = document["devices"] - len(document["ranking"])
    if more:
        say(console, Text(f"and {plural(more, 'device')} more; --top shows them", style="dim"))
    if document["not_ranked"]:
        heading(console, "Not ranked")
        rows = [said(f"{one['target']}: {one['reason']}", limit=_TEXT) for one in document["not_ranked"]]
        lines(console, rows, _MOST)
    if document["not_predicted"]:
        heading(console, "Not predicted")
        rows = [said(f"{one['what']}: {one['reason']}", limit=_TEXT) for one in document["not_predicted"]]
        lines(console, rows, _MOST)
