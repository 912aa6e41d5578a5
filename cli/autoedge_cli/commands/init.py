"""autoedge init."""

from __future__ import annotations

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("init")
@click.argument("models", nargs=-1, required=True, type=_FILE)
@click.option("--evaluation", type=_FILE, help="Evaluation data (npz with x and y).")
@click.option("--calibration", type=_FILE, help="Calibration data for static int8 (npz with x).")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("intent.yaml"), show_default=True)
def command(models: tuple[Path, ...], evaluation: Path | None, calibration: Path | None, out: Path) -> int:
    """Write a commented intent for model and data files; an existing file is never overwritten."""
    from autoedge.intent.starter import starter_intent

    text = starter_intent(models, evaluation, calibration, out.absolute().parent)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{out} exists; name another file with --out") from None
    click.echo(f"wrote {out}; set your limits in it, then: autoedge select --intent {out}")
    return 0
