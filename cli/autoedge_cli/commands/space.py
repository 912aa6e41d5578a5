"""autoedge space."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from autoedge_cli.options import intent_option, json_option, targets_option, trust_option, write_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command("space")
@intent_option
@targets_option
@trust_option
@json_option
def command(intent: Path, targets: Path | None, trust: tuple[Path, ...], json_file: str | None) -> int:
    """Show what would be searched, what is left out and why, and how long it would take."""
    return show_plan(intent, targets, trust, json_file)


def show_plan(intent: Path, targets: Path | None, trust: tuple[Path, ...], json_file: str | None) -> int:
    """Plan and print; the same for ``select --dry-run``."""
    from autoedge.workflows.plan import plan
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console, render_plan

    with Progress() as progress:
        result = plan(intent, targets=targets, on_event=progress, trust=trust)
    if json_file is not None:
        write_json({"schema_version": 1, **asdict(result)}, json_file)
    if json_file != "-":
        render_plan(console(), result)
    return 0
