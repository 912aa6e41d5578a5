"""What a device takes in operation: energy, batteries, carbon and money, from its mean power at the workload.

All of it follows from that power by multiplication, so each interval is the power's own, carried along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.intent.operation import Carbon, Fleet

YEAR_H = 365.25 * 24
_YEAR_S = YEAR_H * 3600
_KWH_J = 3.6e6


@dataclass(frozen=True)
class Operation:
    """Under what a device works.

    Attributes:
        rate: Items per second that arrive.
        battery_wh: Usable energy of its battery, if it has one.
        carbon: Of its energy and its making, where known.
        fleet: How many there are, and prices, where known.
    """

    rate: float
    battery_wh: float | None = None
    carbon: Carbon | None = None
    fleet: Fleet | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"items arrive at a rate above zero, but got {self.rate}")
        if self.battery_wh is not None and not (math.isfinite(self.battery_wh) and self.battery_wh > 0):
            raise ValueError(f"a battery holds more than 0 Wh, but got {self.battery_wh}")


def operating_figures(power: Value, life: Value | None, under: Operation) -> dict[str, Value]:
    """Figures by key, each with its interval; an estimate of the power makes estimates of all.

    Args:
        power: Mean W at the workload, more than zero.
        life: ``battery_life_h`` of the same result; by default usable Wh / mean W.
        under: Workload, battery, carbon, fleet.

    Returns:
        ``mean_power_w`` and ``energy_per_item_mj``; with a battery ``battery_life_h``; with carbon ``operational_g``,
        ``embodied_g`` (where it is given) and their sum ``sci_g``, all per item; with a fleet the figures of a year:
        ``fleet_energy_kwh``, ``fleet_carbon_kg``, ``fleet_batteries`` (times that one is empty),
        ``fleet_battery_cost``, ``fleet_electricity_cost`` and, where there are both, ``fleet_cost``. What is too large
        for a number is left out.

    Sources: SCI = (E x I + M) / R with one item as R, and M = embodied x time share: Green Software Foundation,
    Software Carbon Intensity specification, ISO/IEC 21031:2024.
    """
    figures = {"mean_power_w": power, "energy_per_item_mj": _times(power, 1e3 / under.rate, "mean W / rate")}
    if under.battery_wh is not None:
        figures["battery_life_h"] = life or _over(under.battery_wh, power, "usable Wh / mean W")
    if under.carbon is not None:
        figures |= _carbon(power, under.carbon, under.rate)
    if under.fleet is not None:
        figures |= _fleet(power, figures.get("battery_life_h"), under.fleet, under.carbon)
    return {key: value for key, value in figures.items() if value is not None}


def _carbon(power: Value, carbon: Carbon, rate: float) -> Mapping[str, Value | None]:
    operational = _times(power, carbon.intensity_g_per_kwh / (rate * _KWH_J), "E x I")
    if carbon.embodied_kg is None or carbon.lifetime_years is None:
        return {"operational_g": operational, "sci_g": operational}
    items = carbon.lifetime_years * _YEAR_S * rate
    embodied = _exact(carbon.embodied_kg * 1e3 / items if items > 0 else math.inf, "embodied / items in a lifetime")
    return {
        "operational_g": operational,
        "embodied_g": embodied,
        "sci_g": _sum(operational, embodied, "(E x I + M) / R"),
    }


def _fleet(power: Value, life: Value | None, fleet: Fleet, carbon: Carbon | None) -> Mapping[str, Value | None]:
    energy = _times(power, fleet.devices * YEAR_H / 1e3, "devices x mean W x a year")
    figures: dict[str, Value | None] = {"fleet_energy_kwh": energy}
    if carbon is not None:
        used = _times(energy, carbon.intensity_g_per_kwh / 1e3, "energy x I")
        making = fleet.devices * (carbon.embodied_kg or 0.0) / (carbon.lifetime_years or 1.0)
        figures["fleet_carbon_kg"] = _sum(used, _exact(making, "devices x embodied / lifetime"), "of use and making")
    figures["fleet_batteries"] = _over(fleet.devices * YEAR_H, life, "devices x a year / battery life")
    for key, of, each in (
        ("fleet_battery_cost", figures["fleet_batteries"], fleet.battery_replacement_cost),
        ("fleet_electricity_cost", energy, fleet.electricity_price),
    ):
        if each is not None:
            figures[key] = _times(of, each, "times x cost of each")
    if None not in (fleet.battery_replacement_cost, fleet.electricity_price):
        figures["fleet_cost"] = _sum(figures["fleet_battery_cost"], figures["fleet_electricity_cost"], "sum of both")
    return figures


def _value(numbers: tuple[float, float, float], source: Source, how: str) -> Value | None:
    """A figure from its value and both ends; None where it is no number any more."""
    return Value(*numbers, source, how, 1) if all(map(math.isfinite, numbers)) else None


def _exact(number: float, how: str) -> Value | None:
    return _value((number, number, number), Source.DERIVED, how)


def _derived(*sources: Source) -> Source:
    return Source.ESTIMATED if Source.ESTIMATED in sources else Source.DERIVED


def _times(of: Value | None, factor: float, how: str) -> Value | None:
    if of is None:
        return None
    return _value((of.value * factor, of.low * factor, of.high * factor), _derived(of.source), how)


def _over(amount: float, of: Value | None, how: str) -> Value | None:
    """An amount divided by a figure: the longer it lasts, the smaller."""
    if of is None or of.value / 100 <= 0:
        return None
    least = max(of.low, of.value / 100)  # as the battery life itself: nothing lasts for ever
    return _value((amount / of.value, amount / of.high, amount / least), _derived(of.source), how)


def _sum(one: Value | None, other: Value | None, how: str) -> Value | None:
    """Both follow from one power, so that their ends go together."""
    if one is None or other is None:
        return None
    numbers = (one.value + other.value, one.low + other.low, one.high + other.high)
    return _value(numbers, _derived(one.source, other.source), how)
