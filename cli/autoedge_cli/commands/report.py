"""autoedge report."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import run_folders
from autoedge_cli.options import json_option, write_json

_FILES = ("report.html", "report.md", "front.csv", "front.json")


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path, file_okay=False), shell_complete=run_folders)
@json_option
def command(run: Path, json_file: str | None) -> int:
    """Write a finished run's report and front again: report.html, report.md, front.csv, front.json.

    Nothing is measured or decided anew. With --json, what the report tells is printed as data.
    """
    from autoedge.workflows.report import report
    from autoedge_cli.render import printable

    document = report(run)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        for name in _FILES:
            click.echo(printable(run / name))
    return 0
