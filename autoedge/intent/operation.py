"""What an intent says of a deployment in operation beyond its workload: carbon, and the fleet with its prices."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.intent.money import CURRENCY, amount, price_a_kwh
from autoedge.intent.problem import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.operation_sections import CarbonSection, FleetSection
    from autoedge.intent.problem import Loc

    Amount = Callable[..., float | None]
    Given = Callable[..., bool]
    Wrong = Callable[[Loc, str], None]


@dataclass(frozen=True)
class Carbon:
    """What a device's energy and its making emit, in mass of CO2 equivalent.

    Attributes:
        intensity_g_per_kwh: Of the electricity that it uses.
        embodied_kg: What making one device emitted.
        lifetime_years: How long a device serves, in years of 365.25 days; stands where ``embodied_kg`` does.
    """

    intensity_g_per_kwh: float
    embodied_kg: float | None = None
    lifetime_years: float | None = None

    def __post_init__(self) -> None:
        _check("the intensity", self.intensity_g_per_kwh, zero=True)
        _check("what is embodied", self.embodied_kg, zero=True)
        _check("the lifetime", self.lifetime_years, zero=False)
        if (self.embodied_kg is None) != (self.lifetime_years is None):
            raise ValueError(f"embodied carbon and lifetime go together, but got {self}")


@dataclass(frozen=True)
class Fleet:
    """How many devices there will be, and what keeping them running costs.

    Attributes:
        devices: That do the same work.
        battery_replacement_cost: Of each time that one battery is empty, in the currency.
        electricity_price: Of one kWh, in the currency.
        currency: Three capital letters; empty without costs.
    """

    devices: int
    battery_replacement_cost: float | None = None
    electricity_price: float | None = None
    currency: str = ""

    def __post_init__(self) -> None:
        costs = (self.battery_replacement_cost, self.electricity_price)
        if not isinstance(self.devices, int) or self.devices < 1:
            raise ValueError(f"a fleet has at least one device, but got {self.devices!r}")
        for cost in costs:
            _check("a cost", cost, zero=True)
        if not re.fullmatch("" if costs == (None, None) else CURRENCY, self.currency):
            raise ValueError(f"costs have a currency of three capital letters, but got {self.currency!r}")


def _check(what: str, number: float | None, *, zero: bool) -> None:
    if number is not None and not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
        raise ValueError(f"{what} is {'zero or more' if zero else 'more than zero'}, but got {number}")


def read_carbon(section: CarbonSection | None, amount_at: Amount, wrong: Wrong, given: Given) -> Carbon | None:
    """The section ``carbon``; None where there is none, or what is wrong with it was told.

    Args:
        section: Of the right shape.
        amount_at: Reads a quantity at a place, and tells of one that is wrong.
        wrong: Takes the place of a problem and its message.
        given: Tells whether the intent says something under some keys.
    """
    if section is None:
        return None
    intensity = amount_at(("carbon", "intensity"), section.intensity, "carbon intensity", zero=True)
    embodied = amount_at(("carbon", "embodied"), section.embodied, "mass", zero=True)
    lifetime = amount_at(("carbon", "lifetime"), section.lifetime, "time", "year")
    _needs_rate("carbon", wrong, given)
    for one, other, example in (("embodied", "lifetime", "5 years"), ("lifetime", "embodied", "12 kg")):
        if given("carbon", one) and not given("carbon", other):
            wrong(("carbon",), f"{one} needs {other}; add {other}: {example}")
    if intensity is None or (embodied is None) != (lifetime is None):
        return None
    return Carbon(intensity, embodied, lifetime)


def read_fleet(section: FleetSection | None, wrong: Wrong, given: Given) -> Fleet | None:
    """The section ``fleet``; None where there is none, or what is wrong with it was told.

    Args:
        section: Of the right shape.
        wrong: Takes the place of a problem and its message.
        given: Tells whether the intent says something under some keys.
    """
    if section is None:
        return None
    _needs_rate("fleet", wrong, given)
    costs: dict[str, tuple[float, str]] = {}
    for key, read in (("battery_replacement_cost", amount), ("electricity_price", price_a_kwh)):
        text = getattr(section, key)
        try:
            if text is not None:
                costs[key] = read(text)
        except RuleError as error:
            wrong(("fleet", key), str(error))
    if given("fleet", "battery_replacement_cost") and not given("battery"):
        wrong(
            ("fleet", "battery_replacement_cost"),
            "battery_replacement_cost needs battery; add battery: {capacity: 10 Wh}",
        )
    currencies = [currency for _, currency in costs.values()]
    if len(set(currencies)) > 1:
        wrong(("fleet",), f"all costs are in one currency, but got {' and '.join(currencies)}")
        return None
    return Fleet(section.devices, **{key: cost for key, (cost, _) in costs.items()}, currency="".join(currencies[:1]))


def _needs_rate(section: str, wrong: Wrong, given: Given) -> None:
    if not given("workload", "rate"):
        wrong((section,), f"{section} needs workload.rate; add workload: {{rate: 2 / s}}")
