"""autoedge power integrate | calibrate | compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoedge_cli.completing import meter_kinds, run_folders, target_names
from autoedge_cli.finite import FiniteRange
from autoedge_cli.options import json_option, targets_option, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

_meter_option = click.option(
    "--meter",
    "kind",
    metavar="KIND",
    shell_complete=meter_kinds,
    help="The power meter: um25c, tc66, ... (default: the target's).",
)
_port_option = click.option("--port", metavar="DEVICE", help="Serial port of the meter, such as /dev/rfcomm0.")
_option_option = click.option(
    "--option", "words", multiple=True, metavar="KEY=VALUE", help="An option of the meter; may be repeated."
)


def _meter_options(function: Callable[..., int]) -> Callable[..., int]:
    return _meter_option(_port_option(_option_option(function)))


@click.group("power")
def command() -> None:
    """Energy of recorded traces, and the estimate where there is no meter."""


@command.command("integrate")
@click.option("--trace", required=True, type=click.Path(path_type=Path), help="A trace folder, or a .csv or .parquet.")
@click.option("--windows", type=click.Path(path_type=Path, dir_okay=False), help="Windows (JSON, CSV or Parquet).")
@click.option("--meter", "meter_file", type=click.Path(path_type=Path, dir_okay=False), help="The meter's spec (JSON).")
@json_option
def integrate(trace: Path, windows: Path | None, meter_file: Path | None, json_file: str | None) -> int:
    """Energy, mean power and energy per inference of the windows of a trace, and their median.

    A trace is a folder with trace.json and energy bins, or a file with the columns time_s and power_w. Without windows
    the whole trace is one. Windows that the meter is not fit for have no part in the median.
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


@command.command("calibrate")
@click.option(
    "--target",
    default="local",
    show_default=True,
    metavar="NAME",
    shell_complete=target_names,
    help="The device to calibrate.",
)
@_meter_options
@click.option("--minutes", type=FiniteRange(min=0, min_open=True), help="Time there is (default: for all loads).")
@click.option("--fresh", is_flag=True, help="Begin anew, whatever an interrupted calibration measured.")
@targets_option
@json_option
def calibrate(
    *,
    target: str,
    kind: str | None,
    port: str | None,
    words: tuple[str, ...],
    minutes: float | None,
    targets: Path | None,
    json_file: str | None,
    fresh: bool,
) -> int:
    """Fit a device's power to how busy it is, against a power meter.

    Synthetic loads run on the device while the meter watches; nothing else should run there. From then on energy is
    estimated with the model wherever no meter is at hand. Stopped at any moment, the same command goes on.
    """
    from autoedge.workflows.calibrate import calibrate as calibrated
    from autoedge_cli.progress import Progress
    from autoedge_cli.render import console
    from autoedge_cli.render_calibration import render_calibration

    meter = _meter(kind, port, words)
    with Progress() as progress:
        document = calibrated(target, targets=targets, meter=meter, minutes=minutes, fresh=fresh, on_event=progress)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        render_calibration(console(), document)
    return 0


@command.command("compare")
@click.option(
    "--run",
    "run_folder",
    type=click.Path(path_type=Path, file_okay=False),
    shell_complete=run_folders,
    help="A run measured with a meter.",
)
@click.option("--target", metavar="NAME", shell_complete=target_names, help="Run loads on this device now.")
@_meter_options
@click.option("--loads", type=click.IntRange(2, 1000), default=8, show_default=True, help="How many, with --target.")
@targets_option
@json_option
def compare(
    *,
    run_folder: Path | None,
    target: str | None,
    kind: str | None,
    port: str | None,
    words: tuple[str, ...],
    loads: int,
    targets: Path | None,
    json_file: str | None,
) -> int:
    """Hold the estimate against a power meter, candidate by candidate or load by load."""
    from autoedge.workflows.compare_power import compare_run, compare_target
    from autoedge_cli.progress import Progress

    if (run_folder is None) == (target is None):
        raise click.UsageError("name what to compare: either --run FOLDER or --target NAME")
    if run_folder is not None:
        document = compare_run(run_folder)
    else:
        meter = _meter(kind, port, words)
        with Progress() as progress:
            document = compare_target(str(target), targets=targets, meter=meter, loads=loads, on_event=progress)
    if json_file is not None:
        write_json(document, json_file)
    if json_file != "-":
        _show(document)
    return 0


def _show(document: dict[str, Any]) -> None:
    """Print a comparison, what was measured under each protocol apart."""
    from autoedge.workflows.compare_power import by_protocol
    from autoedge_cli.render import console
    from autoedge_cli.render_calibration import render_comparison
    from autoedge_cli.render_text import heading, printable, said

    out, parts = console(), by_protocol(document)
    if len(parts) <= 1:
        render_comparison(out, document)
        return
    for protocol, part in parts.items():
        meter = document["protocols"][protocol] or {"name": "a meter", "scope": "an unknown place"}
        heading(out, f"Protocol {printable(protocol)}", said(f"measured with {meter['name']} at {meter['scope']}"))
        render_comparison(out, part)


def _meter(kind: str | None, port: str | None, words: tuple[str, ...]) -> dict[str, Any] | None:
    """The meter as targets.yaml would declare it; None for the target's own."""
    from autoedge.workflows.meters import option_values

    options = {**option_values(words), **({} if port is None else {"port": port})}
    if kind is None:
        if options:
            raise click.UsageError("--port and --option belong to --meter KIND")
        return None
    return {"type": kind, **options}
