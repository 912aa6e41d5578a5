"""autoedge retrain."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json


@click.command("retrain")
@click.option("--from", "sources", multiple=True, required=True, metavar="STORE|CAMPAIGN", help="Where rows are.")
@click.argument("more", nargs=-1, metavar="[STORE|CAMPAIGN]...")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the surrogate, such as surrogate_models/NAME.",
)
@json_option
def command(sources: tuple[str, ...], more: tuple[str, ...], out: Path, json_file: str | None) -> int:
    """Train a surrogate on recorded results, judge it, and keep it if it is not worse than the one before.

    Exit code 0: promoted; 1: the champion is kept.
    """
    from autoedge.workflows.retrain import retrain
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_retrain import render_retrained

    with Progress() as progress:
        document = retrain([*sources, *more], out, on_event=progress)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_retrained(console(), document)
    return 0 if document["promoted"] else 1
