"""The verdict, constraint by constraint, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.report.decisions import advice, figure_words, relaxed, slack_words
from autoedge.workflows.budget import FIRST_LOOK
from autoedge_cli.render_configuration import identity
from autoedge_cli.render_text import heading, lines, outcome, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    Decision = Mapping[str, Any]

_MOST = 5


def render_decisions(console: Console, decisions: Sequence[Decision]) -> None:
    """Print each constraint with its outcome, the figure it was held against (and a note on it), and the slack."""
    heading(console, "Verdict by constraint")
    if not decisions:
        say(console, "the intent sets no limit")
        return
    held = table()
    held.add_column("constraint", min_width=12)
    held.add_column("outcome", no_wrap=True)
    held.add_column("figure", min_width=8)
    held.add_column("slack", justify="right", no_wrap=True)
    for decision in decisions:
        figure = _figure(decision)
        if decision["note"]:
            figure = Text("\n").join([figure, said(decision["note"], "dim")])
        held.add_row(said(decision["constraint"]), outcome(console, decision["outcome"]), figure, _slack(decision))
    show(console, held)


def _figure(decision: Decision) -> Text:
    text, ends = figure_words(decision)
    return Text.assemble(text, " " if ends else "", (ends, "dim"))


def _slack(decision: Decision) -> Text:
    """Room left; negative when the limit is broken."""
    return Text(slack_words(decision), style="red" if (decision["slack"] or 0) < 0 else "")


def render_openings(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print what would turn a verdict that is not met or undecided."""
    if verdict["outcome"] == "met":
        return
    heading(console, "What would open the space" if verdict["outcome"] == "not met" else "What would decide it")
    for told in advice(verdict, FIRST_LOOK):
        say(console, said(told, limit=400))
    lines(console, [_relaxation(one) for one in verdict["relaxations"]], _MOST)


def _relaxation(one: Mapping[str, Any]) -> Text:
    """One limit moved so far that a candidate passes, rounded so that it still does."""
    text = str(one["constraint"])
    limit = relaxed(one)
    who = said(identity(one["candidate_id"]))
    return Text.assemble("relax `", said(text, "bold"), "` to ", said(limit, "bold"), "  -> candidate ", who)
