"""What the campaign commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_text import heading, lines, pairs, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_MOST = 40
_LEVELS = 8
_TEXT = 300


def render_exported(console: Console, document: Mapping[str, Any]) -> None:
    """Print what was written, and what to know of it."""
    _written(console, document)
    card = document["card"]
    show(
        console,
        pairs(
            [
                ("targets", said(", ".join(document["targets"]), limit=_TEXT)),
                ("protocol", said(", ".join(document["protocols"]), limit=_TEXT)),
                ("objectives", said(_listed(card["objectives"]), limit=_TEXT)),
                ("knobs", said(", ".join(card["knobs"]), limit=_TEXT)),
                ("features", said(", ".join(card["features"]) or "none", limit=_TEXT)),
            ]
        ),
    )
    lines(console, [said(note, "yellow", _TEXT) for note in document["notes"]], _MOST)


def render_imported(console: Console, document: Mapping[str, Any]) -> None:
    """Print what each column became, and why."""
    _written(console, document)
    made = table("column", "role")
    made.add_column("")
    made.add_column("why")
    card = document["card"]
    roles = [one for one in document["columns"] if one["role"] != "none"]
    for one in roles[:_MOST]:
        name = one["name"] if one["name"] == one["column"] else f"{one['column']} -> {one['name']}"
        about = {**card["knobs"], **card["features"], **card["objectives"]}.get(one["name"], {})
        why = said(one["why"] or "told", "dim")
        made.add_row(said(name, limit=60), Text(one["role"]), said(" ".join(about.values()), limit=40), why)
    show(console, made)
    others = [one["column"] for one in document["columns"] if one["role"] == "none"]
    more = f"and {len(roles) - _MOST} more columns; " if len(roles) > _MOST else ""
    if more or others:
        say(console, said(f"{more}kept without a role: {', '.join(others) or 'none'}", "dim", _TEXT))
    lacking = [key for key in ("description", "source", "licence") if not card[key]]
    if lacking:
        say(console, Text(f"The card has no {' and no '.join(lacking)} yet: write them into campaign.json.", "yellow"))


def render_campaign(console: Console, document: Mapping[str, Any]) -> None:
    """Print a campaign's card, targets and ranges."""
    card = document["card"]
    heading(console, printable(card["name"], 64), Text(f"{document['rows']:,} rows", "dim"))
    about = [(key, said(card[key], limit=_TEXT)) for key in ("description", "source", "licence") if card[key]]
    show(console, pairs(about))
    heading(console, "Targets")
    targets = list(document["targets"].items())
    lines(console, [_target(name, one) for name, one in targets], _MOST)
    heading(console, "Columns")
    made = table("column", "role")
    made.add_column("")
    made.add_column("values")
    for name, knob in document["knobs"].items():
        made.add_row(said(name, limit=40), Text("knob"), said(knob["type"]), _levels(knob))
    for name, one in document["features"].items():
        made.add_row(said(name, limit=40), Text("feature"), said(one["scale"]), Text(_range(one)))
    for name, one in document["objectives"].items():
        sources = ", ".join(f"{count} {source}" for source, count in one["sources"].items())
        values = said(f"{_range(one)}{f' ({sources})' if sources else ''}", limit=80)
        made.add_row(said(name, limit=40), Text("objective"), said(f"{one['direction']} {one['scale']}"), values)
    show(console, made)


def _written(console: Console, document: Mapping[str, Any]) -> None:
    say(console, said(f"{document['rows']:,} rows written to {document['folder']}", "bold", _TEXT))


def _listed(objectives: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({one['direction']}, {one['scale']})" for name, one in objectives.items())


def _target(name: str, one: Mapping[str, Any]) -> Text:
    missing = one["rows"] - one["complete"]
    more = f", {missing:,} without all objectives" if missing else ""
    return Text.assemble(said(name, limit=64), Text(f"  {one['rows']:,} rows{more}", "dim"))


def _levels(knob: Mapping[str, Any]) -> Text:
    if knob["type"] != "categorical":
        return Text(f"{_range(knob)}, {knob['levels']} levels")
    values = knob["values"]
    more = f", and {len(values) - _LEVELS} more" if len(values) > _LEVELS else ""
    return Text.assemble(said(", ".join(printable(one, 32) for one in values[:_LEVELS])), more)


def _range(one: Mapping[str, Any]) -> str:
    return "unknown" if one["min"] is None else f"{one['min']:.6g} .. {one['max']:.6g}"
