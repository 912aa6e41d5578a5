"""The energy of a window: three ways to it, its budget, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.bench.energy import window_energy
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Counts, Trace
from autoedge.testing.profile import Lagged, Recorded, Step

FAST = MeterSpec("fast", "board-input", 1e-3, 0.0, 1e-6, 0.0, 0.0)
SLOW = MeterSpec("slow", "board-input", 0.1, 0.5, 1e-4, 0.01, 1e-3)


def recorded(profile: Any, spec: MeterSpec, start: float, end: float, **other: Any) -> Trace:
    """What a meter of this spec, with a first-order lag of a third of its settling time, shows of a profile."""
    time = np.arange(start, end, spec.update_period_s)
    shown = Lagged(profile, spec.settling_s / 3) if spec.settling_s else profile
    return Trace(time, shown.power_w(time), spec=spec, **other)


def test_bins_of_an_energy_monitor() -> None:
    """10,000 bins of 5 uJ per ms between two edges: 50 mJ, 5 mW over 10 s, 714.29 uJ for each of 70 inferences."""
    spec = replace(FAST, energy_resolution_j=1e-9)
    edges = np.arange(12_001) * 1e-3
    trace = Trace(edges, np.full(12_001, 5e-3), energy_j=np.arange(12_001) * 5000e-9, spec=spec)
    found = window_energy(trace, 1.0, 11.0)
    assert found.method == "counter"
    assert found.energy_j * 1e3 == pytest.approx(50.0)
    assert found.mean_power_w * 1e3 == pytest.approx(5.0)
    assert found.energy_j / 70 * 1e6 == pytest.approx(714.29, abs=0.005)
    assert not found.refused


def test_lag_is_trimmed() -> None:
    """A lag of 0.5/3 s takes 1.667 % of the net energy of 10 s when integrated untrimmed, less than 0.1 % trimmed."""
    step = Step(2.7, 6.4, 5.0)
    trace = recorded(step, replace(SLOW, update_period_s=0.01), 0.0, 25.0)
    untrimmed = window_energy(replace(trace, spec=replace(trace.spec, settling_s=0.0)), 5.0, 15.0)
    assert untrimmed.method == "trapezoid"
    assert untrimmed.energy_j - 27.0 == pytest.approx(36.383, abs=0.02)
    trimmed = window_energy(trace, 5.0, 15.0)
    assert trimmed.method == "settled mean"
    assert trimmed.energy_j - 27.0 == pytest.approx(37.0, rel=1e-3)


def test_edges_are_interpolated() -> None:
    """The trapezoid of a straight line is exact wherever the edges lie between samples."""
    time = np.arange(0.0, 30.0, 0.01)
    trace = Trace(time, 2.0 + 0.1 * time, spec=replace(FAST, update_period_s=0.01))
    found = window_energy(trace, 5.003, 17.008)
    assert found.method == "trapezoid"
    assert found.energy_j == pytest.approx(2 * 12.005 + 0.05 * (17.008**2 - 5.003**2), rel=1e-9)


@pytest.mark.parametrize(("step_j", "method"), [(3.6, "settled mean"), (0.036, "counter")])
def test_a_coarse_counter_is_not_used(step_j: float, method: str) -> None:
    """The counter is read where its step is at most 1 % of the energy, otherwise the power is averaged."""
    time = np.arange(0.0, 40.0, 0.1)
    counter = np.floor(4.0 * time / step_j) * step_j
    trace = Trace(time, np.full(400, 4.0), energy_j=counter, spec=replace(SLOW, energy_resolution_j=step_j))
    found = window_energy(trace, 5.0, 35.0)
    assert found.method == method
    assert abs(found.energy_j - 120.0) <= found.uncertainty_j
    assert not found.refused


def test_a_counter_that_fell_is_not_used() -> None:
    """A counter that was reset while recording says nothing; the power does."""
    time = np.arange(0.0, 40.0, 0.1)
    counter = np.where(time < 20, 4 * time, 4 * (time - 20))
    trace = Trace(time, np.full(400, 4.0), energy_j=counter, spec=replace(SLOW, energy_resolution_j=1e-3))
    assert window_energy(trace, 5.0, 35.0).method == "settled mean"


def test_the_budget_by_hand() -> None:
    """Gain and offset are rectangular limits, steps are evenly spread; U is twice the root of their squares."""
    trace = recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 40.0)
    found = window_energy(trace, 5.0, 35.0)
    expected = {"gain": 0.01 * 120 / 3**0.5, "offset": 1e-3 * 30 / 3**0.5, "quantisation": 1e-4 * 30 / 12**0.5}
    assert {name: found.parts[name] for name in expected} == pytest.approx(expected)
    assert found.parts["noise"] == pytest.approx(0, abs=1e-9)
    assert found.uncertainty_j == pytest.approx(2 * math.hypot(*expected.values()), rel=1e-6)


def test_more_samples_do_not_reduce_the_instrument() -> None:
    """Ten times the rate leaves gain, offset and steps as they are, and reduces independent noise by sqrt(10)."""
    dice = np.random.default_rng(0)
    found = []
    for period in (0.1, 0.01):
        time = np.arange(0.0, 40.0, period)
        noisy = Trace(time, 4 + dice.normal(0, 0.1, time.size), spec=replace(SLOW, update_period_s=period))
        found.append(window_energy(noisy, 5.0, 35.0).parts)
    for name in ("gain", "offset", "quantisation"):
        assert found[0][name] == pytest.approx(found[1][name], rel=0.01)
    assert found[0]["noise"] / found[1]["noise"] == pytest.approx(10**0.5, rel=0.4)


def test_repeats_are_not_independent() -> None:
    """A 2 Hz meter asked ten times a second is worth what its own updates are, not what the questions are."""
    dice = np.random.default_rng(1)
    values = np.repeat(4 + dice.normal(0, 0.2, 80), 5)
    spec = replace(SLOW, update_period_s=0.5)
    found = window_energy(Trace(np.arange(400) * 0.1, values, spec=spec), 5.0, 35.0)
    assert found.n > 250
    assert found.n_eff <= 59


@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.8]))
@settings(max_examples=20, deadline=None)
def test_dependent_noise_widens_the_interval(seed: int, rho: float) -> None:
    """Noise that follows itself makes the noise part larger than its spread over sqrt(n)."""
    dice = np.random.default_rng(seed)
    noise = np.zeros(600)
    for index in range(1, 600):
        noise[index] = rho * noise[index - 1] + dice.normal(0, 0.02)
    found = window_energy(Trace(np.arange(600) * 0.1, 4 + noise, spec=SLOW), 5.0, 55.0)
    assert found.parts["noise"] / 50 > noise.std() / math.sqrt(found.n) * (1.0 if rho == 0.3 else 1.6)


def test_a_fast_meter_resolves_bursts() -> None:
    """Bursts of work, half of the time, cost a fast meter next to nothing in uncertainty."""
    time = np.arange(0.0, 30.0, 1e-3)
    power = np.where(time % 1.0 < 0.5, 6.0, 2.0)
    found = window_energy(Trace(time, power, spec=FAST), 5.0, 25.0)
    assert found.energy_j == pytest.approx(80.0, rel=1e-3)
    assert not found.refused
    assert found.uncertainty_j < 0.01 * found.energy_j


def test_a_shift_of_the_load() -> None:
    """A slow meter answers for a change of the load that it may have missed, and is refused when it is too much."""
    shifted = recorded(Step(4.0, 4.4, 60.0), SLOW, 0.0, 130.0)
    long = window_energy(shifted, 5.0, 125.0)
    assert not long.refused
    assert long.parts["unsteady"] > 0.1
    assert abs(long.energy_j - (55 * 4.0 + 65 * 4.4)) <= long.uncertainty_j
    short = window_energy(recorded(Step(4.0, 6.0, 15.0), SLOW, 0.0, 30.0), 5.0, 25.0)
    assert "not steady" in short.refused


def refusal(trace: Trace, start: float = 5.0, end: float = 35.0, **other: Any) -> str:
    """Why a window was refused."""
    return window_energy(trace, start, end, **other).refused


def test_short_windows_are_refused() -> None:
    """The shortest window is 10 s or 20 updates, with the settling of both ends and the clocks on top."""
    trace = recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 60.0)
    assert not refusal(trace, 5.0, 16.0)
    assert "too short: 10.90 s, and slow takes 11.0 s" in refusal(trace, 5.0, 15.9)
    assert "takes 11.4 s" in refusal(trace, 5.0, 16.0, clock_s=0.2)
    rare = recorded(Step(4.0, 4.0, 0.0), replace(SLOW, update_period_s=1.0), 0.0, 60.0)
    assert "takes 21.0 s" in refusal(rare, 5.0, 25.0)


def test_small_loads_are_refused() -> None:
    """A step of the meter of more than 1 % of the load is refused, and so is a load that is not to be seen."""
    assert "steps of 0.0001 W" in refusal(recorded(Step(0.009, 0.009, 0.0), SLOW, 0.0, 40.0))
    assert not refusal(recorded(Step(0.011, 0.011, 0.0), SLOW, 0.0, 40.0))
    assert "shows no power" in refusal(recorded(Step(0.0, 0.0, 0.0), SLOW, 0.0, 40.0))


def test_overloads_are_refused() -> None:
    """A recording that touched the end of the range has lost energy that nobody knows."""
    trace = recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 40.0, counts=Counts(overloads=2))
    assert "2 values lay beyond the range of slow" in refusal(trace)


def test_missing_samples_are_refused() -> None:
    """A stream may miss 0.1 % of its samples, marked or not; a meter that is asked may leave a tenth of the window."""
    time = np.arange(0.0, 40.0, 1e-3)
    power = np.full(time.size, 4.0)
    power[10_000:10_020] = np.nan
    assert not refusal(Trace(time, power, spec=FAST))
    power[10_000:10_040] = np.nan
    assert "40 of 30001 samples are missing" in refusal(Trace(time, power, spec=FAST))
    there = np.isfinite(power)
    assert "samples are missing" in refusal(Trace(time[there], power[there], spec=FAST))
    slow = recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 40.0)
    for seconds, refused in ((2.5, False), (4.0, True)):
        kept = (slow.time_s < 15) | (slow.time_s > 15 + seconds)
        assert ("hold no values" in refusal(Trace(slow.time_s[kept], slow.power_w[kept], spec=SLOW))) is refused


def test_a_summed_stream_is_no_better_than_the_stream() -> None:
    """A counter made of values that an instrument sends does not hide those that were lost; a real one needs none."""
    time = np.arange(0.0, 40.0, 1e-3)
    power = np.full(time.size, 4.0)
    spec, energy = replace(FAST, energy_resolution_j=1e-6), 4.0 * time
    power[10_000:10_040] = np.nan
    assert "samples are missing" in refusal(Trace(time, power, energy_j=energy, spec=spec))
    there = np.isfinite(power)
    assert not refusal(Trace(time[there], power[there], energy_j=energy[there], spec=spec))


def test_a_counter_is_carried_on_to_both_edges() -> None:
    """What lies before a counter's first reading and after its last one is not left out."""
    time = np.arange(0.0, 40.0, 0.5)
    spec = MeterSpec("count", "board-input", 0.5, 0.5, 1e-3, 0.0, 0.0, energy_resolution_j=1e-3)
    whole = Trace(time, np.full(time.size, 5.0), energy_j=5.0 * time, spec=spec)
    found = window_energy(whole.between(11.4, 21.6), 10.0, 22.0)
    assert found.method == "counter"
    assert found.energy_j == pytest.approx(60.0)
    assert found.uncertainty_j > window_energy(whole, 10.0, 22.0).uncertainty_j


def test_lost_meters_are_refused() -> None:
    """A meter that was lost within the window is named with its reason; one lost after it does not matter."""
    trace = recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 20.0, lost="/dev/ttyACM0: the meter is gone")
    assert "lost (/dev/ttyACM0: the meter is gone)" in refusal(trace)
    assert not refusal(trace, 5.0, 18.0)
    assert "begins 4.00 s after" in refusal(recorded(Step(4.0, 4.0, 0.0), SLOW, 9.0, 40.0))


def test_nothing_recorded() -> None:
    """A recording without a single value is refused with the reason and gives no number."""
    found = window_energy(Trace(np.empty(0), np.empty(0), spec=SLOW, lost="it is off"), 0.0, 20.0)
    assert found.refused == "it is off"
    assert math.isnan(found.energy_j)
    with pytest.raises(ValueError, match="ends after it began"):
        window_energy(recorded(Step(4.0, 4.0, 0.0), SLOW, 0.0, 9.0), 5.0, 5.0)


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_lagging_meter_covers_the_truth(seed: int) -> None:
    """Wrong by any gain and offset within its limits, lagging and rounding, the meter's interval holds the truth."""
    dice = np.random.default_rng(seed)
    idle, busy = dice.uniform(1, 3), dice.uniform(3, 8)
    start, length = dice.uniform(5, 6), dice.uniform(11, 30)
    profile = Recorded([start, start, start + length, start + length], [idle, busy, busy, idle])
    clean = recorded(profile, SLOW, dice.uniform(0, 0.1), start + length + 5)
    shown = clean.power_w * (1 + dice.uniform(-0.01, 0.01)) + dice.uniform(-1e-3, 1e-3)
    found = window_energy(replace(clean, power_w=np.rint(shown / 1e-4) * 1e-4), start, start + length)
    assert not found.refused
    assert abs(found.energy_j - profile.energy_j(start, start + length)) <= found.uncertainty_j
    assert found.uncertainty_j < 0.05 * found.energy_j
