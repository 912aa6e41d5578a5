"""Which candidate was chosen, by which rule, and what the runners-up lost by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.report.wording import how_measured
from autoedge_cli.render_configuration import identity, varying, words
from autoedge_cli.render_metrics import render_metrics
from autoedge_cli.render_text import heading, mark, outcome, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    Standing = Mapping[str, Any]

_TITLES = {"met": "Chosen", "not met": "Nearest", "undecided": "Chosen, undecided"}
_SENTENCES = {
    "met": "the chosen candidate keeps every limit",
    "not met": "nothing measured keeps every limit",
    "undecided": "too close to tell with what was measured",
}


def render_headline(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the outcome in one line."""
    word = str(verdict["outcome"])
    style = mark(console, word).style
    console.print(
        Text.assemble(
            said(verdict["name"], "bold"),
            "  ",
            mark(console, word),
            " ",
            (said(word, limit=20).plain.upper(), style),
            f"  {_SENTENCES.get(word, '')}",
        )
    )
    where = ", ".join(_targets(verdict))
    say(console, said(f"measured on {where}, protocol {verdict['protocol']}", "dim"))


def _targets(verdict: Mapping[str, Any]) -> list[str]:
    """Names of all targets; a verdict of the first release names its only one."""
    return [str(one["name"]) for one in verdict.get("targets", ())] or [str(verdict["chosen"]["target"])]


def _on(standing: Standing, verdict: Mapping[str, Any]) -> str:
    """Where a candidate stands, told where there are several targets."""
    return f" on {standing['target']}" if len(_targets(verdict)) > 1 else ""


def render_chosen(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the chosen candidate (the nearest where nothing keeps the limits) with all its figures and gains."""
    chosen, reference = verdict["chosen"], verdict["reference"]
    itself = chosen["candidate_id"] == reference["candidate_id"]
    heading(
        console,
        _TITLES.get(str(verdict["outcome"]), "Chosen"),
        said(identity(chosen["candidate_id"]), "bold"),
        Text(how_measured(chosen), style="dim"),
    )
    say(console, said(words(chosen["configuration"]) + _on(chosen, verdict)))
    told = "it is the reference itself" if itself else f"reference: {words(reference['configuration'])}"
    told += "" if itself else _on(reference, verdict)
    say(console, said(told, "dim"))
    if chosen["flags"]:
        say(console, said(f"flags: {', '.join(map(str, chosen['flags']))}", "yellow"))
    render_metrics(console, chosen["metrics"], verdict["objectives"], None if itself else reference["metrics"])


def render_rule(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the rule that chose, and the runners-up with what each lost by."""
    heading(console, "Chosen by")
    say(console, said(verdict["rule"], limit=400))
    runners = verdict["runners_up"]
    if not runners:
        say(console, Text("no runner-up was confirmed", style="dim"))
        return
    shown = varying([verdict["chosen"]["configuration"]["knobs"], *(one["configuration"]["knobs"] for one in runners)])
    lost = table("runner-up")
    lost.add_column("configuration")
    lost.add_column("outcome", no_wrap=True)
    lost.add_column("lost by")
    for one in runners:
        about = [said(identity(one["candidate_id"])), said(words(one["configuration"], shown) + _on(one, verdict))]
        lost.add_row(*about, outcome(console, one["outcome"]), said(one["lost_by"]))
    show(console, lost)
