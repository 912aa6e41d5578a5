"""autoedge soak."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import run_folders, target_names
from autoedge_cli.finite import FiniteRange
from autoedge_cli.options import json_option, targets_option, trust_option, write_json

_FOLDER = click.Path(path_type=Path, file_okay=False)
_LONGEST_MIN = 24 * 60.0


@click.command("soak")
@click.option(
    "--minutes",
    type=FiniteRange(min=0, max=_LONGEST_MIN, min_open=True),
    default=30.0,
    show_default=True,
    help="How long.",
)
@click.option("--run", type=_FOLDER, metavar="FOLDER", shell_complete=run_folders, help="A run: its chosen candidate.")
@click.option("--candidate", metavar="ID", help="Another candidate of the run (or the beginning of its id).")
@click.option("--bundle", type=_FOLDER, metavar="FOLDER", help="A bundle: what it deploys.")
@click.option("--intent", "-i", type=click.Path(path_type=Path, dir_okay=False), help="An intent: its reference.")
@click.option(
    "--target", metavar="NAME", shell_complete=target_names, help="Name or address of another target than its own."
)
@targets_option
@click.option("--out", type=_FOLDER, help="New folder of the results (default: soaks/NAME-TIME).")
@trust_option
@json_option
def command(  # noqa: PLR0917 - one parameter an option
    minutes: float,
    run: Path | None,
    candidate: str | None,
    bundle: Path | None,
    intent: Path | None,
    target: str | None,
    targets: Path | None,
    out: Path | None,
    trust: tuple[Path, ...],
    json_file: str | None,
) -> int:
    """Run a candidate without a pause, and tell what it sustains.

    Ctrl-C ends it with what was measured until then. Exit codes: 0 steady, 1 slowed down, throttled or failed, 4 not
    settled, 130 interrupted.
    """
    from autoedge.workflows.soak import soak
    from autoedge.workflows.soak_subject import subject_of
    from autoedge_cli.progress_soak import SoakProgress
    from autoedge_cli.render import console
    from autoedge_cli.render_soak import render_soak

    subject = subject_of(run=run, candidate=candidate, bundle=bundle, intent=intent, trust=trust)
    with SoakProgress() as progress:
        soaked = soak(subject, minutes, target=target, targets=targets, out=out, on_state=progress)
    if json_file is not None:
        write_json(soaked.document, json_file)
    if json_file != "-":
        render_soak(console(), soaked.document, soaked.folder)
    return soaked.exit_code
