"""autoedge select."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import intent_option, json_option, targets_option, trust_option, write_json


@click.command("select")
@intent_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder (default: runs/NAME).")
@targets_option
@click.option("--dry-run", is_flag=True, help="Show what would be searched and how long it takes; measure nothing.")
@trust_option
@json_option
def command(
    intent: Path,
    out: Path | None,
    targets: Path | None,
    trust: tuple[Path, ...],
    json_file: str | None,
    *,
    dry_run: bool,
) -> int:
    """Measure what an intent allows, and choose.

    Stopped at any moment, the same command goes on where it was.
    """
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console, render_selection

    if dry_run:
        from autoedge_cli.commands.space import show_plan

        return show_plan(intent, targets, trust, json_file)
    from autoedge.workflows.select import select

    with Progress() as progress:
        selection = select(intent, out=out, targets=targets, on_event=progress, trust=trust)
    if json_file is not None:
        write_json(selection.verdict, json_file)
    if json_file != "-":
        render_selection(console(), selection.verdict, selection.front, selection.folder)
    return selection.exit_code
