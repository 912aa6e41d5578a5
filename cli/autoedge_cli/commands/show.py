"""autoedge show."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import run_folders
from autoedge_cli.options import json_option, trust_option, write_json


@click.command("show")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False), shell_complete=run_folders)
@click.option("--candidate", metavar="ID", help="Show one measured candidate (or the beginning of its id).")
@trust_option
@json_option
def command(run: Path, candidate: str | None, trust: tuple[Path, ...], json_file: str | None) -> int:
    """Show a finished run again: the front, the rule that chose, the runners-up and what each lost by."""
    from autoedge.workflows.show import show_candidate, show_run
    from autoedge_cli.render import console, render_candidate, render_selection

    if candidate is not None:
        found = show_candidate(run, candidate, trust)
        if json_file is not None:
            write_json(found, json_file)
        if json_file != "-":
            render_candidate(console(), found)
        return 0
    verdict, front = show_run(run)
    if json_file is not None:
        write_json(verdict, json_file)
    if json_file != "-":
        render_selection(console(), verdict, front, run)
    return 0
