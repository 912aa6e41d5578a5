"""Carbon and fleet in an intent: what they mean, and what is told when they cannot be meant."""

# ruff: noqa: E501 - a problem is one line

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.intent.money import amount, price_a_kwh
from autoedge.intent.operation import Carbon, Fleet
from autoedge.intent.problem import RuleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.resolved import Intent

    Load = Callable[[str], Intent]
    Find = Callable[[str], list[str]]

NEEDED = "workload: {rate: 2 / s}\nbattery: {capacity: 10 Wh}\n"


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("carbon: {intensity: 380 g / kWh}", "carbon", Carbon(380.0)),
        ("carbon: {intensity: 0.38 kg/kWh, embodied: 12 kg, lifetime: 5 years}", "carbon", Carbon(380.0, 12.0, 5.0)),
        ("carbon: {intensity: 0 g / kWh, embodied: 900 g, lifetime: 1461 d}", "carbon", Carbon(0.0, 0.9, 4.0)),
        ("carbon: {intensity: 380 kg / MWh, embodied: 0 kg, lifetime: 1 year}", "carbon", Carbon(380.0, 0.0, 1.0)),
        ("fleet: {devices: 500}", "fleet", Fleet(500)),
        ("fleet: {devices: 1, battery_replacement_cost: 4.50 EUR}", "fleet", Fleet(1, 4.5, None, "EUR")),
        ("fleet: {devices: 1, electricity_price: 320 CHF / MWh}", "fleet", Fleet(1, None, 0.32, "CHF")),
        (
            "fleet: {devices: 9, battery_replacement_cost: 0 JPY, electricity_price: 31 JPY/kWh}",
            "fleet",
            Fleet(9, 0.0, 31.0, "JPY"),
        ),
        ("carbon:\nfleet:", "carbon", None),
    ],
)
def test_sections(load: Load, minimal: str, line: str, field: str, expected: object) -> None:
    """Each reads to canonical units; one with nothing in it counts as left out."""
    assert getattr(load(f"{minimal}{NEEDED}{line}\n"), field) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("carbon: {}", "carbon: intensity is required"),
        ("carbon: 380 g / kWh", "carbon: takes a mapping, but got 380 g / kWh"),
        ("carbon: {intensty: 380 g / kWh}", "carbon: unknown key intensty; did you mean intensity?"),
        (
            "carbon: {intensity: 380}",
            "carbon.intensity: takes a mass of CO2 equivalent for each energy with its unit, but got 380; write 380 g / kWh",
        ),
        (
            "carbon: {intensity: 380 g / kwh}",
            "carbon.intensity: takes a mass of CO2 equivalent for each energy, but got 380 g / kwh; g/kwh is no unit, did you mean g / kWh?",
        ),
        (
            "carbon: {intensity: 380 kWh}",
            "carbon.intensity: takes a mass of CO2 equivalent for each energy, but got 380 kWh",
        ),
        ("carbon: {intensity: -1 g / kWh}", "carbon.intensity: takes zero or more, but got -1 g / kWh"),
        (
            "carbon: {intensity: 1 g / kWh, embodied: 12 kWh, lifetime: 5 years}",
            "carbon.embodied: takes a mass of CO2 equivalent, but got 12 kWh",
        ),
        (
            "carbon: {intensity: 1 g / kWh, embodied: 12 kg, lifetime: 0 years}",
            "carbon.lifetime: takes more than zero, but got 0 years",
        ),
        (
            "carbon: {intensity: 1 g / kWh, embodied: 12 kg}",
            "carbon: embodied needs lifetime; add lifetime: 5 years",
        ),
        (
            "carbon: {intensity: 1 g / kWh, lifetime: 5 years}",
            "carbon: lifetime needs embodied; add embodied: 12 kg",
        ),
        (
            "carbon: {intensity: 1 g / kWh, embodied: 12 kg, lifetme: 5 years}",
            "carbon: unknown key lifetme; did you mean lifetime?",
        ),
        ("fleet: {}", "fleet: devices is required"),
        ("fleet: {devices: 0}", "fleet.devices: takes a number of at least 1, but got 0"),
        ("fleet: {devices: 1.5}", "fleet.devices: takes a whole number, but got 1.5"),
        ("fleet: {devices: 1, device: 2}", "fleet: unknown key device; did you mean devices?"),
        (
            "fleet: {devices: 1, battery_replacement_cost: 4.50}",
            "fleet.battery_replacement_cost: takes an amount of money such as 4.50 EUR, but got 4.5; a currency is three capital letters",
        ),
        (
            "fleet: {devices: 1, battery_replacement_cost: 4.50 €}",
            "fleet.battery_replacement_cost: takes an amount of money such as 4.50 EUR, but got 4.50 €; a currency is three capital letters",
        ),
        (
            "fleet: {devices: 1, battery_replacement_cost: '-4 EUR'}",
            "fleet.battery_replacement_cost: takes zero or more, but got -4 EUR",
        ),
        (
            "fleet: {devices: 1, electricity_price: 0.32 EUR}",
            "fleet.electricity_price: takes a price of energy such as 0.32 EUR / kWh, but got 0.32 EUR",
        ),
        (
            "fleet: {devices: 1, electricity_price: '0,32 EUR / kWh'}",
            "fleet.electricity_price: takes a number with a decimal point, but got 0,32 EUR / kWh",
        ),
        (
            "fleet: {devices: 1, battery_replacement_cost: 1 EUR, electricity_price: 1 USD / kWh}",
            "fleet: all costs are in one currency, but got EUR and USD",
        ),
    ],
)
def test_bad_sections(problems: Find, minimal: str, line: str, expected: str) -> None:
    """One thing wrong is one problem: line, place, rule, value and the nearest known word."""
    assert problems(f"{minimal}{NEEDED}{line}\n") == [f"intent.yaml:7 {expected}"]


def test_what_they_need(problems: Find, minimal: str) -> None:
    """Both need the workload's rate, and a battery's cost a battery; all of it is told at once with what to add."""
    carbon = "carbon: {intensity: 380 g / kWh}\n"
    fleet = "fleet: {devices: 5, battery_replacement_cost: 1 EUR}\n"
    assert problems(minimal + carbon + fleet) == [
        "intent.yaml:5 carbon: carbon needs workload.rate; add workload: {rate: 2 / s}",
        "intent.yaml:6 fleet: fleet needs workload.rate; add workload: {rate: 2 / s}",
        "intent.yaml:6 fleet.battery_replacement_cost: battery_replacement_cost needs battery; add battery: {capacity: 10 Wh}",
    ]


def test_a_wrong_neighbour_is_told_alone(problems: Find, minimal: str) -> None:
    """Where rate or battery are there but wrong, they are not told to be missing as well."""
    lines = "workload: {rte: 2 / s}\nbattery: {capacity: 10}\nfleet: {devices: 5, battery_replacement_cost: 1 EUR}\n"
    assert len(problems(minimal + lines)) == 2


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Carbon, (-1.0,)),
        (Carbon, (float("inf"),)),
        (Carbon, (1.0, 1.0, None)),
        (Carbon, (1.0, None, 1.0)),
        (Carbon, (1.0, 1.0, 0.0)),
        (Fleet, (0,)),
        (Fleet, (1.5,)),
        (Fleet, (1, 1.0)),
        (Fleet, (1, None, None, "EUR")),
        (Fleet, (1, 1.0, None, "<b>")),
        (Fleet, (1, float("nan"), None, "EUR")),
    ],
)
def test_what_means_nothing_cannot_be_made(kind: type, values: tuple[Any, ...]) -> None:
    """The message states the rule and the value."""
    with pytest.raises(ValueError, match=r"but got"):
        kind(*values)


@given(text=st.text(max_size=30) | st.from_regex(r"[-+.0-9e]{0,6} ?[A-Za-z€$/ ]{0,9}", fullmatch=True))
def test_any_text_is_money_or_refused(text: str) -> None:
    """Whatever the text, the answer is an amount of at least zero with its currency, or a rule in printable words."""
    for read in (amount, price_a_kwh):
        number, currency, message = 0.0, "NONE", ""
        try:
            number, currency = read(text)
        except RuleError as error:
            message = str(error)
        assert number >= 0
        assert currency.isupper()
        assert message.isprintable()
