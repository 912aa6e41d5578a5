"""autoedge campaign export | import | show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autoedge_cli.options import json_option, write_json

if TYPE_CHECKING:
    from autoedge.workflows.import_campaign import Ask

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
_description = click.option(
    "--description", default="", metavar="TEXT", help="What was measured, in a sentence or two."
)
_licence = click.option("--licence", default="", metavar="TEXT", help="Licence of the rows.")


@click.group("campaign")
def command() -> None:
    """Recorded results as folders that strategies are replayed on and surrogates learn from."""


@command.command("export")
@click.argument("where", metavar="RUN|STORE")
@_folder
@click.option(
    "--protocol", "protocols", multiple=True, metavar="ID", help="Take results of this protocol (repeatable)."
)
@click.option(
    "--objective", "objectives", multiple=True, metavar="METRIC", help="An objective of the card (default: the run's)."
)
@click.option("--device", "devices", multiple=True, metavar="TARGET=NAME", help="What a target is called there.")
@click.option("--estimates/--no-estimates", default=True, help="Keep estimated figures (labelled) or leave them out.")
@_description
@_licence
@json_option
def export(
    *,
    where: str,
    folder: Path,
    protocols: tuple[str, ...],
    objectives: tuple[str, ...],
    devices: tuple[str, ...],
    estimates: bool,
    description: str,
    licence: str,
    json_file: str | None,
) -> int:
    """Write the results of a run, or of any measurement store, as a campaign.

    RUN|STORE is a run folder, its study.db, or the URL of a store; another process may be writing to it. One row is one
    result, with the figures of front.csv.
    """
    from autoedge.workflows.export import export_campaign
    from autoedge_cli.render import console
    from autoedge_cli.render_campaign import render_exported

    document = export_campaign(
        where,
        folder,
        protocols=protocols,
        objectives=objectives,
        estimates=estimates,
        names=dict(_pair("--device", word, "TARGET=NAME") for word in devices),
        description=description,
        licence=licence,
    )
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_exported(console(), document)
    return 0


@command.command("import")
@click.argument("rows", metavar="ROWS", type=click.Path(path_type=Path, dir_okay=False))
@_folder
@click.option("--target", metavar="COLUMN", help="The column that tells devices apart.")
@click.option("--knob", "knobs", multiple=True, metavar="COLUMN[:TYPE]", help="What can be chosen (repeatable).")
@click.option("--feature", "features", multiple=True, metavar="COLUMN[:SCALE]", help="A number known beforehand.")
@click.option(
    "--objective", "objectives", multiple=True, metavar="COLUMN[:DIRECTION][:SCALE]", help="A measured number."
)
@click.option("--no-role", "others", multiple=True, metavar="COLUMN", help="A column that is only kept.")
@click.option("--unit", "units", multiple=True, metavar="COLUMN=UNIT", help="A unit that the name does not say.")
@_description
@click.option("--source", default="", metavar="TEXT", help="Who measured it, where and when.")
@_licence
@click.option("--yes", is_flag=True, help="Take the guesses without being asked.")
@json_option
def import_(
    *,
    rows: Path,
    folder: Path,
    target: str | None,
    knobs: tuple[str, ...],
    features: tuple[str, ...],
    objectives: tuple[str, ...],
    others: tuple[str, ...],
    units: tuple[str, ...],
    description: str,
    source: str,
    licence: str,
    yes: bool,
    json_file: str | None,
) -> int:
    """Make a campaign of a table: ROWS is a .csv or .parquet file with one result a row.

    What each column is (target, knob, feature, objective) is guessed from its name and values. On a terminal every
    guess is shown and may be changed, and units are asked for; elsewhere options say what the names do not. Of a role
    that an option names nothing is guessed. TYPE is categorical, int or float; DIRECTION minimize or maximize; SCALE
    log or linear.
    """
    from autoedge.workflows.import_campaign import Told, import_campaign
    from autoedge_cli.render import console
    from autoedge_cli.render_campaign import render_imported

    roles = {
        "target": () if target is None else (target,),
        "knob": knobs,
        "feature": features,
        "objective": objectives,
        "none": others,
    }
    told = Told(
        roles={role: columns for role, columns in roles.items() if columns},
        units=dict(_pair("--unit", word, "COLUMN=UNIT") for word in units),
        description=description,
        source=source,
        licence=licence,
    )
    document = import_campaign(rows, folder, told, None if yes else _asking())
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_imported(console(), document)
    return 0


@command.command("show")
@_folder
@json_option
def show(folder: Path, json_file: str | None) -> int:
    """Show a campaign: its card, its targets, and what its columns range over."""
    from autoedge.workflows.show_campaign import show_campaign
    from autoedge_cli.render import console
    from autoedge_cli.render_campaign import render_campaign

    document = show_campaign(folder)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_campaign(console(), document)
    return 0


def _pair(option: str, word: str, form: str) -> tuple[str, str]:
    first, equals, second = word.rpartition("=")
    if not (first and equals and second):
        raise click.UsageError(f"{option} takes {form}, but got {word!r}")
    return first, second


def _asking() -> Ask | None:
    """Asks about each column, where somebody is there to answer."""
    import sys

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    from autoedge_cli.asking import ask

    return ask
