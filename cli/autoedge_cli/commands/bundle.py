"""autoedge bundle build | verify | run."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_EXIT_CODES = {"ok": 0, "outside": 1, "undecided": 4}


@click.group("bundle")
def command() -> None:
    """Build, verify and run bundles."""


@command.command("build")
@click.argument("run", type=_FOLDER)
@click.option("--candidate", required=True, metavar="ID", help="A measured candidate (or the beginning of its id).")
@click.option("--out", type=_FOLDER, help="The bundle's folder (default: bundle-ID in the run folder).")
def build(run: Path, candidate: str, out: Path | None) -> int:
    """Build a bundle for another measured candidate of a run, labelled by its own verdict."""
    from autoedge.workflows.building import build_stored

    click.echo(f"wrote {build_stored(run, candidate, out)}")
    return 0


@command.command("verify")
@click.argument("bundle", type=_FOLDER)
@click.option("--data", type=_FILE, help="The evaluation data, to check the accuracy too.")
@click.option("--processes", type=click.IntRange(min=2, max=100), default=6, show_default=True)
@json_option
def verify(bundle: Path, data: Path | None, processes: int, json_file: str | None) -> int:
    """Check a bundle's hashes, and measure it again against its recorded intervals."""
    from autoedge.workflows.bundle import verify_bundle
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_bundle import render_verification

    with Progress() as progress:
        verification = verify_bundle(bundle, data=data, on_event=progress, processes=processes)
    if json_file is not None:
        write_json(verification.plain(), json_file)
    if json_file != "-":
        render_verification(console(), verification)
    return _EXIT_CODES[verification.outcome]


@command.command("run")
@click.argument("bundle", type=_FOLDER)
@click.option("--input", "data", required=True, type=_FILE, help="Samples (npz).")
@click.option("--output", type=_FILE, help="Write scores and classes here (npz).")
@json_option
def run(bundle: Path, data: Path, output: Path | None, json_file: str | None) -> int:
    """Run samples through a bundle with AutoEdge's own agent; nothing of the bundle is executed."""
    from autoedge.workflows.bundle import run_bundle

    outputs = run_bundle(bundle, data)
    if output is not None:
        import numpy as np

        np.savez(output, scores=outputs["scores"], classes=outputs["classes"])
    if json_file is not None:
        write_json({"schema_version": 1, **{name: array.tolist() for name, array in outputs.items()}}, json_file)
    if json_file != "-":
        for index, (scores, name) in enumerate(zip(outputs["scores"], outputs["classes"], strict=True)):
            click.echo(f"{index}: class {int(name)} (score {float(scores[int(name)]):.4g})")
    return 0
