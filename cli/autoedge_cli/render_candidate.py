"""All that a run knows of one candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.report.wording import how_measured
from autoedge_cli.render_configuration import knob_words, level, recipe_words
from autoedge_cli.render_decisions import render_decisions
from autoedge_cli.render_figures import duration, plural
from autoedge_cli.render_metrics import render_metrics
from autoedge_cli.render_text import heading, mark, outcome, pairs, said, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

_STATUS = {"ok": "met", "failed": "not met", "invalid": "undecided"}  # told by the same marks


def render_candidate(console: Console, found: Mapping[str, Any]) -> None:
    """Print a candidate's configuration, figures, verdict and processes.

    Args:
        console: Where to.
        found: As from :func:`autoedge.workflows.show.show_candidate`.
    """
    where = "on the front" if found["front"] else "off the front"
    keeps = "its figures keep every limit" if found["feasible"] else "its figures do not keep every limit"
    console.print(
        Text.assemble(
            said(found["candidate_id"], "bold"),
            "  ",
            outcome(console, found["outcome"]),
            (f"  {where}, {keeps}", "dim"),
        )
    )
    configuration = found["configuration"]
    told = {
        "model": level(configuration["model"]),
        "made as": recipe_words(configuration["recipe"]),
        "runtime": level(configuration["runtime"]),
        "knobs": knob_words(configuration["knobs"]),
        "nodes": ", ".join(f"{count} {where}" for where, count in found.get("placement", {}).items()),
        "flags": ", ".join(map(str, found["flags"])),
    }
    show(console, pairs((name, said(words)) for name, words in told.items() if words))
    heading(console, "Figures", Text(how_measured(found), style="dim"))
    render_metrics(console, found["metrics"], [decision["metric"] for decision in found["decisions"]])
    render_decisions(console, found["decisions"])
    _processes(console, found["processes"])


def _processes(console: Console, processes: Sequence[Mapping[str, Any]]) -> None:
    heading(console, "Processes", Text(plural(len(processes), "process", "processes"), style="dim"))
    ran = table("phase", "", "status")
    ran.add_column("time", no_wrap=True, justify="right")
    ran.add_column("reason and flags")
    for one in processes:
        status = str(one["status"])
        ended = Text.assemble(mark(console, _STATUS.get(status, "")), " ", said(status, limit=12))
        remarks = "; ".join(filter(None, (str(one["reason"]), ", ".join(map(str, one["flags"])))))
        took = duration(float(one["duration_s"]))
        ran.add_row(said(one["phase"], limit=12), str(one["replicate"]), ended, took, said(remarks, limit=400))
    show(console, ran)
