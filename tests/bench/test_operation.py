"""Power at the workload, and battery, carbon and cost that follow from it, against formulas of their own."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autoedge.bench.energy_estimate import PowerModel, energy_metrics
from autoedge.bench.operation import Operation, operating_figures
from autoedge.bench.usage import Usage
from autoedge.bench.workload_power import AT_RATE, workload_power
from autoedge.intent.operation import Carbon, Fleet
from autoedge.measurement import Source, Value

CARBON = Carbon(400.0, 10.0, 5.0)
FLEET = Fleet(100, 4.5, 0.3, "EUR")
USUAL = st.floats(1e-3, 1e3)
PLAIN_YEAR_H = 8766  # of 365.25 days


def _value(value: float, share: float = 0.1, source: Source = Source.MEASURED) -> Value:
    return Value(value, value * (1 - share), value * (1 + share), source, "test", 6)


@st.composite
def powers(draw: st.DrawFn) -> Value:
    """Any mean power with any interval around it."""
    value, below, above = draw(USUAL), draw(st.floats(0, 1)), draw(st.floats(0, 3))
    return Value(value, value * (1 - below), value * (1 + above), draw(st.sampled_from(Source)), "test", 1)


def test_a_worked_example() -> None:
    """2 W at 2 items a second with 10 Wh, 400 g/kWh and 10 kg in 5 years: every figure as worked out by hand."""
    figures = operating_figures(_value(2.0), None, Operation(2.0, 10.0, CARBON, FLEET))
    expected = {
        "mean_power_w": 2.0,
        "energy_per_item_mj": 1000.0,  # 2 W / (2 / s)
        "battery_life_h": 5.0,  # 10 Wh / 2 W
        "operational_g": 1 / 9000,  # 1 J = 1/3600000 kWh, x 400 g
        "embodied_g": 10_000 / 315_576_000,  # 5 x 31557600 s x 2 / s
        "sci_g": 1 / 9000 + 10_000 / 315_576_000,
        "fleet_energy_kwh": 1753.2,  # 100 x 2 W x 8766 h
        "fleet_carbon_kg": 701.28 + 200.0,  # x 0.4 kg, and 100 x 10 kg / 5
        "fleet_batteries": 175_320.0,  # 100 x 8766 h / 5 h
        "fleet_battery_cost": 788_940.0,
        "fleet_electricity_cost": 525.96,
        "fleet_cost": 789_465.96,
    }
    assert {key: value.value for key, value in figures.items()} == pytest.approx(expected)
    assert figures["battery_life_h"].low == pytest.approx(10 / 2.2)
    assert figures["battery_life_h"].high == pytest.approx(10 / 1.8)
    assert figures["fleet_batteries"].high == pytest.approx(1.1 * 175_320)


@given(power=powers(), rate=USUAL, battery=USUAL, intensity=USUAL, made=USUAL, years=USUAL)
def test_carbon_of_a_year_is_that_of_its_items(
    *, power: Value, rate: float, battery: float, intensity: float, made: float, years: float
) -> None:
    """SCI times the items of a year is the energy of the year times the intensity, and the year's share of making."""
    under = Operation(rate, battery, Carbon(intensity, made, years), Fleet(1))
    figures = operating_figures(power, None, under)
    items = rate * PLAIN_YEAR_H * 3600
    for end in ("value", "low", "high"):
        year_g = getattr(power, end) / 1000 * PLAIN_YEAR_H * intensity + 1000 * made / years
        assert getattr(figures["sci_g"], end) * items == pytest.approx(year_g)
        assert getattr(figures["fleet_carbon_kg"], end) * 1000 == pytest.approx(year_g)
    assert figures["fleet_batteries"].value * battery == pytest.approx(figures["fleet_energy_kwh"].value * 1000)


@given(power=powers(), rate=USUAL, battery=USUAL, more=st.floats(1, 10))
def test_more_power_never_looks_better(power: Value, rate: float, battery: float, more: float) -> None:
    """Of two powers the larger one costs no less in any figure, at the value and at both ends, and lasts no longer."""
    larger = Value(power.value * more, power.low * more, power.high * more, power.source, "test", 1)
    under = Operation(rate, battery, CARBON, FLEET)
    one, other = operating_figures(power, None, under), operating_figures(larger, None, under)
    assert one.keys() == other.keys()
    for key in one:
        for end in ("value", "low", "high"):
            sign = -1 if key == "battery_life_h" else 1
            assert sign * getattr(one[key], end) <= sign * getattr(other[key], end)


@given(power=powers(), rate=USUAL, battery=USUAL)
def test_what_comes_from_an_estimate_is_one(power: Value, rate: float, battery: float) -> None:
    """An estimated power makes estimates of all but the making of a device; a measured one makes derived figures."""
    figures = operating_figures(power, None, Operation(rate, battery, CARBON, FLEET))
    derived = Source.ESTIMATED if power.source is Source.ESTIMATED else Source.DERIVED
    assert figures.pop("mean_power_w") == power
    assert figures.pop("embodied_g").source is Source.DERIVED
    assert {value.source for value in figures.values()} == {derived}


@given(power=powers(), rate=st.floats(1e-308, 1e308), number=st.floats(5e-324, 1e308))
def test_absurd_numbers_leave_figures_out(power: Value, rate: float, number: float) -> None:
    """Whatever finite numbers an intent holds, there are finite figures or none, and no error."""
    fleet = Fleet(10**9, number, number, "EUR")
    figures = operating_figures(power, None, Operation(rate, number, Carbon(number, number, number), fleet))
    assert all(math.isfinite(end) for value in figures.values() for end in (value.low, value.value, value.high))


def test_without_making_and_without_a_battery() -> None:
    """SCI is then that of use alone, and nothing is told of batteries."""
    figures = operating_figures(_value(2.0), None, Operation(2.0, None, Carbon(400.0), Fleet(3)))
    assert figures["sci_g"] == figures["operational_g"]
    assert figures["fleet_carbon_kg"].value == pytest.approx(3 * 2 * 8.766 * 0.4)
    assert not {"embodied_g", "battery_life_h", "fleet_batteries", "fleet_cost"} & figures.keys()


def test_the_battery_life_of_the_result_counts() -> None:
    """Where the result has one, with the interval that constraints were decided on, it is that one."""
    life = _value(4.9, 0.2)
    figures = operating_figures(_value(2.0), life, Operation(2.0, 10.0, None, Fleet(1)))
    assert figures["battery_life_h"] == life
    assert figures["fleet_batteries"].low == pytest.approx(PLAIN_YEAR_H / (4.9 * 1.2))


@pytest.mark.parametrize("values", [(0.0,), (math.inf,), (1.0, 0.0), (1.0, math.nan)])
def test_no_operation(values: tuple[Any, ...]) -> None:
    """A rate and a battery are above zero."""
    with pytest.raises(ValueError, match="but got"):
        Operation(*values)


# -- mean power ---------------------------------------------------------------------------------------------------


def test_the_power_at_the_rate_comes_first() -> None:
    """What was measured at the workload is neither derived nor estimated again."""
    measured = _value(0.5)
    metrics = {"power_at_rate_w": measured, "power_w": _value(4.0), "energy_net_mj": _value(30.0)}
    power = workload_power(metrics, None, 2.0, 10.0)
    assert power is not None
    assert (power.value, power.low, power.high) == (measured.value, measured.low, measured.high)
    assert (power.source, power.estimator) == (Source.MEASURED, AT_RATE)


@given(
    idle=st.floats(0.01, 10), core=st.floats(0.01, 10), cores=st.floats(0.01, 4), rate=USUAL, seconds=st.floats(0.1, 10)
)
def test_an_estimate_agrees_with_its_battery_life(
    idle: float, core: float, cores: float, rate: float, seconds: float
) -> None:
    """With and without a battery the power is the one that the estimated battery life rests on, band and all."""
    usage = Usage(seconds, cores, 0.5, 0.5)
    assume(rate * seconds / 10 < 1e3)
    metrics = energy_metrics(PowerModel(idle, core), usage, items=10, rate=rate, battery_wh=10.0)
    known = workload_power(metrics, None, rate, 10.0)
    bare = workload_power({key: one for key, one in metrics.items() if key != "battery_life_h"}, None, rate, None)
    assert known is not None
    assert bare is not None
    assert known.source is bare.source is Source.ESTIMATED
    expected = idle + rate * core * cores * seconds / 10
    for power in (known, bare):
        assert power.value == pytest.approx(expected)
        assert power.low == pytest.approx(0.5 * expected)
        assert power.high == pytest.approx(1.5 * expected)


def test_measured_idle_and_net() -> None:
    """Without a battery the meter's idle stretches count, and its offset is added to what they may be off by."""
    metrics = {"power_w": _value(4.0, 0.01), "energy_net_mj": _value(100.0, 0.05)}
    facts = {"idle_w": {"bare": 0.1, "loaded": 0.9, "end": 1.1}, "meter": {"offset_w": 0.03}}
    power = workload_power(metrics, facts, 2.0, None)
    assert power is not None
    assert power.source is Source.DERIVED
    assert power.value == pytest.approx(1.0 + 0.2)
    half = math.hypot(0.01 * 1.0, 2 * 0.03 / math.sqrt(3)) + 2 * 0.005
    assert (power.low, power.high) == (pytest.approx(1.2 - half), pytest.approx(1.2 + half))


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"power_w": _value(1.0), "energy_mj": _value(1.0)},
        {"energy_net_mj": _value(1.0)},
        {"power_w": _value(0.0), "energy_mj": _value(0.0), "energy_net_mj": _value(0.0)},
        {"power_at_rate_w": Value(-0.1, -0.2, 0.1, Source.MEASURED, "", 1)},
    ],
)
def test_no_power(metrics: dict[str, Value]) -> None:
    """Figures that do not tell it, or tell that a device draws nothing, give none."""
    assert workload_power(metrics, None, 2.0, 10.0) is None
