"""The energy of a trace's windows as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge.meters.spec import UNSTATED
from autoedge_cli.render_figures import NONE, estimated, number, plural, with_unit
from autoedge_cli.render_text import said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


def render_energy(console: Console, document: Mapping[str, Any]) -> None:
    """Print the windows of a trace, their median, and what not to trust."""
    if estimated(document):
        say(console, Text("estimated, not measured", style="bold yellow"))
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
    if document["median_mj_per_inference"] is not None:
        say(console, _median(document))
    if document["accuracy_from"] == UNSTATED:
        say(console, f"accuracy {UNSTATED}{' (--meter)' if document['meter'] is None else ''}")
    for place, one in enumerate(document["windows"]):
        if one["refused"]:
            say(
                console,
                Text.assemble(("not fit", "bold yellow"), f": windows[{place}]: ", said(one["refused"], limit=400)),
            )


def _median(document: Mapping[str, Any]) -> Text:
    counted = [one for one in document["windows"] if one["mj_per_inference"] is not None]
    fit, windows = sum(not one["refused"] for one in counted), plural(len(counted), "window")
    everything, figure = (
        with_unit(_figure(document[name]), "mJ") for name in ("median_mj_per_inference", "median_fit_mj_per_inference")
    )
    over = f", over the {fit} of {windows} that were fit ({everything} over all)"
    if not fit:
        figure, over = everything, f", over all: none of {windows} was fit"
    over = "" if fit == len(counted) else over
    mark = ", estimated" if estimated(document) else ""
    return Text.assemble((f"median {figure} per inference{mark}", "bold"), over)


def _figure(value: float | None, digits: int = 5) -> str:
    return NONE if value is None else number(value, digits)
