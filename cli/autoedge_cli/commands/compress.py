"""autoedge compress."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json

EXIT_FAILED = 2


@click.command("compress")
@click.option("--spec", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The spec file.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the candidates, such as models/.",
)
@click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Run the Python code of a spec that lies in this folder; may be given several times.",
)
@json_option
def command(spec: Path, out: Path, trust: tuple[Path, ...], json_file: str | None) -> int:
    """Make smaller models of a PyTorch model: pruned, distilled, or trained for int8.

    Stopped at any moment, the same command goes on behind the last finished candidate. Exit codes: 0 all are made,
    2 one could not be.
    """
    from autoedge.workflows.compress import compress
    from autoedge_cli.progress_compress import CompressProgress
    from autoedge_cli.render import console
    from autoedge_cli.render_compress import render_compressed

    with CompressProgress() as progress:
        document = compress(spec, out, trust=trust, on_state=progress)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_compressed(console(), document)
    return EXIT_FAILED if document["failed"] else 0
