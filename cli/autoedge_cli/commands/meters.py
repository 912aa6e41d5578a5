"""autoedge meters list | read | check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autoedge_cli.completing import meter_kinds, target_names
from autoedge_cli.finite import FiniteRange
from autoedge_cli.options import json_option, targets_option, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_UNFIT = 4


@click.group("meters")
def command() -> None:
    """Find power meters, read them, and see what they are fit for."""


def _meter_options(function: Callable[..., int]) -> Callable[..., int]:
    """Argument and options that say which meter is meant."""
    for decorate in (
        targets_option,
        click.option(
            "--target", metavar="NAME", shell_complete=target_names, help="The meter that this target declares."
        ),
        click.option(
            "--option", "-o", "words", multiple=True, metavar="KEY=VALUE", help="As in targets.yaml; may be repeated."
        ),
        click.option("--port", metavar="FILE", help="Serial port; short for --option port=FILE."),
        click.argument("meter", required=False, shell_complete=meter_kinds),
    ):
        function = decorate(function)
    return function


@command.command("list")
@click.option("--target", metavar="NAME", shell_complete=target_names, help="Look at this target's device too.")
@targets_option
@json_option
def list_meters(target: str | None, targets: Path | None, json_file: str | None) -> int:
    """Show the meters that are here, usable or not, and all known kinds.

    Sensors are opened for a moment; nothing is sent to a serial port.
    """
    from autoedge.workflows.meters import list_meters as listed
    from autoedge_cli.render import console
    from autoedge_cli.render_meters import render_listing

    listing = listed(target, targets)
    if json_file is not None:
        write_json(listing.plain(), json_file)
    if json_file != "-":
        render_listing(console(), listing)
    return 0


@command.command("read")
@_meter_options
@click.option("--seconds", type=FiniteRange(0.1, 86_400), default=5.0, show_default=True, help="How long.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the recording here.")
@json_option
def read(seconds: float, csv_file: Path | None, json_file: str | None, **which: Any) -> int:
    """Show what a meter reads: autoedge meters read um25c --port /dev/rfcomm0."""
    from autoedge.workflows.meter_reading import opened_meter, raise_if_lost, read_meter, reading_document, write_csv
    from autoedge_cli.render import console
    from autoedge_cli.render_live import LiveReading
    from autoedge_cli.render_meters import render_reading

    with opened_meter(_wanted(**which)) as meter:
        _prove_writable(csv_file, json_file)
        with LiveReading(meter.spec.name, seconds) as live:
            trace = read_meter(meter, seconds, live)
    if not len(trace.time_s):
        raise_if_lost(trace)
    document = reading_document(trace)
    if json_file != "-":
        render_reading(console(), trace, document)
    try:  # what one file has no room for may have some in the other
        if csv_file is not None:
            write_csv(trace, csv_file)
    finally:
        if json_file is not None:
            write_json(document, json_file)
    raise_if_lost(trace)
    return 0


@command.command("check")
@_meter_options
@click.option("--window", metavar="TIME", help="Length of an energy window, such as '10 s' (default: as select does).")
@json_option
def check(window: str | None, json_file: str | None, **which: Any) -> int:
    """Find out how fast and how still a meter is, and whether it is fit for an energy window.

    Leave the device at rest meanwhile, or under a load that does not change. Exit codes: 0 fit, 4 not fit for that
    window, 3 the meter is missing or was lost.
    """
    from autoedge.workflows.meter_reading import check_document, check_lead_s, check_meter, opened_meter, usual_window_s
    from autoedge_cli.render import console
    from autoedge_cli.render_live import LiveReading
    from autoedge_cli.render_meters import render_check

    given = None if window is None else _seconds(window)
    with opened_meter(_wanted(**which)) as meter:
        _prove_writable(json_file)
        length = usual_window_s(meter.spec) if given is None else given
        with LiveReading(meter.spec.name, length + 2 * check_lead_s(meter.spec)) as live:
            trace, found = check_meter(meter, length, live)
    document = check_document(trace, found)
    if json_file != "-":
        render_check(console(), document)
    if json_file is not None:
        write_json(document, json_file)
    return 0 if found.fit else EXIT_UNFIT


def _prove_writable(*files: Path | str | None) -> None:
    """Find out that a file cannot be written before a day of recording, not after; what is there stays as it is.

    Raises:
        OSError: One cannot.
    """
    for file in files:
        if file is None or file == "-":
            continue
        path = Path(file)
        if path.is_fifo():  # whoever reads it would take this for the end
            continue
        new = None if path.exists() else path.resolve()
        path.open("a").close()
        if new is not None:
            new.unlink()


def _wanted(
    meter: str | None, port: str | None, words: tuple[str, ...], target: str | None, targets: Path | None
) -> Any:
    from autoedge.workflows.meters import option_values, wanted_meter

    options = option_values(words) | ({} if port is None else {"port": port})
    return wanted_meter(meter, options, target, targets)


def _seconds(text: str) -> float:
    from autoedge.intent.problem import RuleError
    from autoedge.intent.units import quantity

    try:
        seconds = quantity(text, "time", "s")
    except RuleError as error:
        raise click.UsageError(f"--window: {error}") from error
    if not 0 < seconds <= 86_400:  # noqa: PLR2004 - a day
        raise click.UsageError(f"--window: a window is longer than 0 s and at most a day, but got {text}")
    return seconds
