"""What a run went through: failures, what was left out, what it used, and where everything lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_configuration import words
from autoedge_cli.render_figures import duration, plural
from autoedge_cli.render_text import heading, lines, printable, said, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rich.console import Console

_MOST = 8
_REASON = 400
_FILES = {
    "front.csv": "the front for spreadsheets",
    "verdict.json": "the decision and everything that led to it",
    "report.html": "the report",
    "bundle": "the folder to deploy",
}


def render_run(console: Console, verdict: Mapping[str, Any], folder: Path) -> None:
    """Print failures, what was left out, what was used, and where everything was written."""
    _failures(console, verdict["failed"])
    _lost(console, verdict.get("quality_lost", []))
    render_left_out(console, verdict["left_out"])
    _used(console, verdict["used"])
    _started(console, verdict.get("started_from"))
    _written(console, folder)


def _failures(console: Console, failed: list[Mapping[str, Any]]) -> None:
    if not failed:
        return
    total = sum(int(entry["count"]) for entry in failed)
    heading(console, "Failed", Text(plural(total, "measurement"), style="dim"))
    rows = [
        Text.assemble(
            f"{entry['count']} x  ",
            said(entry["reason"], limit=_REASON),
            (f"  ({plural(len(entry['candidates']), 'candidate')})", "dim"),
        )
        for entry in failed
    ]
    lines(console, rows, _MOST)


def _lost(console: Console, lost: list[Mapping[str, Any]]) -> None:
    """Conversions that destroyed what a model can do: nobody should find that out in use."""
    if lost:
        heading(console, "Lost quality", Text("conversions that cost more than a quarter of it", style="dim"))
        rows = [
            Text.assemble(
                said(words({**one, "knobs": {}})), (f"  ({plural(len(one['candidates']), 'candidate')})", "dim")
            )
            for one in lost
        ]
        lines(console, rows, _MOST)


def render_left_out(console: Console, left_out: Iterable[Mapping[str, Any]]) -> None:
    """Print what is not searched and why; models (or targets) that share a reason share a line."""
    whats: dict[tuple[str, str], list[str]] = {}
    for one in left_out:
        where = " on ".join(str(one[key]) for key in ("model", "target") if one.get(key))
        whats.setdefault((where, str(one["reason"])), []).append(str(one["what"]))
    places: dict[tuple[str, str], list[str]] = {}
    for (where, reason), parts in whats.items():
        places.setdefault((", ".join(parts), reason), []).append(where)
    if places:
        heading(console, "Left out")
        rows = [
            Text.assemble(
                said(", ".join(names)), ": no ", said(what), (" (", "dim"), said(reason, "dim", _REASON), (")", "dim")
            )
            for (what, reason), names in places.items()
        ]
        lines(console, rows, _MOST)


def _used(console: Console, used: Mapping[str, Any]) -> None:
    heading(console, "Used")
    parts = [
        f"{used['measurements']} of {used['budget']} measurements",
        f"{used['explored']} of {plural(int(used['candidates_in_space']), 'candidate')} explored",
        *([f"{used['stopped']} more ruled out early"] if used.get("stopped") else []),
        f"{duration(float(used['seconds']))} in all",
        f"{duration(float(used['variant_seconds']))} of it for making model files",
    ]
    say(console, Text(", ".join(parts)))


def _started(console: Console, start: Mapping[str, Any] | None) -> None:
    """What the search knew beforehand; nothing where it knew nothing."""
    if not start:
        return
    surrogate = start["surrogate"]
    parts = [f"surrogate {surrogate['name']}"] if surrogate and surrogate["metrics"] else []
    parts += [f"history {', '.join(each['name'] for each in start['history'])}"] if start["history"] else []
    if parts:
        say(console, Text.assemble("the search started from ", said(" and ".join(parts), limit=_REASON)))


def _written(console: Console, folder: Path) -> None:
    """Paths on lines of their own, never wrapped, so that they can be copied."""
    heading(console, "Written to", Text(f"{printable(folder)}/"))
    for name, meaning in _FILES.items():
        if (folder / name).exists():
            shown = f"{name}/" if (folder / name).is_dir() else name
            console.print(Text.assemble(f"  {shown:14}", (meaning, "dim")), soft_wrap=True)
    if (folder / "bundle").exists():
        console.print(
            Text.assemble(("  next: ", "dim"), f"autoedge bundle verify {printable(folder / 'bundle')}"), soft_wrap=True
        )
