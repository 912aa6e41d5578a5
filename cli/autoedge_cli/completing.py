"""What a shell may complete beyond commands, options, choices and files: names of targets, runs, runtimes and meters.

Whatever cannot be read is not offered: a shell that waits for Tab is no place for errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.errors import AutoEdgeError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

_RUNS = Path("runs")


def target_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """This machine and the declared targets, of the file that the command line names so far."""
    from autoedge.targets.declared import LOCAL, read_targets, targets_file

    try:
        named = ctx.params.get("targets")
        known = list(read_targets(Path(named) if named else targets_file()))
    except (AutoEdgeError, OSError):
        known = []
    return [name for name in dict.fromkeys([LOCAL, *known]) if name.startswith(incomplete)]


def runtime_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The runtimes that this installation knows."""
    from autoedge.registry import places

    return [name for name in sorted(places("autoedge.runtimes")) if name.startswith(incomplete)]


def meter_kinds(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The kinds of power meters that this installation knows."""
    from autoedge.registry import places

    return [name for name in sorted(places("autoedge.meters")) if name.startswith(incomplete)]


def run_folders(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem] | list[str]:
    """Finished runs in ``runs`` here, or else any folder."""
    from click.shell_completion import CompletionItem

    try:
        finished = sorted(str(path.parent) for path in _RUNS.glob("*/verdict.json"))
    except OSError:
        finished = []
    found = [name for name in finished if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="dir")]
