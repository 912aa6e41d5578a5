"""The energy estimate: its formulas by hand, and never a measurement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.energy_estimate import BAND, PowerModel, energy_metrics
from autoedge.bench.usage import Usage
from autoedge.measurement import Source


def used(seconds: float, cpu_s: float) -> Usage:
    """A stretch of a device with four cores, all whose work is the candidate's."""
    return Usage.of({"cpu_s": cpu_s}, seconds, 4)


def test_by_hand() -> None:
    """10 s at 2 W idle and 5 busy seconds of 4 W for 100 items: 400 mJ gross, 200 mJ net, 4 W; a battery of 1 Wh."""
    metrics = energy_metrics(PowerModel(2.0, 4.0), used(10, 5), items=100, rate=10.0, battery_wh=1.0)
    assert {key: value.value for key, value in metrics.items()} == pytest.approx(
        {"energy_mj": 400, "energy_net_mj": 200, "power_w": 4, "battery_life_h": 1 / (2 + 10 * 0.2)}
    )


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.001, 1e4), st.floats(1e-4, 1e5), st.integers(1, 10**7))
def test_everything_is_an_estimate_with_its_band(
    idle: float, core: float, window: float, cpu: float, items: int
) -> None:
    """Each figure is labelled as estimated, says by how much it may be off, and has the generic band, +/- 50 %."""
    model = PowerModel(idle, core)
    metrics = energy_metrics(model, used(window, cpu), items=items, rate=1.0, battery_wh=10.0)
    for key, value in metrics.items():
        assert value.source is Source.ESTIMATED
        assert value.estimator == "software estimate, generic constants, +/- 50 %"
        if key == "battery_life_h":  # half or one and a half times the power
            assert (value.value / value.low, value.value / value.high) == pytest.approx((1 + BAND, 1 - BAND))
        else:
            assert (value.low / value.value, value.high / value.value) == pytest.approx((1 - BAND, 1 + BAND))
    assert metrics["energy_mj"].value >= metrics["energy_net_mj"].value
    assert metrics["power_w"].value >= idle * (1 - 1e-9)


@pytest.mark.parametrize(("rate", "battery"), [(None, None), (1.0, None), (None, 10.0)])
def test_battery_life_needs_a_rate_and_a_battery(rate: float | None, battery: float | None) -> None:
    """Without either the figure is absent, never made up."""
    metrics = energy_metrics(PowerModel(1, 1), used(1, 1), items=1, rate=rate, battery_wh=battery)
    assert sorted(metrics) == ["energy_mj", "energy_net_mj", "power_w"]


def test_a_device_that_seems_to_draw_nothing_has_no_battery_life() -> None:
    """With no idle power and no processor time seen, energies are zero and the battery life is absent."""
    metrics = energy_metrics(PowerModel(0.0, 4.0), used(1, 0.0), items=5, rate=1.0, battery_wh=1.0)
    assert {key: value.value for key, value in metrics.items()} == {"energy_mj": 0, "energy_net_mj": 0, "power_w": 0}


def test_constants_follow_the_architecture() -> None:
    """Boards on Arm draw less than PCs; an idle power that the user states replaces the generic one, also zero."""
    assert PowerModel.generic("aarch64", None).idle_w < PowerModel.generic("x86_64", None).idle_w
    assert PowerModel.generic("something else", None) == PowerModel.generic("x86_64", None)
    assert PowerModel.generic("aarch64", 0.4).idle_w == 0.4
    assert PowerModel.generic("aarch64", 0.0).idle_w == 0.0
    assert PowerModel.generic("aarch64", 0.4).core_w == PowerModel.generic("aarch64", None).core_w
    assert not PowerModel.generic("aarch64", 0.4).model_id  # rows of earlier releases stay in force
