"""Calibrated power models: they find what is of their form, and their stated error covers what is not."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from autoedge.agent.load import KERNELS
from autoedge.bench.energy_estimate import BAND
from autoedge.bench.loads import IDLE, Load, LoadPower, calibration_loads
from autoedge.bench.power_fit import FittedPower, fit_power
from autoedge.bench.usage import Usage
from autoedge.errors import MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.testing.simulated_device import OTHER, Character, SimulatedDevice

SPEC = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004)
SHARES = (0.25, 0.5, 1.0)


def linear(idle: float = 2.0, work: float = 4.0, spread: float = 0.0) -> list[LoadPower]:
    """Loads of a device that is linear; kinds of work lie up to ``spread`` apart."""
    factors = np.linspace(1 - spread, 1 + spread, len(KERNELS))
    loads = [LoadPower(IDLE, 0.0, 1.0, idle + step, 0.001) for step in (-0.01, 0.0, 0.01)]
    for (kind, factor), share in product(zip(KERNELS, factors, strict=True), SHARES):
        loads.append(LoadPower(Load(kind, 4, share), share, 1.0, idle + work * share * factor, 0.001))
    return loads


def at(busy: float, own: float | None = None, clock: float = 1.0) -> Usage:
    """A second of a device with four cores."""
    return Usage(1.0, 4 * busy, busy, busy if own is None else own, clock)


def test_a_linear_device_is_found() -> None:
    """Where power is of the form, the fit is right to a thousandth and states little more than the meter."""
    model = fit_power(linear(), SPEC, "2026-01-02")
    for share in (0.0, 0.1, 0.4, 1.0):
        assert model.gross(at(share)).value == pytest.approx(2 + 4 * share, rel=2e-3)
        assert model.net(at(share)).value == pytest.approx(4 * share, rel=1e-2, abs=1e-9)
    assert model.work_error < 0.01
    assert model.origin == "calibrated 2026-01-02 with um25c at board-input"


def test_net_is_the_candidates_own() -> None:
    """Net power follows the candidate's time alone, gross everybody's."""
    model = fit_power(linear(), SPEC, "2026-01-02")
    assert model.net(at(0.9, own=0.25)).value == pytest.approx(1.0, rel=1e-2)
    assert model.gross(at(0.9, own=0.25)).value == pytest.approx(5.6, rel=1e-2)
    assert model.net(at(0.9, own=0.0)).value == 0.0


def test_never_surer_than_the_meter() -> None:
    """A coarse meter's own limits are in the stated error whatever the fit; of net its offset is not."""
    coarse = replace(SPEC, gain=0.1, offset_w=0.5)
    model = fit_power(linear(), coarse, "2026-01-02")
    gross, net = model.gross(at(0.5)), model.net(at(0.5))
    assert gross.error >= 2 / math.sqrt(3) * math.hypot(0.1 * gross.value, 0.5)
    assert 2 / math.sqrt(3) * 0.1 * net.value <= net.error < gross.error


def test_unlike_kinds_widen_the_error() -> None:
    """The more kinds of work differ, the more is stated, and at least what they really differ by."""
    model = fit_power(linear(spread=0.2), SPEC, "2026-01-02")
    assert 0.2 < model.work_error < 0.6
    assert model.gross(at(0.0)).error < 0.1 * model.gross(at(1.0)).error


def test_clocks_count_where_they_move() -> None:
    """A device whose power falls with its clock is told so; one clock alone gives no such terms."""
    loads = [
        replace(one, clock=clock, power_w=one.power_w if one.load.idle else 2 + (one.power_w - 2) * clock**3)
        for place, one in enumerate(linear())
        for clock in ((1.0, 0.6)[place % 2],)
    ]
    model = fit_power(loads, SPEC, "2026-01-02")
    assert model.gross(at(1.0, clock=1.0)).value == pytest.approx(6.0, rel=0.05)
    assert model.gross(at(1.0, clock=0.6)).value == pytest.approx(2 + 4 * 0.6**3, rel=0.1)
    assert not {"clock", "cubed"} & fit_power(linear(), SPEC, "2026-01-02").weights.keys()


def test_beyond_what_was_fitted_the_generic_band_holds() -> None:
    """A use far above every load of the calibration is an extrapolation, and says so by its error."""
    model = fit_power([one for one in linear() if one.busy <= 0.5], SPEC, "2026-01-02")
    assert model.gross(at(0.5)).error < 0.1 * model.gross(at(0.5)).value
    assert model.gross(at(1.0)).error >= BAND * model.gross(at(1.0)).value


def test_round_trip_and_identity() -> None:
    """A model survives JSON; another model has another id."""
    model = fit_power(linear(), SPEC, "2026-01-02")
    assert FittedPower.from_json(json.loads(json.dumps(model.to_json()))) == model
    assert model.model_id != fit_power(linear(idle=2.1), SPEC, "2026-01-02").model_id
    with pytest.raises(ValueError, match="not negative"):
        FittedPower.from_json({**model.to_json(), "work_error": -1})
    with pytest.raises(ValueError, match="terms are of"):
        FittedPower.from_json({**model.to_json(), "weights": {"idle": 1.0, "moon": 2.0}})


def test_too_little_to_fit() -> None:
    """Refused loads are left out, and what is left must do; the message says why they were refused."""
    loads = [replace(one, refused="the window is too short") if not one.load.idle else one for one in linear()]
    with pytest.raises(MeterError, match="3 of 21 loads can be used \\(the window is too short\\)"):
        fit_power(loads, SPEC, "2026-01-02")


def test_a_meter_on_another_supply_is_told() -> None:
    """A meter that sees nothing of the work is no calibration."""
    loads = [replace(one, power_w=2.0) for one in linear()]
    with pytest.raises(MeterError, match="does it sit on this device's supply"):
        fit_power(loads, SPEC, "2026-01-02")


def test_the_stated_error_covers_fresh_work() -> None:
    """On devices that saturate, warm up, lag and are noisy, new kinds of work on other days lie within the error.

    The first fresh load of each device is an independent trial; the benchmark does it with a hundred devices.
    """
    first, everyone, bands = [], [], []
    for seed in range(30):
        dice = np.random.default_rng(seed)
        device = SimulatedDevice(Character.drawn(dice), SPEC, dice)
        device.rest(30)
        loads = [device.measured(load).load for load in calibration_loads(device.character.cores, seed=seed)]
        model, known = fit_power(loads, SPEC, "2026-01-02"), device.character
        covered = []
        for _ in range(5):
            device.character = known.another_day(dice)
            told = device.measured(Load(OTHER, int(dice.integers(1, known.cores + 1)), float(dice.uniform(0.4, 1.0))))
            found = model.gross(told.load.usage)
            covered.append(abs(found.value - told.power_w) <= found.error)
        first.append(covered[0])
        everyone += covered
        bands.append(model.band)
    assert np.median(bands) < BAND  # it says something
    assert np.mean(first) >= 0.9
    assert np.mean(everyone) >= 0.9
