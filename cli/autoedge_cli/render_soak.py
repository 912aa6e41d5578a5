"""What a soak came to: the word for it, both ends beside each other, and pictures over time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_configuration import words
from autoedge_cli.render_figures import (
    ESTIMATE,
    NONE,
    bare,
    duration,
    estimated,
    interval,
    name_of,
    number,
    plural,
    unit_of,
)
from autoedge_cli.render_text import heading, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

_STYLES = {
    "steady": "bold green",
    "slowed down": "bold red",
    "throttled": "bold red",
    "failed": "bold red",
    "not settled": "bold yellow",
}
_SERIES = {
    "latency_ms": "latency in ms (median of each block of time)",
    "power_w": "power in W",
    "temp_c": "temperature in °C (hottest zone)",
    "clock_mhz": "clock in MHz (fastest core)",
}
_NARROWEST, _WIDEST, _HEIGHT = 50, 96, 9
_FEWEST = 3
_REASON = 400


def render_soak(console: Console, document: Mapping[str, Any], folder: Path) -> None:
    """Print what a soak came to.

    Args:
        console: Where to.
        document: As in ``soak.json``.
        folder: Where it lies.
    """
    behaviour = document["behaviour"]
    candidate = document["candidate"]
    console.print(
        Text.assemble(
            (behaviour, _STYLES[behaviour]),
            f": {words(candidate['configuration'], [])} on {printable(candidate['target'], 64)}",
        )
    )
    for reason in document["reasons"]:
        say(console, said(reason, limit=_REASON))
    if "seconds" in document:
        cut = " (interrupted)" if document["interrupted"] else ""
        say(console, f"{plural(document['calls'], 'call')} in {duration(document['seconds'])}{cut}")
        _figures(console, document)
        _temperatures(console, document["trends"])
        for note in document["notes"]:
            say(console, Text.assemble(("note: ", "dim"), said(note, limit=_REASON)))
        _pictures(console, document["timeline"])
    console.print()
    say(console, Text(f"wrote {printable(str(folder), _REASON)}"))


def _figures(console: Console, document: Mapping[str, Any]) -> None:
    first = f"first {duration(document['initial_s'])}"
    shown = table("", first, "95 %", "last third", "95 %", "ratio", "95 %")
    for column in shown.columns[1:]:
        column.justify = "right"
    for key, figure in document["figures"].items():
        initial, sustained, ratio = (figure[name] for name in ("initial", "sustained", "ratio"))
        if initial is None and sustained is None:
            continue
        unit = unit_of(key)
        told = [f"{name_of(key)}{f' {unit}' if unit else ''}"]
        for value in (initial, sustained):
            told += [_value(value, key), interval(value["low"], value["high"], key) if value else ""]
        told += (
            [f"{_mark(ratio)}{ratio['value']:.3f}", f"[{ratio['low']:.3f}, {ratio['high']:.3f}]"]
            if ratio
            else [NONE, ""]
        )
        shown.add_row(*map(Text, told))
    heading(console, "At first and sustained")
    show(console, shown)


def _value(value: Mapping[str, Any] | None, key: str) -> str:
    if value is None:
        return NONE
    return _mark(value) + bare(value["value"], key)


def _mark(value: Mapping[str, Any]) -> str:
    return ESTIMATE if estimated(value) else ""


def _temperatures(console: Console, trends: Sequence[Mapping[str, Any]]) -> None:
    for one in trends:
        way = "settled" if one["settled"] else f"still rising, {one['rise_c']:+.1f} °C over the last third"
        say(console, f"{printable(one['zone'], 60)}: {one['first_c']:.1f} °C to {one['last_c']:.1f} °C, {way}")


def _pictures(console: Console, timeline: Mapping[str, Any]) -> None:
    """Each series over time; nothing where there is too little of it, or too little room."""
    if console.width < _NARROWEST or console.options.ascii_only:
        return
    for name, title in _SERIES.items():
        points = [
            (at, value)
            for at, value in zip(timeline["time_s"], timeline.get(name, ()), strict=False)
            if at is not None and value is not None
        ]
        values = [value for _, value in points]
        if len(points) < _FEWEST or min(values) == max(values):
            continue
        try:
            picture = _drawn(points, min(_WIDEST, console.width - 4))
        except (ImportError, OSError):  # its native part is missing here: the pictures alone are lost
            return
        console.print()
        guessed = name == "power_w" and timeline.get("power_source") == "estimated"
        along = "minutes" if _in_minutes(points) else "seconds"
        say(console, Text(f"{'estimated ' if guessed else ''}{title} over {along}", style="dim"))
        for line in picture.split("\n"):
            console.print(Text(f"  {line}"), no_wrap=True, crop=True)


def _in_minutes(points: Sequence[tuple[float, float]]) -> bool:
    return points[-1][0] > 300  # noqa: PLR2004 - from five minutes on


def _drawn(points: Sequence[tuple[float, float]], width: int) -> str:
    import plotext

    plotext.terminal.limit(width=False, height=False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, _HEIGHT)
    scale = 60.0 if _in_minutes(points) else 1.0
    values = [value for _, value in points]
    # A flat series is drawn flat: the axis spans at least a tenth of the level.
    middle, half = (max(values) + min(values)) / 2, max(max(values) - min(values), 0.1 * max(values)) * 0.55
    for name, side, ends in (
        ("x", "lower", (0.0, points[-1][0] / scale)),
        ("y", "left", (middle - half, middle + half)),
    ):
        ruler = figure.ruler(name, side)
        ruler.lim(*ends)
        if name == "y":
            ticks = _ticks(*ends)
            ruler.ticks(ticks, [number(tick, 4) for tick in ticks])
    figure.axes(active=False, axis="x", side="upper")
    figure.axes(active=False, axis="y", side="right")
    figure.draw(figure.signal([at / scale for at, _ in points], values, marker="hd"))
    return str(figure.build().string(colorless=True)).rstrip("\n")


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers within a range."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
