"""autoedge power integrate."""

from __future__ import annotations

from pathlib import Path

import click

from autoedge_cli.options import json_option, write_json


@click.group("power")
def command() -> None:
    """Energy of recorded traces."""


@command.command("integrate")
@click.option("--trace", required=True, type=click.Path(path_type=Path), help="A trace folder, or a .csv or .parquet.")
@click.option("--windows", type=click.Path(path_type=Path, dir_okay=False), help="Windows (JSON, CSV or Parquet).")
@click.option("--meter", "meter_file", type=click.Path(path_type=Path, dir_okay=False), help="The meter's spec (JSON).")
@json_option
def integrate(trace: Path, windows: Path | None, meter_file: Path | None, json_file: str | None) -> int:
    """Energy, mean power and energy per inference of the windows of a trace, and their median.

    A trace is a folder with trace.json and energy bins, or a file with the columns time_s and power_w. Without windows
    the whole trace is one.
    """
    from autoedge.bench.recorded import read_meter
    from autoedge.workflows.integrate import integrate as integrated
    from autoedge_cli.render import console
    from autoedge_cli.render_energy import render_energy

    document = integrated(trace, windows, None if meter_file is None else read_meter(meter_file))
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_energy(console(), document)
    return 0
