"""autoedge schema."""

from __future__ import annotations

import click

from autoedge_cli.options import write_json


@click.command("schema")
@click.argument("what", type=click.Choice(["intent"]))
@click.option("--out", default="-", metavar="FILE", help="Write to FILE instead of standard output.")
def command(what: str, out: str) -> int:
    """Print the JSON Schema of a file format, for editors and checkers."""
    from autoedge.intent.schema import json_schema

    del what  # one so far
    write_json(json_schema(), out)
    return 0
