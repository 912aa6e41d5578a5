"""What a recording tells of a meter: rate, repeats, gaps, noise, steps, drift, and what windows it is fit for."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.meter_check import MeterCheck, check, summary
from autoedge.errors import MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Counts, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEC = MeterSpec("bench", "board-input", 0.1, 0.3, 0.001, 0.01, 0.005)
LENGTH_S = 11.0
START_S = 1.0


def _trace(power: NDArray[np.float64], spec: MeterSpec = SPEC, **counts: int) -> Trace:
    time = spec.update_period_s * np.arange(power.size)
    return Trace(time, power, spec=spec, counts=Counts(samples=power.size, **counts))


def _noisy(sd_w: float = 0.02, seconds: float = 14.0, spec: MeterSpec = SPEC, seed: int = 0) -> NDArray[np.float64]:
    return 2.0 + np.random.default_rng(seed).normal(0, sd_w, round(seconds / spec.update_period_s))


def _checked(
    power: NDArray[np.float64], length_s: float = LENGTH_S, spec: MeterSpec = SPEC, **counts: int
) -> MeterCheck:
    return check(_trace(power, spec, **counts), START_S, START_S + length_s)


def test_a_quiet_meter_is_fit() -> None:
    """White noise about 2 W: the published rate, no gap, no drift, an uncertainty of the meter's own limits."""
    found = _checked(_noisy())
    assert found.fit
    assert found.pace.values_hz == pytest.approx(10)
    assert found.pace.longest_gap_s == pytest.approx(0.1)
    assert found.pace.gaps == 0
    assert found.noise.sd_w == pytest.approx(0.02, rel=0.2)
    assert abs(found.noise.autocorrelation) < 0.25
    assert not found.noise.drifts
    limits = 2 * math.hypot(0.01 * 2, 0.005) / math.sqrt(3)
    assert limits < found.window.uncertainty_j / LENGTH_S < 1.3 * limits
    assert found.summary.mean_w == pytest.approx(2, abs=0.01)
    assert found.summary.least_w < 2 < found.summary.largest_w


def test_repeats_halve_the_rate() -> None:
    """A meter that says everything twice brings something new half as often, and its values depend on each other."""
    power = np.repeat(_noisy(seconds=7), 2)
    found = _checked(power, repeats=power.size // 2)
    assert found.pace.repeats == 0.5
    assert found.pace.new_hz == pytest.approx(5)
    assert found.noise.autocorrelation == pytest.approx(0.5, abs=0.15)
    assert found.summary.worth < 0.7 * power.size


def test_a_gap_is_told() -> None:
    """Values that are missing in the middle show as the longest gap."""
    power = _noisy()
    power[60:65] = math.nan
    found = _checked(power)
    assert found.pace.gaps == 1
    assert found.pace.longest_gap_s == pytest.approx(0.6)


def test_steps_are_seen() -> None:
    """The smallest difference of two values is the step of the meter, whatever arithmetic adds to equal ones."""
    found = _checked(np.round(_noisy() / 0.01) * 0.01)
    assert found.noise.step_w == pytest.approx(0.01)
    still = _checked(np.full(140, 2.0) + 1e-13 * np.arange(140))
    assert still.noise.step_w is None
    assert still.noise.sd_w == 0
    assert not still.noise.drifts


def test_drift_is_told() -> None:
    """A slow rise is drift, in W a minute, and does not count as noise."""
    found = _checked(_noisy() + 0.02 * np.arange(140) / 10)
    assert found.noise.drifts
    assert found.noise.drift_w_per_min == pytest.approx(1.2, rel=0.1)
    assert found.noise.sd_w == pytest.approx(0.02, rel=0.2)


def test_too_short_a_window_is_refused() -> None:
    """Below the rule of max(10 s, 20 updates) and both ends' settling the check fails and says what the meter takes."""
    found = _checked(_noisy(), length_s=5)
    assert not found.fit
    assert "takes 10.6 s" in found.window.refused
    assert found.shortest_s == pytest.approx(10.6)


def test_a_noisy_meter_takes_longer() -> None:
    """Noise that a window of the rule does not average out to 1 % makes the shortest window longer, by its square."""
    one, two = (_checked(_noisy(sd, seconds=60), length_s=50).shortest_s for sd in (0.4, 0.8))
    assert one is not None
    assert two is not None
    assert 10.6 < one < two
    assert two / one == pytest.approx(4, rel=0.05)


def test_a_load_below_the_steps_has_no_window() -> None:
    """Where a step of the meter is more than 1 % of the power no window is long enough."""
    coarse = MeterSpec("coarse", "board-input", 0.1, 0.0, 0.1, 0.01, 0.005)
    found = _checked(_noisy(), spec=coarse)
    assert not found.fit
    assert "the load is too small" in found.window.refused
    assert found.shortest_s is None


@given(st.integers(0, 1000), st.floats(0.001, 0.1))
def test_differences_are_told_from_scatter_alone(seed: int, sd_w: float) -> None:
    """What two windows tell apart follows the noise, and the limits of gain and offset have no part in it."""
    power = _noisy(sd_w, seed=seed)
    sure = MeterSpec("sure", "board-input", 0.1, 0.3, 0.001, 0.0, 0.0)
    found, same = _checked(power), _checked(power, spec=sure)
    assert found.least_w == same.least_w
    assert found.least_w >= math.sqrt(2) * 2 * 0.001 / math.sqrt(12)
    assert found.least_j == found.least_w * found.window.length_s


def test_two_windows_differ_by_no_more_than_told() -> None:
    """Of pairs of windows on an unchanged load, 95 % differ by no more than the smallest difference told."""
    found = [_checked(_noisy(0.05, seed=seed)) for seed in range(400)]
    means = [one.window.mean_power_w for one in found]
    apart = [abs(a - b) > one.least_w for a, b, one in zip(means[::2], means[1::2], found[::2], strict=True)]
    assert sum(apart) <= 0.08 * len(apart)


def test_it_is_json() -> None:
    """All of it is written as JSON, with null for what is not known."""

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    form = json.loads(json.dumps(_checked(_noisy(seconds=3), length_s=11).to_json()), parse_constant=refuse)
    assert form["fit"] is False
    assert form["window"]["refused"]


def test_values_that_did_not_count() -> None:
    """Where overloads, gaps or damage leave too few values, these are told, and not that it was read too briefly."""
    with pytest.raises(MeterError, match=r"0 values came, which are too few; incidents: 7 values beyond its range$"):
        summary(_trace(np.full(7, math.nan), overloads=7))
    with pytest.raises(MeterError, match=r"incidents: 2 values missing, 5 checksum errors$"):
        _checked(np.full(3, 2.0), missing=2, checksum_errors=5)


def test_values_of_one_time() -> None:
    """Values that all came at once tell nothing of the meter's pace: an error says so."""
    with pytest.raises(MeterError, match="bench: all values came at one time"):
        check(Trace(np.full(9, 3.0), np.arange(9.0), spec=SPEC), 3.0, 4.0)


WATTS = st.one_of(st.floats(-1e12, 1e12), st.floats(0, 10), st.sampled_from([1e12, 5e-324, math.nan]))


@given(
    st.lists(st.tuples(st.floats(0, 1e12) | st.floats(0, 10), WATTS), max_size=30),
    st.floats(0, 1e12),
    st.floats(1e-6, 1e5),
    st.lists(st.floats(1e-9, 1e12) | st.floats(1e-9, 1), min_size=5, max_size=5),
)
def test_any_recording_is_judged(
    rows: list[tuple[float, float]], start_s: float, length_s: float, limits: list[float]
) -> None:
    """Whatever values a file holds: finite figures without a warning, or an error that says what is missing."""
    time, power = np.sort([time for time, _ in rows]), np.array([watts for _, watts in rows])
    end_s = max(start_s + length_s, math.nextafter(start_s, math.inf))
    try:
        found = check(Trace(time, power, spec=MeterSpec("bench", "wall", *limits)), start_s, end_s)
    except MeterError:
        return
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("values", [0, 3])
def test_too_few_values(values: int) -> None:
    """A recording with next to nothing in it is an error that says so."""
    with pytest.raises(MeterError, match=f"bench: {values} values came, which are too few"):
        _checked(np.full(values, 2.0))
    with pytest.raises(MeterError, match="0 values came"):
        summary(_trace(np.full(2, math.nan)))
