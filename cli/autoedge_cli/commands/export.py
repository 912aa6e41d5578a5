"""autoedge export measurements | mlflow | openmetrics."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.completing import run_folders
from autoedge_cli.options import json_option, write_json

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("export")
def command() -> None:
    """Hand a run to other tools; `campaign export` writes its results for AutoEdge itself."""


@command.command("measurements")
@click.argument("where", metavar="RUN|STORE", shell_complete=run_folders)
@click.argument("file", type=_FILE)
@json_option
def measurements(where: str, file: Path, json_file: str | None) -> int:
    """Write every measurement as a table, one row each: FILE ends with .csv or .parquet.

    RUN|STORE is a run folder, its study.db, or the URL of a store; another process may be writing to it. Knobs are
    columns; each metric has its value, _lo, _hi and _source; failed and stopped measurements are rows with a reason.
    """
    from autoedge.workflows.export_measurements import export_measurements
    from autoedge_cli.render import printable

    document = export_measurements(where, file)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        told = ", ".join(f"{count} {status}" for status, count in document["statuses"].items())
        click.echo(printable(f"{document['rows']} measurements ({told}) written to {file}"))
    return 0


@command.command("mlflow")
@click.argument("run", type=_FOLDER, shell_complete=run_folders)
@click.option("--tracking-uri", metavar="URI", help="Where MLflow keeps runs (default: what MLflow itself takes).")
@click.option("--experiment", default="autoedge", show_default=True, metavar="NAME", help="Made when missing.")
@json_option
def mlflow(run: Path, tracking_uri: str | None, experiment: str, json_file: str | None) -> int:
    """Log a finished run in MLflow: what it chose and why, its report, front and bundle.

    One MLflow run with another nested in it for each candidate of the front. Exported again, the same MLflow run is
    brought up to date.
    """
    from autoedge.workflows.export_mlflow import export_mlflow
    from autoedge_cli.render import printable

    document = export_mlflow(run, tracking_uri, experiment)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        did = "logged as" if document["new"] else "brought up to date as"
        nested = f"{len(document['candidates'])} candidates nested in it"
        click.echo(printable(f"{run}: {did} MLflow run {document['run_id']}, {nested}"))
        click.echo(printable(f"experiment {experiment} of {document['tracking_uri']}"))
    return 0


@command.command("openmetrics")
@click.argument("run", type=_FOLDER, shell_complete=run_folders)
@click.option("--out", type=_FILE, metavar="FILE", help="Write to FILE, whole or not at all, instead of printing.")
def openmetrics(run: Path, out: Path | None) -> int:
    """Tell how a run stands at this moment, as OpenMetrics text for Prometheus.

    The run may be going on in another process: it is only looked at. With --out a file such as
    /var/lib/node_exporter/autoedge.prom suits node_exporter's textfile collector.
    """
    from autoedge.whole import write_whole
    from autoedge.workflows.export_openmetrics import export_openmetrics

    text = export_openmetrics(run)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_whole(out, text)
    return 0
