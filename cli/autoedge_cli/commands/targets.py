"""autoedge targets add | list | probe | setup."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from autoedge_cli.completing import runtime_names, target_names
from autoedge_cli.options import json_option, targets_option, write_json

if TYPE_CHECKING:
    from pathlib import Path


@click.group("targets")
def command() -> None:
    """Declare devices, look at them, and make them ready."""


@command.command("add")
@click.argument("name")
@click.argument("address")
@click.option("--python", metavar="PROGRAM", help="Interpreter that runs the agent there (default: python3).")
@click.option("--folder", metavar="DIR", help="Where files are kept there (default: .autoedge in the home folder).")
@click.option("--wrap", metavar="COMMAND", help="In front of the agent, such as 'taskset -c 0'.")
@click.option("--host", metavar="NAME", help="Names the machine where several targets are the same one.")
@click.option("--idle-power", metavar="POWER", help="What it draws at rest, such as '2.7 W'.")
@targets_option
def add(name: str, address: str, targets: Path | None, **fields: str | None) -> int:
    """Declare a device: autoedge targets add pi4 ssh://pi@raspberrypi.local."""
    import shlex

    from autoedge.workflows.targets import add_target

    wrap = fields.pop("wrap")
    try:
        words = None if wrap is None else shlex.split(wrap)
    except ValueError as error:
        raise click.UsageError(f"--wrap: this is no command: {error}") from error
    path = add_target(name, {"address": address, **fields, "wrap": words}, targets)
    click.echo(f"wrote {path}; make the device ready, then look at it:")
    click.echo(f"  autoedge targets setup {name}")
    click.echo(f"  autoedge targets probe {name}")
    return 0


@command.command("list")
@targets_option
@json_option
def list_targets(targets: Path | None, json_file: str | None) -> int:
    """Show the declared targets; this machine is always one."""
    from autoedge.workflows.targets import known_targets
    from autoedge_cli.render import console
    from autoedge_cli.render_probe import render_declared

    known = known_targets(targets)
    if json_file is not None:
        write_json({"schema_version": 1, "targets": [asdict(one) for one in known.values()]}, json_file)
    if json_file != "-":
        render_declared(console(), list(known.values()))
    return 0


@command.command("probe")
@click.argument("target", shell_complete=target_names)
@targets_option
@json_option
def probe(target: str, targets: Path | None, json_file: str | None) -> int:
    """Reach a target, by name or as ssh://user@host, and show what it is and how fast."""
    from autoedge.workflows.targets import probe_target
    from autoedge_cli.render import console
    from autoedge_cli.render_probe import render_probe

    document = probe_target(target, targets).plain()
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_probe(console(), document)
    return 0


@command.command("setup")
@click.argument("name", shell_complete=target_names)
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=("onnxruntime",),
    show_default=True,
    metavar="NAME",
    shell_complete=runtime_names,
    help="What is to run models there (repeatable).",
)
@click.option("--python", metavar="PROGRAM", help="Interpreter there to make the environment from.")
@targets_option
@json_option
def setup(name: str, runtimes: tuple[str, ...], python: str | None, targets: Path | None, json_file: str | None) -> int:
    """Make an environment on a declared target, with numpy, psutil and a runtime, and use it from then on."""
    from autoedge.workflows.targets import set_up_target
    from autoedge_cli.render import printable

    def told(step: str) -> None:
        click.echo(printable(step), err=True)

    versions: dict[str, Any] = set_up_target(name, runtimes, python=python, file=targets, on_step=told)
    if json_file is not None:
        write_json({"schema_version": 1, "name": name, "installed": versions}, json_file)
    if json_file != "-":
        click.echo(f"{name} is ready: {', '.join(f'{package} {version}' for package, version in versions.items())}")
    return 0
