"""autoedge schema."""

from __future__ import annotations

import click

from autoedge_cli.options import write_json
from autoedge_cli.schemas import SCHEMAS, about, schema_of


@click.command("schema")
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(SCHEMAS))
@click.option("--list", "listed", is_flag=True, help="Tell all names instead, with what each is.")
@click.option("--out", default="-", metavar="FILE", help="Write to FILE instead of standard output.")
def command(name: str | None, *, listed: bool, out: str) -> int:
    """Print a JSON Schema: of the intent, of what a command prints with --json, or of a file that it writes.

    --list tells the names.
    """
    if listed == (name is not None):
        raise click.UsageError("give the name of a schema, or --list")
    if name is not None:
        write_json(schema_of(name), out)
        return 0
    width = max(map(len, SCHEMAS))
    for each in SCHEMAS:
        click.echo(f"{each:{width}}  {about(each)}")
    return 0
