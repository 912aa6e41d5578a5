"""autoedge predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from autoedge_cli.options import intent_option, json_option, trust_option, write_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command("predict")
@intent_option
@click.option(
    "--history",
    multiple=True,
    required=True,
    metavar="DIR[:TARGET,...]",
    help="A campaign with results of the devices; may be given several times.",
)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many devices to rank.")
@trust_option
@json_option
def command(intent: Path, history: tuple[str, ...], top: int, trust: tuple[Path, ...], json_file: str | None) -> int:
    """Rank devices that you do not have by what your models are expected to do on them.

    Every figure is an estimate from results that others recorded on the device, with its held-out error. Nothing is
    measured and nothing is decided.
    """
    from autoedge.workflows.predict import predict
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_predict import render_predicted

    with Progress() as progress:
        document = predict(intent, history, top=top, on_event=progress, trust=trust)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_predicted(console(), document)
    return 0
