"""The front as a picture in the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import metric_of, name_of, unit_of
from autoedge_cli.render_text import mark, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from rich.console import Console

_FEWEST = 3
_NARROWEST, _WIDEST, _HEIGHT = 50, 96, 15
_LARGE_RANGE = 8.0
_KINDS = ("off", "front", "reference", "chosen")  # the last is drawn on top


def render_picture(console: Console, objectives: Sequence[str], front: pd.DataFrame) -> None:
    """Print a scatter of the first two objectives; nothing when there are too few points or too little room."""
    keys = [key for key in objectives if key in front.columns][:2]
    if len(keys) < 2 or console.width < _NARROWEST or console.options.ascii_only:  # noqa: PLR2004 - x and y
        return
    rows = front.dropna(subset=keys).to_dict("records")
    axes = [_Axis(key, [float(row[key]) for row in rows]) for key in keys]
    if len(rows) < _FEWEST or any(axis.low == axis.high for axis in axes):
        return
    try:
        picture = _drawn(console, axes, rows)
    except (ImportError, OSError):  # its native part is missing here: the picture alone is lost
        return
    console.print()
    say(console, Text(axes[1].title("↑", "↓"), style="dim"))
    for line in picture.split("\n"):
        console.print(Text.assemble("  ", line), no_wrap=True, crop=True)
    say(console, Text.assemble(_legend(console, rows), "   ", (axes[0].title("→", "←"), "dim")))


class _Axis:
    """One objective on a linear scale, or a logarithmic one where the range is large."""

    def __init__(self, key: str, values: Sequence[float]) -> None:
        self.key = key
        scale = 100.0 if unit_of(key) == "%" else 1.0
        shown = [value * scale for value in values]
        least, most = min(shown, default=0.0), max(shown, default=0.0)
        self.log = least > 0 and most / least >= _LARGE_RANGE
        self.points = [self._at(value) for value in shown]
        margin = 0.05 * (max(self.points, default=0.0) - min(self.points, default=0.0))
        self.low, self.high = min(self.points, default=0.0) - margin, max(self.points, default=0.0) + margin

    def _at(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self) -> dict[float, str]:
        """Round numbers within the range, by their place on the axis."""
        values = _decades(self.low, self.high) if self.log else _round(self.low, self.high)
        return {self._at(value): f"{value:.6g}" for value in values}

    def title(self, more: str, less: str) -> str:
        """Name, unit, scale and which way is better."""
        metric = metric_of(self.key)
        better = "" if metric is None else f", better {more if metric.direction == 'maximize' else less}"
        unit = f" in {unit_of(self.key)}" if unit_of(self.key) else ""
        return f"{name_of(self.key)}{unit}{' (log)' if self.log else ''}{better}"


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade; for many decades the powers of ten alone."""
    steps = (1, 2, 5) if high - low < 3 else (1,)  # noqa: PLR2004 - what fits beside one another
    found = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [value for value in found if low <= math.log10(value) <= high]


def _round(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten: two to six of them."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _kind(row: Mapping[Any, Any]) -> str:
    return "chosen" if row["chosen"] else "reference" if row["reference"] else "front" if row["front"] else "off"


def _drawn(console: Console, axes: Sequence[_Axis], rows: Sequence[Mapping[Any, Any]]) -> Text:
    import plotext

    plotext.terminal.limit(width=False, height=False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(min(_WIDEST, console.width - 4), _HEIGHT)
    for name, side, axis in (("x", "lower", axes[0]), ("y", "left", axes[1])):
        ruler = figure.ruler(name, side)
        ruler.lim(axis.low, axis.high)
        ruler.ticks(list(axis.ticks()), list(axis.ticks().values()))
    figure.axes(active=False, axis="x", side="upper")
    figure.axes(active=False, axis="y", side="right")
    for kind in _KINDS:
        places = [i for i, row in enumerate(rows) if _kind(row) == kind]
        if places:
            x, y = ([axis.points[i] for i in places] for axis in axes)
            figure.draw(figure.signal(x, y, marker=mark(console, kind).plain))
    picture = Text(figure.build().string(colorless=True).rstrip("\n"))
    for kind in _KINDS:
        picture.highlight_words([mark(console, kind).plain], str(mark(console, kind).style))
    return picture


def _legend(console: Console, rows: Iterable[Mapping[Any, Any]]) -> Text:
    present = {_kind(row) for row in rows}
    names = {"chosen": "chosen", "reference": "reference", "front": "front", "off": "off the front"}
    parts = [Text.assemble(mark(console, kind), " ", (names[kind], "dim")) for kind in names if kind in present]
    return Text("  ").join(parts)
