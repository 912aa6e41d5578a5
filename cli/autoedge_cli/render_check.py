"""A gate's result as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.metric import by_key
from autoedge.report.check_text import change_text, headline
from autoedge_cli.render_decisions import render_decisions
from autoedge_cli.render_figures import NONE, bare, name_of, unit_of
from autoedge_cli.render_text import heading, mark, outcome, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_ADVICE = 200


def render_check(console: Console, document: Mapping[str, Any]) -> None:
    """Print what a gate decided: the limits, and the metrics against the base."""
    console.print(mark(console, document["outcome"]), said(headline(document), "bold"))
    render_decisions(console, document["constraints"])
    if document["changes"]:
        _changes(console, document)
    for one in document["failed"]:
        say(console, said(f"{one['arm']}: {one['count']} x {one['reason']}", "yellow"))
    base = document["bundles"].get("base")
    for name, about in document["bundles"].items():
        if not about["same_device"]:
            say(console, f"the record of {name} is of another device; only what was measured now counts")
    if base is None:
        say(console, "no base was given, so nothing is held against one: --against BUNDLE")
    if document["advice"]:
        say(console, said(document["advice"], limit=_ADVICE))


def _changes(console: Console, document: Mapping[str, Any]) -> None:
    heading(console, "Against the base", f"a change for the worse matters from {100 * document['limit']:g} % on")
    held = table()
    held.add_column("metric", no_wrap=True)
    held.add_column("outcome", no_wrap=True)
    held.add_column("base", justify="right", no_wrap=True)
    held.add_column("now", justify="right", no_wrap=True)
    held.add_column("change")
    for change in document["changes"]:
        key = by_key(change["metric"]).key
        figures = (_figure(change["base"], key), _figure(change["now"], key))
        told = said(change["note"], "dim") if change["worse"] is None else said(change_text(change))
        held.add_row(said(name_of(key)), outcome(console, change["outcome"]), *map(said, figures), told)
    show(console, held)


def _figure(value: Mapping[str, Any] | None, key: str) -> str:
    if value is None:
        return NONE
    return f"{'~' if value['source'] == 'estimated' else ''}{bare(value['value'], key)} {unit_of(key)}".rstrip()
