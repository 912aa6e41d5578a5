"""The front as a still picture, for pages whose scripts do not run, and the shapes of its legend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.report.figures import estimated, metric_of, name_of, number, unit_of
from autoedge.report.markup import Markup, element
from autoedge.report.plot_data import axes
from autoedge.report.wording import MARKS, mark_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Document = Mapping[str, Any]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 52
_STAR = "M0,-9 2.1,-2.9 8.6,-2.8 3.4,1.1 5.3,7.3 0,3.6 -5.3,7.3 -3.4,1.1 -8.6,-2.8 -2.1,-2.9Z"
_PATHS = {"chosen": _STAR, "reference": "M0,-7 7,0 0,7 -7,0Z", "refused": "M-4,-4 4,4M4,-4 -4,4"}
_MOST_TICKS = 6
_DECADE = 10.0
_LEAST_SHARE = 1e-15  # of the largest value: what is smaller stands at the edge of a logarithmic axis


def shape(mark: str) -> Markup:
    """A mark's shape for a legend."""
    return element("svg", _drawn(mark, 10, 10), width=20, height=20, viewBox="0 0 20 20", aria_hidden="true")


def _drawn(mark: str, x: float, y: float, *, estimate: bool = False) -> Markup:
    place = f"translate({x:.1f} {y:.1f})"
    kind = f"mark {mark}{' guess' if estimate else ''}"
    if mark in _PATHS:
        return element("path", d=_PATHS[mark], transform=place, class_=kind)
    return element("circle", r=5, transform=place, class_=kind)


@dataclass(frozen=True)
class _Scale:
    """From values to places, linear or logarithmic; values that a logarithm does not take have no place."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    @classmethod
    def of(cls, values: Sequence[float], key: str, start: float, end: float) -> _Scale:
        metric = metric_of(key)
        low, high = min(values), max(values)
        log = metric is not None and metric.dimension not in ("fraction", "number") and 0 < low * _DECADE <= high
        if log:
            low = max(low, high * _LEAST_SHARE)
            room = (high / low) ** 0.06
            return cls(low / room, high * room, log, start, end)
        room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        return cls(low - room, high + room, log, start, end)

    def place(self, value: float) -> float | None:
        if self.log and value <= 0:
            return None
        low, high, at = (math.log(one) if self.log else one for one in (self.low, self.high, value))
        share = min(1.0, max(0.0, (at - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            first = math.floor(math.log10(self.low))
            last = math.ceil(math.log10(self.high))
            steps = (1, 2, 5) if last - first <= 3 else (1,)  # noqa: PLR2004 - more would stand too close
            every = [step * _DECADE**power for power in range(first, last + 1) for step in steps]
        else:
            rough = (self.high - self.low) / _MOST_TICKS
            unit = _DECADE ** math.floor(math.log10(rough))
            step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
            begin = math.ceil(self.low / step)
            every = [step * (begin + i) for i in range(2 * _MOST_TICKS)]
        return [tick for tick in every if self.low <= tick <= self.high]


def static_plot(document: Document) -> Markup:
    """All candidates by the two metrics that the plot begins with."""
    first, second = axes(document)
    rows = [row for row in document["candidates"] if first in row["metrics"] and second in row["metrics"]]
    if not rows:
        return element("p", "No candidate has both metrics.")
    across = _Scale.of(_ends(rows, first), first, _LEFT, _WIDTH - _RIGHT)
    up = _Scale.of(_ends(rows, second), second, _HEIGHT - _BOTTOM, _TOP)
    order = list(reversed(MARKS))
    marks = sorted(rows, key=lambda row: order.index(mark_of(row)))
    points = [_point(row, (first, second), (across, up)) for row in marks]
    title = element("title", f"{name_of(first)} and {name_of(second)} of {len(rows)} candidates")
    inside = [title, _frame(across, up, first, second), points]
    return element("svg", inside, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="still", role="img")


def _ends(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [row["metrics"][key]["value"] for row in rows]


def _point(row: Mapping[str, Any], keys: tuple[str, str], scales: tuple[_Scale, _Scale]) -> list[Markup]:
    """A candidate with its two intervals."""
    values = [row["metrics"][key] for key in keys]
    at = [scale.place(value["value"]) for scale, value in zip(scales, values, strict=True)]
    if at[0] is None or at[1] is None:
        return []
    estimate = any(estimated(value) for value in values)
    ends = [[scale.place(value[end]) for end in ("low", "high")] for scale, value in zip(scales, values, strict=True)]
    bars = []
    (left, right), (bottom, top) = ends
    kind = "error guess" if estimate else "error"
    if left is not None and right is not None:
        bars.append(element("line", x1=_f(left), x2=_f(right), y1=_f(at[1]), y2=_f(at[1]), class_=kind))
    if bottom is not None and top is not None:
        bars.append(element("line", x1=_f(at[0]), x2=_f(at[0]), y1=_f(bottom), y2=_f(top), class_=kind))
    return [*bars, _drawn(mark_of(row), at[0], at[1], estimate=estimate)]


def _frame(across: _Scale, up: _Scale, first: str, second: str) -> list[Markup]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    found = [element("rect", x=_LEFT, y=_TOP, width=right - _LEFT, height=bottom - _TOP, class_="panel")]
    for tick in across.ticks():
        x = _f(across.place(tick) or 0.0)
        found.append(element("line", x1=x, x2=x, y1=_TOP, y2=bottom, class_="grid"))
        found.append(element("text", _tick(tick, first), x=x, y=bottom + 18, text_anchor="middle"))
    for tick in up.ticks():
        y = _f(up.place(tick) or 0.0)
        found.append(element("line", x1=_LEFT, x2=right, y1=y, y2=y, class_="grid"))
        found.append(
            element("text", _tick(tick, second), x=_LEFT - 8, y=y, text_anchor="end", dominant_baseline="middle")
        )
    middle = (_TOP + bottom) / 2
    turned = f"rotate(-90 14 {middle:g})"
    found.append(element("text", _named(first), x=(_LEFT + right) / 2, y=_HEIGHT - 10, text_anchor="middle"))
    found.append(element("text", _named(second), x=14, y=middle, text_anchor="middle", transform=turned))
    return found


def _named(key: str) -> str:
    return f"{name_of(key)} ({unit_of(key)})" if unit_of(key) else name_of(key)


def _tick(value: float, key: str) -> str:
    shown = 100 * value if unit_of(key) == "%" else value
    text = number(round(shown, 12))
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _f(place: float) -> str:
    return f"{place:.1f}"
