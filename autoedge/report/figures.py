"""Figures for people: three significant digits, the metric's own unit, never an estimate without its mark."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.metric import Metric, by_key
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE = "\N{EN DASH}"
ESTIMATE = "~"
_UNITS = {"ips": "/s"}  # as an intent writes a rate
_SMALLEST, _LARGEST = 1e-6, 1e9
_MINUTE, _HOUR = 60, 3600


def metric_of(key: str) -> Metric | None:
    """The metric stored under a key; None when this version knows none."""
    try:
        return by_key(key)
    except KeyError:
        return None


def name_of(key: str) -> str:
    """A metric's name as users write it: ``latency_p95``."""
    metric = metric_of(key)
    return metric.name if metric else printable(key, 40)


def unit_of(key: str) -> str:
    """The unit that figures of a metric are shown in: ``ms``, ``%`` for fractions, ``/s`` for rates."""
    metric = metric_of(key)
    if metric is None:
        return ""
    return "%" if metric.dimension == "fraction" else _UNITS.get(metric.unit, metric.unit)


def number(value: float, digits: int = 3) -> str:
    """Three significant digits, written out unless extreme: ``0.0123``, ``26.1``, ``12300``."""
    if value == 0:
        return "0"
    if not _SMALLEST <= abs(value) < _LARGEST:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def bare(value: float | None, key: str, digits: int = 3) -> str:
    """A figure without its unit; fractions in percent."""
    if value is None or not math.isfinite(value):
        return NONE
    return percent(value, digits) if unit_of(key) == "%" else number(value, digits)


def percent(fraction: float, digits: int = 3) -> str:
    """A fraction in percent: one decimal, more where it would seem to be all or nothing and is not."""
    decimals = digits - 2
    while decimals < 4 and 0 < fraction < 1 and f"{100 * fraction:.{decimals}f}".strip("0.") in ("", "1"):  # noqa: PLR2004
        decimals += 1
    return f"{100 * fraction:.{decimals}f}"


def with_unit(figure: str, unit: str) -> str:
    """A figure and its unit, if it has one."""
    return f"{figure} {unit}" if unit and figure != NONE else figure


def estimated(value: Mapping[str, Any]) -> bool:
    """Whether a figure is no measurement."""
    return str(value.get("source")) == "estimated"


def full(value: Mapping[str, Any], key: str) -> str:
    """A figure with its unit, marked when it is an estimate: ``~12.3 mJ``."""
    return (ESTIMATE if estimated(value) else "") + with_unit(bare(value["value"], key), unit_of(key))


def interval(low: float, high: float, key: str) -> str:
    """Both ends, with as many digits as tell them apart; ``exact`` when they are one."""
    return span(low, high, lambda end, digits: bare(end, key, digits))


def span(low: float, high: float, written: Any) -> str:
    """Both ends as ``written(end, digits)`` gives them."""
    if low == high:
        return "exact"
    digits = next((d for d in (3, 4, 5) if written(low, d) != written(high, d)), 5)
    return f"[{written(low, digits)}, {written(high, digits)}]"


def give_or_take(value: float, low: float, high: float, key: str) -> str:
    """Half the interval's width, compactly: relative, in points for fractions; empty when exact."""
    half = max(high - value, value - low)
    if not math.isfinite(half) or half <= 0 or value == 0:
        return ""
    if unit_of(key) == "%":
        return f"±{_short(100 * half)}"
    return f"±{_short(100 * half / abs(value))}%"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{max(value, 0.1):.1f}"  # noqa: PLR2004 - two digits are enough


def points(fraction: float, digits: int = 3) -> str:
    """A difference of fractions in percentage points, signed: ``+0.30``."""
    return f"{100 * fraction:+.{max(1, digits - 1)}f}" if fraction else "0"


def duration(seconds: float) -> str:
    """A time span for people: ``4.2 s``, ``5 min 12 s``, ``2 h 05 min``."""
    if seconds < 10:  # noqa: PLR2004 - tenths matter below
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def plural(count: int, what: str, many: str = "") -> str:
    """``1 process``, ``2 processes``."""
    return f"{count} {what if count == 1 else many or what + 's'}"
