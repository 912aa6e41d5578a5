"""What ``autoedge compress`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import NONE, number, percent, plural
from autoedge_cli.render_text import heading, lines, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_MOST = 100
_TEXT = 600
_KIB = 1024
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-")


def render_compressed(console: Console, document: Mapping[str, Any]) -> None:
    """Print the candidates with what is known of them, what failed, and the lines for an intent."""
    made = document["candidates"]
    count = plural(len(made), "candidate")
    heading(console, "Compressed", said(f"{count} in {document['out']}", "dim", _TEXT))
    if made:
        _table(console, document)
    if document["failed"]:
        heading(console, "Failed", Text("could not be made", "bold red"))
        lines(console, [said(f"{one['name']}: {one['reason']}", "", _TEXT) for one in document["failed"]], _MOST)
    if made:
        heading(console, "For an intent beside the spec")
        # Unindented and unwrapped, so that it can be copied.
        for line in ("models:", *(_model(one) for one in made)):
            console.print(Text(printable(line, 5000)), soft_wrap=True)


def _table(console: Console, document: Mapping[str, Any]) -> None:
    figure = document["figure"]
    shown = table("candidate", "precision")
    for name in ("size", "parameters", "MACs", f"holdout {figure}", "kept epoch"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for one in document["candidates"]:
        shown.add_row(
            said(one["name"], limit=64),
            said(one["precision"], limit=10),
            f"{one['size_bytes'] / _KIB:.1f} KiB",
            str(one["parameters"]),
            NONE if one["macs"] is None else str(one["macs"]),
            _figure(one["holdout"], figure),
            str(one["epoch"]),
            Text("was there", "dim") if one["reused"] else Text(""),
        )
    show(console, shown)
    if document["given"] is not None:
        given = f"the model as given: holdout {figure} {_figure(document['given'], figure)}"
        say(console, Text(f"{given}, {_given_parameters(document)} parameters", "dim"))


def _given_parameters(document: Mapping[str, Any]) -> int:
    return int(document["candidates"][0]["given_parameters"])


def _figure(value: float | None, figure: str) -> str:
    if value is None:
        return NONE
    return f"{percent(value)} %" if figure == "accuracy" else number(value)


def _model(one: Mapping[str, Any]) -> str:
    path = str(one["path"])
    quoted = path if set(path) <= _PLAIN else '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"  - {{path: {quoted}, name: {one['name']}}}"
