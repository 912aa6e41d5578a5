"""Power meters in the terminal: which there are, what one read, what it is fit for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from autoedge_cli.render_figures import ESTIMATE, NONE, duration, number, plural
from autoedge_cli.render_text import heading, pairs, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from autoedge.meters.finder import Found
    from autoedge.meters.trace import Trace
    from autoedge.workflows.meters import Kind, Listing

_REASON = 400
_NOTHING = 5e-5
"""Share of the energy below which a part of the uncertainty is not worth a word."""
_NARROWEST, _WIDEST, _HEIGHT = 50, 96, 12
_INCIDENTS = {
    "missing": "missing values",
    "checksum_errors": "checksum errors",
    "garbage_bytes": "bytes skipped",
    "retries": "questions asked again",
    "overloads": "values beyond the range",
}


def render_listing(console: Console, listing: Listing) -> None:
    """Print the meters that were found, and the kinds that are known."""
    console.print(Text("On this machine", style="bold"))
    _found(
        console, listing.here, "none was found; instruments on Bluetooth and nameless serial ports are not looked for"
    )
    if listing.target is not None:
        heading(console, f"On the device of {printable(listing.target, 64)}")
        _found(console, listing.there, "none was found; energy is estimated, or measured by a meter on this machine")
    heading(console, "Known kinds")
    shown = table("kind", "where")
    shown.add_column("needs")
    for kind in listing.kinds:
        shown.add_row(said(kind.name, limit=24), Text("device" if kind.on_device else "this machine"), _needs(kind))
    show(console, shown)


def _needs(kind: Kind) -> Text:
    if kind.problem:
        return said(kind.problem, "red", _REASON)
    return Text(f"pip install 'autoedge[{kind.extra}]'" if kind.extra else "", style="yellow")


def _found(console: Console, meters: Sequence[Found], nothing: str) -> None:
    if not meters:
        say(console, Text(nothing, style="dim"))
        return
    shown = table("meter", "options", "measures")
    shown.add_column("")
    for one in meters:
        options = " ".join(f"{name}={value}" for name, value in one.options.items())
        about = said(one.spec.model if one.spec else one.reason, "" if one.spec else "yellow", _REASON)
        shown.add_row(said(one.name, limit=24), said(options, limit=60), said(one.scope or NONE, limit=16), about)
    show(console, shown)


def render_reading(console: Console, trace: Trace, document: Mapping[str, Any]) -> None:
    """Print what a meter read: figures, incidents, and a picture over time."""
    _head(console, document["meter"])
    found = document["summary"]
    rows = [
        ("mean", _give_or_take(found, document["meter"])),
        ("range", Text(f"{number(found['least_w'], 4)} to {number(found['largest_w'], 4)} W")),
        (
            "values",
            Text(f"{found['values']} in {duration(document['seconds'])}, worth {found['worth']:.0f} independent"),
        ),
        ("incidents", _incidents(document["counts"])),
    ]
    show(console, pairs(rows))
    _picture(console, trace)


def render_check(console: Console, document: Mapping[str, Any]) -> None:
    """Print what a check found, and the verdict."""
    spec, pace, noise, window = (document[name] for name in ("meter", "pace", "noise", "window"))
    _head(console, spec)
    found = document["summary"]
    step = (
        f"{_watts(noise['step_w'])} seen, {_watts(spec['resolution_w'])} published" if noise["step_w"] else "none seen"
    )
    drift = f"{1000 * noise['drift_w_per_min']:+.3g} mW a minute" if noise["drifts"] else "none to be told"
    gaps = f"{pace['gaps']}, the longest {pace['longest_gap_s']:.3g} s"
    rows = [
        ("power", _give_or_take(found, spec)),
        ("rate", Text(f"{pace['values_hz']:.4g} values a second, {1 / spec['update_period_s']:.4g} published")),
        ("new values", _new(pace, noise)),
        ("gaps", Text(gaps)),
        ("incidents", _incidents(document["counts"])),
        (
            "noise",
            Text(f"{_watts(noise['sd_w'])} (standard deviation), autocorrelation {noise['autocorrelation']:.2f}"),
        ),
        ("steps", Text(step)),
        ("drift", Text(drift, style="yellow" if noise["drifts"] else "")),
    ]
    show(console, pairs(rows))
    heading(console, f"An energy window of {window['seconds']:.3g} s")
    show(console, pairs(_window(document)))
    say(console, _verdict(window))


def _new(pace: Mapping[str, Any], noise: Mapping[str, Any]) -> Text:
    if noise["step_w"] is None:
        return Text("cannot be told: all values are equal; let the load change a little")
    return Text(f"{pace['new_hz']:.4g} a second; {pace['repeats']:.0%} equal the one before")


def _window(document: Mapping[str, Any]) -> list[tuple[str, Text]]:
    window, shortest = document["window"], document["shortest_window_s"]
    energy, doubt = window["energy_j"], window["uncertainty_j"]
    known = energy is not None and doubt is not None and energy > 0
    least = (document["least_difference_w"], document["least_difference_j"])
    alone = "none at this load: the meter's steps are too coarse for it" if shortest is None else f"{shortest:.3g} s"
    return [
        ("uncertainty", Text(f"+/- {doubt / energy:.2%} of the energy at this load" if known else NONE)),
        ("by", Text(_shares(window["parts_j"], energy) if known else NONE)),
        (
            "differences",
            Text(f"told apart from {_watts(least[0])}, {number(least[1])} J" if None not in least else NONE),
        ),
        ("shortest", Text(f"{alone} (the rule for this meter: {document['rule_s']:.3g} s)")),
        ("method", Text(window["method"])),
    ]


def _verdict(window: Mapping[str, Any]) -> Text:
    if not window["refused"]:
        return Text("fit for this window", style="bold green")
    return Text.assemble(("not fit for this window", "bold red"), ": ", said(window["refused"], limit=_REASON))


def _shares(parts: Mapping[str, float | None], energy: float) -> str:
    """The largest parts of the uncertainty, as standard uncertainties."""
    told = sorted(((part, name) for name, part in parts.items() if part and part > _NOTHING * energy), reverse=True)
    return ", ".join(f"{name} {part / energy:.2%}" for part, name in told[:3]) or "nothing"


def _head(console: Console, spec: Mapping[str, Any]) -> None:
    console.print(Text.assemble((printable(spec["name"], 40), "bold"), "  ", said(spec["model"], "dim", 100)))
    say(console, Text.assemble((f"{spec['scope']}; accuracy from: ", "dim"), said(spec["accuracy_from"], "dim", 200)))


def _incidents(counts: Mapping[str, int]) -> Text:
    told = [f"{counts[name]} {words}" for name, words in _INCIDENTS.items() if counts[name]]
    return Text(", ".join(told) or "none", style="yellow" if told else "")


def _give_or_take(found: Mapping[str, Any], spec: Mapping[str, Any]) -> Text:
    mark = ESTIMATE if spec["scope"] == "estimate" else ""
    return Text(f"{mark}{number(found['mean_w'], 4)} W +/- {number(found['uncertainty_w'], 2)} W")


def _watts(watts: float) -> str:
    return f"{1000 * watts:.3g} mW"


def _picture(console: Console, trace: Trace) -> None:
    """Power over time; nothing where there is too little of either, or of room."""
    there = np.isfinite(trace.power_w)
    time, power = trace.time_s[there], trace.power_w[there]
    if time.size < 3 or np.ptp(power) == 0 or console.width < _NARROWEST or console.options.ascii_only:  # noqa: PLR2004
        return
    try:
        picture = _drawn(time - time[0], power, min(_WIDEST, console.width - 4))
    except (ImportError, OSError):  # its native part is missing here: the picture alone is lost
        return
    console.print()
    say(console, Text("power in W over seconds", style="dim"))
    for line in picture.split("\n"):
        console.print(Text(f"  {line}"), no_wrap=True, crop=True)
    low, high = float(power.min()), float(power.max())
    say(console, Text(f"{plural(time.size, 'value')}, {number(low, 4)} to {number(high, 4)} W", style="dim"))


def _drawn(time: np.ndarray[Any, Any], power: np.ndarray[Any, Any], width: int) -> str:
    import plotext

    plotext.terminal.limit(width=False, height=False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, _HEIGHT)
    figure.axes(active=False, axis="x", side="upper")
    figure.axes(active=False, axis="y", side="right")
    figure.draw(figure.signal(*_thinned(time, power, 8 * width), marker="hd"))
    return str(figure.build().string(colorless=True)).rstrip("\n")


def _thinned(time: np.ndarray[Any, Any], power: np.ndarray[Any, Any], most: int) -> tuple[list[float], list[float]]:
    """The least and the largest value of each of so many stretches: a picture has no more columns."""
    if time.size <= most:
        return time.tolist(), power.tolist()
    starts = np.linspace(0, time.size, most // 2, endpoint=False).astype(np.int64)
    at = np.repeat(time[starts], 2)
    ends = np.column_stack([np.minimum.reduceat(power, starts), np.maximum.reduceat(power, starts)])
    return at.tolist(), ends.ravel().tolist()
