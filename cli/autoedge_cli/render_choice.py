"""Which candidate was chosen, by which rule, and what the runners-up lost by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from autoedge_cli.render_configuration import identity, varying, words
from autoedge_cli.render_figures import plural
from autoedge_cli.render_metrics import render_metrics
from autoedge_cli.render_text import heading, indented, mark, outcome, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    Standing = Mapping[str, Any]

_TITLES = {"met": "Chosen", "not met": "Nearest", "undecided": "Chosen, undecided"}
_SENTENCES = {
    "met": "one candidate keeps every limit",
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
            (f"  {_SENTENCES.get(word, '')}" if word != "met" else "", ""),
            ("  protocol ", "dim"),
            said(verdict["protocol"], "dim", limit=60),
        )
    )


def render_chosen(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the chosen candidate (the nearest where nothing keeps the limits) with all its figures and gains."""
    chosen, reference = verdict["chosen"], verdict["reference"]
    itself = chosen["candidate_id"] == reference["candidate_id"]
    heading(
        console,
        _TITLES.get(str(verdict["outcome"]), "Chosen"),
        said(identity(chosen["candidate_id"]), "bold"),
        said(f"on {chosen['target']}", "dim"),
        Text(how_measured(chosen), style="dim"),
    )
    say(console, said(words(chosen["configuration"])))
    told = "it is the reference itself" if itself else f"reference: {words(reference['configuration'])}"
    say(console, said(told, "dim"))
    if chosen["flags"]:
        say(console, said(f"flags: {', '.join(map(str, chosen['flags']))}", "yellow"))
    render_metrics(console, chosen["metrics"], verdict["objectives"], None if itself else reference["metrics"])


def how_measured(standing: Standing) -> str:
    """In how many processes, and whether confirmed."""
    processes = plural(int(standing["n_processes"]), "fresh process", "fresh processes")
    if standing["phase"] == "confirm":
        return f"confirmed in {processes}"
    return f"measured in {processes}, not confirmed"


def render_rule(console: Console, verdict: Mapping[str, Any]) -> None:
    """Print the rule that chose, and the runners-up with what each lost by."""
    heading(console, "Rule", said(verdict["rule"]))
    runners = verdict["runners_up"]
    if not runners:
        say(console, Text("no runner-up was confirmed", style="dim"))
        return
    shown = varying([verdict["chosen"]["configuration"]["knobs"], *(one["configuration"]["knobs"] for one in runners)])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("runner-up", no_wrap=True)
    table.add_column("configuration")
    table.add_column("outcome", no_wrap=True)
    table.add_column("lost by")
    for one in runners:
        about = [said(identity(one["candidate_id"])), said(words(one["configuration"], shown))]
        table.add_row(*about, outcome(console, one["outcome"]), said(one["lost_by"]))
    show(console, table)
