"""Battery, carbon and cost in words: figures side by side, and each formula with its numbers filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.report.figures import ESTIMATE, NONE, estimated, number, plural, span, with_unit
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Document = Mapping[str, Any]
    Figure = Mapping[str, Any]

_MASSES = (("t", 1e6), ("kg", 1e3), ("g", 1.0), ("mg", 1e-3), ("µg", 1e-6), ("ng", 1e-9))
_ENERGIES = (("kJ", 1e6), ("J", 1e3), ("mJ", 1.0))
_CO2 = "CO2eq"
_TIMES = " \N{MULTIPLICATION SIGN} "
_UNITS = {"mean_power_w": "W", "battery_life_h": "h", "fleet_energy_kwh": "kWh", "fleet_carbon_kg": f"kg {_CO2}"}
# Title, formula in words, and with places for its numbers.
_FORMULAS = {
    "mean_power_w": ("mean power P", "idle + rate x net energy per item", "{idle} + {rate} x {net}"),
    "battery_life_h": ("battery life", "usable energy / P", "{battery} / {mean_power_w}"),
    "energy_per_item_mj": ("energy per item E", "P / rate", "{mean_power_w} / ({rate})"),
    "operational_g": ("carbon of use per item", "E x I", "{energy_per_item_mj} x {intensity}"),
    "embodied_g": (
        *("carbon of making per item M", "embodied / (lifetime x rate)"),
        "{embodied} / ({lifetime} x {rate})",
    ),
    "sci_g": ("SCI per item", "(E x I + M) / R", "({energy_per_item_mj} x {intensity} + {embodied_g}) / 1 item"),
    "fleet_energy_kwh": ("fleet: energy a year", "devices x P x a year", "{devices} x {mean_power_w} x 8766 h"),
    "fleet_carbon_kg": (
        *("fleet: carbon a year", "energy x I + devices x embodied / lifetime"),
        "{fleet_energy_kwh} x {intensity} + {devices} x {embodied} / {lifetime}",
    ),
    "fleet_batteries": (
        *("fleet: empty batteries a year", "devices x a year / battery life"),
        "{devices} x 8766 h / {battery_life_h}",
    ),
    "fleet_battery_cost": (
        *("fleet: batteries, cost a year", "empty batteries x cost of each"),
        "{fleet_batteries} x {replacement}",
    ),
    "fleet_electricity_cost": ("fleet: electricity, cost a year", "energy x price", "{fleet_energy_kwh} x {price}"),
    "fleet_cost": ("fleet: cost a year", "batteries + electricity", "{fleet_battery_cost} + {fleet_electricity_cost}"),
}
# Where the intent does not say what making a device emitted.
_WITHOUT_MAKING = {
    "sci_g": ("SCI per item", "(E x I + M) / R, M not given", "{energy_per_item_mj} x {intensity} / 1 item"),
    "fleet_carbon_kg": ("fleet: carbon a year", "energy x I", "{fleet_energy_kwh} x {intensity}"),
}
_MEASURED = ("mean power P", "measured while items arrived at the rate", "")


@dataclass(frozen=True)
class Line:
    """One figure of the chosen candidate and the reference.

    Attributes:
        title: What it is.
        chosen: Text and interval, without the mark of an estimate.
        reference: Likewise; both empty where there is none.
        estimates: Whether each is an estimate.
        formula: How the chosen one's came about, with its numbers; estimates among them are marked.
    """

    title: str
    chosen: tuple[str, str]
    reference: tuple[str, str]
    estimates: tuple[bool, bool]
    formula: str


def operation_lines(document: Document) -> list[Line]:
    """A line for each figure of the chosen candidate, in the order in which they follow from one another."""
    told = document["operation"]
    ours, theirs = told["chosen"], told["reference"]
    units = {key: _unit(key, told) for key in ours}
    terms = _terms(told, document["verdict"]["chosen"]["metrics"], units)
    lines = []
    for key in (key for key in _FORMULAS if key in ours):
        title, words, places = _formula(key, document)
        numbers = places.replace(" x ", _TIMES).format_map(terms)
        lines.append(
            Line(
                title,
                _written(ours[key], units[key]),
                _written(theirs.get(key), units[key]),
                (estimated(ours[key]), key in theirs and estimated(theirs[key])),
                " = ".join(part for part in (words.replace(" x ", _TIMES), numbers) if part),
            )
        )
    return lines


def operation_words(document: Document) -> str:
    """Under what the figures hold: rate, battery, intensity, devices."""
    told = document["operation"]
    terms = _terms(told, {}, {})
    parts = [f"items arrive at {terms['rate']}"]
    parts += [f"usable battery {terms['battery']}"] if told["battery_wh"] is not None else []
    parts += [f"electricity I of {terms['intensity']}"] if told["carbon"] else []
    parts += [f"fleet of {terms['devices']}"] if told["fleet"] else []
    return ", ".join(parts)


def _formula(key: str, document: Document) -> tuple[str, str, str]:
    carbon, metrics = document["operation"]["carbon"], document["verdict"]["chosen"]["metrics"]
    if key == "mean_power_w" and "power_at_rate_w" in metrics:
        return _MEASURED
    if key == "mean_power_w" and "energy_net_mj" not in metrics:
        return (*_FORMULAS[key][:2], "")
    if carbon and carbon["embodied_kg"] is None and key in _WITHOUT_MAKING:
        return _WITHOUT_MAKING[key]
    return _FORMULAS[key]


def _terms(told: Mapping[str, Any], metrics: Mapping[str, Figure], units: Mapping[str, Any]) -> dict[str, str]:
    """What stands for each place of a formula; a dash for what is not known and in no formula that is shown."""
    carbon, fleet = told["carbon"] or {}, told["fleet"] or {}
    currency = printable(fleet.get("currency", ""), 12)
    terms = {key: _marked(_written(told["chosen"][key], unit)[0], told["chosen"][key]) for key, unit in units.items()}
    net = metrics.get("energy_net_mj")
    if net is not None and "mean_power_w" in units:
        power = told["chosen"]["mean_power_w"]
        terms["net"] = _marked(f"{number(net['value'])} mJ", net)
        terms["idle"] = _marked(f"{number(power['value'] - told['rate'] * net['value'] / 1e3)} W", power)
    return {
        **dict.fromkeys(_FORMULAS, NONE),
        "rate": _number(told["rate"], "/ s"),
        "battery": _number(told["battery_wh"], "Wh"),
        "intensity": _number(carbon.get("intensity_g_per_kwh"), f"g {_CO2} / kWh"),
        "embodied": _number(carbon.get("embodied_kg"), f"kg {_CO2}"),
        "lifetime": _number(carbon.get("lifetime_years"), "years"),
        "devices": plural(fleet.get("devices", 0), "device"),
        "replacement": _number(fleet.get("battery_replacement_cost"), currency),
        "price": _number(fleet.get("electricity_price"), f"{currency} / kWh"),
        **terms,
    }


def _unit(key: str, told: Mapping[str, Any]) -> tuple[str, float]:
    """Name and size of the unit that suits a figure of both candidates."""
    sides = (told["chosen"], told["reference"])
    if key == "energy_per_item_mj":
        return _scaled([side[key]["value"] for side in sides if key in side], _ENERGIES)
    if key in ("operational_g", "embodied_g", "sci_g"):
        name, size = _scaled([side["sci_g"]["value"] for side in sides if "sci_g" in side], _MASSES)
        return f"{name} {_CO2}", size
    if key.endswith("_cost"):
        return printable(told["fleet"]["currency"], 12), 1.0
    return _UNITS.get(key, ""), 1.0


def _scaled(values: Iterable[float], units: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """The largest unit that the greatest value has at least one of, else the smallest."""
    greatest = max(values, default=0.0)
    return next((unit for unit in units if greatest >= unit[1]), units[-1])


def _written(figure: Figure | None, unit: tuple[str, float]) -> tuple[str, str]:
    """A figure with its unit, and its interval; empty where there is none."""
    if figure is None:
        return "", ""
    name, size = unit
    ends = span(figure["low"], figure["high"], lambda end, digits: number(end / size, digits))
    return with_unit(number(figure["value"] / size), name), ends


def _number(value: float | None, unit: str) -> str:
    """A number of the intent, which is exact."""
    return "" if value is None else f"{value:.6g} {unit}"


def _marked(text: str, figure: Figure) -> str:
    return f"{ESTIMATE}{text}" if estimated(figure) else text
