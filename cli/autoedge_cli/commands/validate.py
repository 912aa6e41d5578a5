"""autoedge validate."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json


@click.command("validate")
@click.argument("intents", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@json_option
def command(intents: tuple[Path, ...], *, json_file: str | None) -> int:
    """Read intent files and tell every problem in them; nothing is looked into or measured.

    Exit codes: 0 all can be read, 2 at least one cannot.
    """
    from autoedge.errors import IntentError
    from autoedge.intent.load import load_intent
    from autoedge_cli.render import printable

    problems: dict[str, list[str]] = {}
    for path in intents:
        try:
            load_intent(path)
            problems[str(path)] = []
        except IntentError as error:
            problems[str(path)] = str(error).splitlines()
    if json_file is not None:
        write_json({"schema_version": 1, "problems": problems}, json_file)
    if json_file != "-":
        for path_text, lines in problems.items():
            for line in lines or [f"{path_text}: ok"]:
                click.echo(printable(line), err=bool(lines))
    return 2 if any(problems.values()) else 0
