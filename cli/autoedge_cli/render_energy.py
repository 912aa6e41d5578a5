"""The energy of a trace's windows as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import NONE, number, with_unit
from autoedge_cli.render_text import said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

_UNKNOWN = "the meter is not known: its own errors are not in the uncertainty (--meter)"


def render_energy(console: Console, document: Mapping[str, Any]) -> None:
    """Print the windows of a trace, their median, and what not to trust."""
    shown = table("window", "energy mJ", "+/- (95 %)", "mJ / inference", "+/- (95 %)", "mean power W")
    for column in shown.columns[1:]:
        column.justify = "right"
    for one in document["windows"]:
        shown.add_row(
            f"{one['start_s']:.3f} .. {one['end_s']:.3f} s",
            _figure(one["energy_mj"]),
            _figure(one["energy_uncertainty_mj"], 2),
            _figure(one["mj_per_inference"]),
            _figure(one["uncertainty_mj"], 2),
            _figure(one["mean_power_w"]),
        )
    show(console, shown)
    median = document["median_mj_per_inference"]
    if median is not None:
        say(console, Text(f"median {with_unit(_figure(median), 'mJ')} per inference", style="bold"))
    if document["meter"] is None:
        say(console, _UNKNOWN)
    for place, one in enumerate(document["windows"]):
        if one["refused"]:
            say(
                console,
                Text.assemble(("not fit", "bold yellow"), f": windows[{place}]: ", said(one["refused"], limit=400)),
            )


def _figure(value: float | None, digits: int = 5) -> str:
    return NONE if value is None else number(value, digits)
