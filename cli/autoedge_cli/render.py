"""What the command line prints on standard output; the door to the ``render_*`` files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge_cli.render_candidate import render_candidate
from autoedge_cli.render_choice import render_chosen, render_headline, render_rule
from autoedge_cli.render_decisions import render_decisions, render_openings
from autoedge_cli.render_front import render_front
from autoedge_cli.render_picture import render_picture
from autoedge_cli.render_plan import render_plan
from autoedge_cli.render_power import render_power
from autoedge_cli.render_run import render_run
from autoedge_cli.render_targets import render_targets
from autoedge_cli.render_text import console, printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd
    from rich.console import Console

__all__ = ["console", "printable", "render_candidate", "render_plan", "render_selection"]


def render_selection(console: Console, verdict: Mapping[str, Any], front: pd.DataFrame, folder: Path) -> None:
    """Print what a selection came to, from the verdict to where everything was written.

    Args:
        console: Where to.
        verdict: As in ``verdict.json``.
        front: As in ``front.csv``.
        folder: The run folder.
    """
    render_headline(console, verdict)
    render_front(console, verdict, front)
    render_picture(console, verdict["objectives"], front)
    render_chosen(console, verdict)
    render_power(console, verdict)
    render_decisions(console, verdict["chosen"]["decisions"])
    render_rule(console, verdict)
    render_targets(console, verdict)
    render_openings(console, verdict)
    render_run(console, verdict, folder)
