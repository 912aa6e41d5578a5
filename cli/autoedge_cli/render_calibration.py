"""Calibrations of the power estimate, and the estimate beside a meter, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import ESTIMATE, NONE, name_of, number, unit_of, with_unit
from autoedge_cli.render_text import heading, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

_REASON = 200


def render_calibration(console: Console, document: Mapping[str, Any]) -> None:
    """Print each load as measured and as fitted, and what the model is good for."""
    model = document["model"]
    shown = table("load", "busy", "measured W", "fitted W", "off by", "stated")
    for column in shown.columns[1:]:
        column.justify = "right"
    for one in document["loads"]:
        shown.add_row(said(one["name"]), *_load(one))
    show(console, shown)
    for one in document["loads"]:
        if one["refused"]:
            say(
                console,
                Text.assemble(("left out", "bold yellow"), f": {one['name']}: ", said(one["refused"], "", _REASON)),
            )
    heading(console, "Power model", said(model["origin"]))
    say(console, f"power of the whole device may be off by {_percent(model['band'])} for work of a new kind")
    say(
        console,
        f"what work adds may be off by {_percent(model['work_error'])}, idle by {number(model['idle_error_w'], 2)} W",
    )
    say(
        console, said(f"written to {document['file']}; energy without a meter on this device comes from it from now on")
    )


def _load(one: Mapping[str, Any]) -> list[str]:
    if one["refused"]:
        return [f"{one['busy']:.0%}", *[NONE] * 4]
    measured, fitted = one["power_w"], one["fitted_w"]
    return [
        f"{one['busy']:.0%}",
        number(measured, 4),
        ESTIMATE + number(fitted, 4),
        _signed(fitted / measured - 1) if measured else NONE,
        f"+/- {_percent(one['stated_error_w'] / fitted)}" if fitted else NONE,
    ]


def render_comparison(console: Console, document: Mapping[str, Any]) -> None:
    """Print meter and estimate side by side, with bias, mean absolute error and their intervals."""
    for target, model in document["models"].items():
        say(
            console,
            said(f"{target}: estimate of {model['origin']}, stated to be off by {_percent(model['band'])} at worst"),
        )
    for quantity in dict.fromkeys(pair["quantity"] for pair in document["pairs"]):
        heading(console, name_of(quantity))
        _pairs(console, quantity, [pair for pair in document["pairs"] if pair["quantity"] == quantity])
        for one in document["agreement"]:
            if one["quantity"] == quantity:
                say(console, _agreement(one))


def _pairs(console: Console, quantity: str, pairs: Sequence[Mapping[str, Any]]) -> None:
    unit = unit_of(quantity)
    shown = table("case", "meter", "+/-", "estimate", "+/-", "off by")
    for column in shown.columns[1:]:
        column.justify = "right"
    for pair in pairs:
        shown.add_row(
            said(pair["name"]),
            with_unit(number(pair["meter"], 4), unit),
            number(pair["meter_error"], 2),
            ESTIMATE + with_unit(number(pair["estimate"], 4), unit),
            number(pair["estimate_error"], 2),
            _signed(pair["error"]),
        )
    show(console, shown)


def _agreement(one: Mapping[str, Any]) -> Text:
    bias = f"bias {_signed(one['bias'])}{_ends(one['bias_interval'], _signed)}"
    mape = f"mean absolute error {_percent(one['mape'])}{_ends(one['mape_interval'], _percent)}"
    covered = f"{one['covered']} of {one['n']} within the stated band"
    return Text.assemble(said(one["target"]), ": ", bias, ", ", mape, ", ", covered)


def _ends(interval: Sequence[float] | None, written: Any) -> str:
    return "" if interval is None else f" [{written(interval[0])}, {written(interval[1])}]"


def _percent(share: float) -> str:
    return f"{number(100 * share, 2)} %"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %"
