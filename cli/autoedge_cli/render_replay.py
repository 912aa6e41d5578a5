"""Replayed strategies for people: how much of the hypervolume when, how many measurements to get there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.report.replay_summary import seeds_of, summaries
from autoedge_cli.render_figures import number
from autoedge_cli.render_text import heading, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from autoedge.report.replay_summary import Summary

_FEASIBLE = (("to_first_feasible", "first feasible"), ("to_best_feasible", "best feasible"))
_MISSING = "not reached"
_LEARNED = "*"  # stands behind strategies that started from history or a surrogate


def render_replay(console: Console, document: Mapping[str, Any]) -> None:
    """Print what strategies did on recorded results."""
    found = summaries(document)
    goals = ", ".join(f"{name} ({way})" for name, way in document["objectives"].items())
    heading(console, "Replay", said(", ".join(dict.fromkeys((document["campaign"], document["target"])))))
    say(console, said(f"{document['rows']} candidates, {goals}", limit=300))
    for limit in document["constraints"]:
        say(console, said(f"constraint: {limit}"))
    if document["history"]:
        say(console, said(f"history ({_LEARNED}): {', '.join(document['history'])}", limit=300))
    if told := document.get("surrogate"):
        metrics = ", ".join(told["metrics"]) or "none of the objectives"
        say(console, said(f"surrogate ({_LEARNED}): {told['rows']} rows; {metrics}", limit=300))
    for note in document["notes"]:
        say(console, Text(f"note: {printable(note, 300)}", style="yellow"))
    if document["interrupted"]:
        say(console, Text("interrupted: only the runs that were finished count", style="yellow"))
    _volumes(console, found)
    _counts(console, found, [(key, key.replace("to_", "to ") + " %") for key in found[0].counts if key[-1].isdigit()])
    if document["constraints"]:
        _feasible(console, found)


def _volumes(console: Console, found: Sequence[Summary]) -> None:
    last = found[0].quartiles.shape[1]
    places = sorted({-(-last // 4), -(-last // 2), last})
    how = f"median (quartiles) of {seeds_of(found)}, after so many measurements"
    heading(console, "Share of the true hypervolume in %", Text(how, style="dim"))
    shown = table("strategy", *(f"after {place}" for place in places))
    for one in found:
        cells = []
        for place in places:
            low, middle, high = one.quartiles[:, place - 1] * 100
            cells.append(f"{middle:.1f} ({low:.1f}..{high:.1f})")
        shown.add_row(_title(one), *cells)
    show(console, shown)


def _counts(console: Console, found: Sequence[Summary], columns: Sequence[tuple[str, str]]) -> None:
    heading(console, "Measurements needed", Text("to so much of the hypervolume; medians", style="dim"))
    shown = table("strategy", *(title for _, title in columns), "ms a proposal")
    for one in found:
        shown.add_row(_title(one), *(_count(one.counts[key]) for key, _ in columns), number(one.proposal_ms))
    show(console, shown)


def _feasible(console: Console, found: Sequence[Summary]) -> None:
    heading(console, "Constraints", Text("measurements needed, and regret at the end; medians", style="dim"))
    shown = table("strategy", *(title for _, title in _FEASIBLE), "regret")
    for one in found:
        regret = _MISSING if one.regret is None else f"{one.regret * 100:.1f} %"
        shown.add_row(_title(one), *(_count(one.counts[key]) for key, _ in _FEASIBLE), regret)
    show(console, shown)


def _title(one: Summary) -> str:
    return f"{one.strategy} {_LEARNED}" if one.start else one.strategy


def _count(median: float | None) -> Text:
    return Text(_MISSING, style="dim") if median is None else Text(f"{median:g}")
