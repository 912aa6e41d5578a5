"""Amounts of money: a number and a currency, which is a label and never converted."""

from __future__ import annotations

import re

from autoedge.intent.problem import RuleError, shown
from autoedge.intent.units import number_and_unit

CURRENCY = r"[A-Z]{3}"
"""As ISO 4217 writes it; whether there is such a currency is not asked."""
_KWH = {"kWh": 1.0, "MWh": 1000.0}


def amount(text: str | float) -> tuple[float, str]:
    """An amount such as ``4.50 EUR``, at least zero, and its currency.

    Raises:
        RuleError: It is something else.
    """
    return _money(text, "an amount of money such as 4.50 EUR", "")


def price_a_kwh(text: str | float) -> tuple[float, str]:
    """What a kWh costs by ``0.32 EUR / kWh`` or ``320 EUR / MWh``, at least zero, and the currency.

    Raises:
        RuleError: It is something else.
    """
    return _money(text, "a price of energy such as 0.32 EUR / kWh", "/")


def _money(text: str | float, what: str, slash: str) -> tuple[float, str]:
    number, unit = number_and_unit(text, what)
    currency, found, energy = unit.partition("/")
    if found != slash or (slash and energy not in _KWH):
        raise RuleError(f"takes {what}, but got {shown(text)}")
    if not re.fullmatch(CURRENCY, currency):
        raise RuleError(f"takes {what}, but got {shown(text)}; a currency is three capital letters")
    if float(number) < 0:
        raise RuleError(f"takes zero or more, but got {shown(text)}")
    return float(number) / _KWH.get(energy, 1.0), currency
