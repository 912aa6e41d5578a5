"""Numbers with units, converted once, at the edge.

Bytes and fractions are dimensions of their own here, so that 20 MiB is no time and no plain number. The arithmetic is
exact (rational numbers) up to the final rounding: ``95 %`` is 0.95 to the last bit.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from autoedge.intent.problem import RuleError, nearest, shown
from autoedge.metric import Dimension as MetricDimension

if TYPE_CHECKING:
    from collections.abc import Mapping

Dimension = MetricDimension | Literal["charge", "voltage", "mass", "carbon intensity"]

_DEFINITIONS = (
    "nano- = 1/1000000000 = n-",
    "micro- = 1/1000000 = u- = µ- = μ-",
    "milli- = 1/1000 = m-",
    "kilo- = 1000 = k-",
    "mega- = 1000000 = M-",
    "giga- = 1000000000 = G-",
    "kibi- = 1024 = Ki-",
    "mebi- = 1048576 = Mi-",
    "gibi- = 1073741824 = Gi-",
    "second = [time] = s = sec",
    "minute = 60 * second = min",
    "hour = 60 * minute = h",
    "day = 24 * hour = d",
    "year = 365.25 * day",
    "joule = [energy] = J",
    "watt = joule / second = W",
    "watt_hour = watt * hour = Wh",
    "coulomb = [charge] = C",
    "ampere_hour = 3600 * coulomb = Ah",
    "volt = joule / coulomb = V",
    "byte = [information] = B",
    "fraction = [proportion]",
    "percent = 1/100 * fraction",
    "hertz = 1 / second = Hz = ips",
    "gram = [mass] = g",
    "tonne = 1000000 * gram = t",
)


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


# Spelling -> pint's expression. Only these are accepted, so no text from outside is ever evaluated.
_SPELLINGS: Mapping[Dimension, Mapping[str, str]] = {
    "time": _same("ns us µs μs ms s sec second seconds min minute minutes h hour hours d day days year years"),
    "bytes": _same("B kB MB GB KiB MiB GiB byte bytes"),
    "energy": _same("uJ µJ μJ mJ J kJ mWh Wh kWh"),
    "power": _same("uW µW μW mW W kW"),
    "rate": _same("Hz kHz ips")
    | {f"{items}/{unit}": f"1/{unit}" for unit in ("ms", "s", "sec", "min", "h", "d") for items in ("", "1", "items")},
    "fraction": {"%": "percent", "percent": "percent"},
    "number": {},
    "charge": _same("mAh Ah"),
    "voltage": _same("mV V"),
    "mass": _same("g kg t"),
    "carbon intensity": _same("g/kWh kg/kWh g/MWh kg/MWh t/MWh"),
}

_UNITS: Mapping[Dimension, str] = {
    "time": "ms", "bytes": "MiB", "energy": "mJ", "power": "W", "rate": "/s", "charge": "Ah", "voltage": "V",
    "mass": "kg", "carbon intensity": "g/kWh",
}  # fmt: skip

_NAMES: Mapping[Dimension, str] = {
    "time": "a time",
    "bytes": "an amount of memory",
    "energy": "an energy",
    "power": "a power",
    "rate": "a rate",
    "fraction": "a fraction or a percentage",
    "number": "a plain number",
    "charge": "a charge",
    "voltage": "a voltage",
    "mass": "a mass of CO2 equivalent",
    "carbon intensity": "a mass of CO2 equivalent for each energy",
}

_NUMBER = re.compile(r"([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(.*)", re.DOTALL)
_LENGTH = 100
_SIMILAR_UNIT = 50
_LONG = 5  # spelt-out units are understood, but not suggested


def quantity(text: str | float, dimension: Dimension, unit: str | None = None) -> float:
    """The number behind ``20 ms``, ``64 MiB``, ``1 %`` or ``2 / s``.

    Args:
        text: As the user wrote it; a bare number is accepted for fractions and plain numbers, which have no unit.
        dimension: What it must be.
        unit: Unit of the returned number; by default ms, MiB, mJ, W, 1/s, Ah, V, kg, g/kWh, or the plain fraction.

    Raises:
        RuleError: It is something else, not finite, or has no unit or an unknown one.
    """
    unit = unit or _UNITS.get(dimension, "")
    number, spelling = number_and_unit(text, _NAMES[dimension])
    if not spelling:
        if dimension not in ("fraction", "number"):
            raise RuleError(
                f"takes {_NAMES[dimension]} with its unit, but got {shown(text)}; write {number} {spaced(unit)}"
            )
        return float(number)
    if spelling not in _SPELLINGS[dimension]:
        raise RuleError(f"takes {_NAMES[dimension]}, but got {shown(text)}{_hint(spelling, dimension)}")
    try:
        return float(
            Fraction(repr(float(number))) * _factor(_expression(spelling, dimension), _expression(unit, dimension))
        )
    except OverflowError as error:
        raise RuleError(f"takes a finite number, but got {shown(text)}") from error


def dimension_of(text: str | float, *among: Dimension) -> Dimension:
    """Which of some dimensions the unit in ``text`` belongs to; the first when it belongs to none."""
    found = _NUMBER.fullmatch(str(text).strip()[:_LENGTH])
    spelling = _joined(found[2]) if found else ""
    return next((dimension for dimension in among if spelling in _SPELLINGS[dimension]), among[0])


def spaced(unit: str) -> str:
    """A unit as it is written behind a number."""
    return unit.replace("/", " / ").strip()


def number_and_unit(text: str | float, what: str) -> tuple[str, str]:
    """The digits and the unit without spaces; ``what`` names what the text should be.

    Raises:
        RuleError: It begins with no finite number.
    """
    plain = text.strip() if isinstance(text, str) else repr(text).removesuffix(".0")
    if re.match(r"[-+]?[0-9]+,[0-9]", plain):
        raise RuleError(f"takes a number with a decimal point, but got {shown(text)}")
    found = _NUMBER.fullmatch(plain) if len(plain) <= _LENGTH else None
    if not found:
        raise RuleError(f"takes {what}, but got {shown(text)}")
    if not math.isfinite(float(found[1])):
        raise RuleError(f"takes a finite number, but got {shown(text)}")
    return found[1], _joined(found[2])


def _joined(unit: str) -> str:
    return re.sub(r"\s*/\s*", "/", unit.strip())


def _hint(spelling: str, dimension: Dimension) -> str:
    if any(spelling in spellings for spellings in _SPELLINGS.values()):
        return ""  # a good unit of another kind: the rule has said it
    known = _SPELLINGS[dimension]
    if not known:
        return "; write it without a unit"
    near = nearest(spelling, known, _SIMILAR_UNIT)
    hint = (
        f"did you mean {spaced(near)}?"
        if near
        else f"known are {', '.join(unit for unit in known if unit.isascii() and len(unit) < _LONG)}"
    )
    return f"; {shown(spelling)} is no unit, {hint}"


def _expression(spelling: str, dimension: Dimension) -> str:
    return _SPELLINGS[dimension][spelling] if spelling else "fraction"


@cache
def _registry() -> Any:
    from pint import UnitRegistry

    registry: UnitRegistry[Any] = UnitRegistry(None, non_int_type=Fraction)
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


@cache
def _factor(one: str, other: str) -> Fraction:
    return Fraction(_registry().Quantity(Fraction(1), one).to(other).magnitude)
