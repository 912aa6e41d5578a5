"""A series that drifted or jumped is told from one that was merely noisy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from autoedge.bench.steady import Steadiness, classify, outliers

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 662
TRIALS = 300


def _noise(rho: float, seed: int, n: int = N) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal((TRIALS, n + 200))
    return np.asarray(lfilter([math.sqrt(1 - rho * rho)], [1, -rho], noise))[:, 200:]


def _share(series: NDArray[np.float64], kind: Steadiness) -> float:
    return float(np.mean([classify(one) == kind for one in series]))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8, 0.9])
def test_noise_is_flat(rho: float) -> None:
    """Of steady series with 5 % noise, independent or AR(1), at least 95 % are called flat."""
    assert _share(10 * (1 + 0.05 * _noise(rho, 1)), "flat") >= 0.95


def test_few_calls_are_flat() -> None:
    """Of steady series of 64 calls at least 97 % are called flat."""
    assert _share(10 * (1 + 0.05 * _noise(0.0, 2, 64)), "flat") >= 0.97


def test_heavy_tails_are_flat() -> None:
    """Spikes to many times the median and clocks of few ticks are no drift."""
    rng = np.random.default_rng(3)
    assert _share(1 + rng.pareto(1.5, (TRIALS, N)), "flat") >= 0.96
    assert _share(np.exp(0.3 * rng.standard_t(3, (TRIALS, N))), "flat") >= 0.96
    assert _share(np.round(10 + 0.3 * rng.standard_normal((TRIALS, N))), "flat") >= 0.96


@pytest.mark.parametrize(("change", "kind"), [(0.1, "slowdown"), (-0.1, "warming")])
def test_a_ramp_has_its_direction(change: float, kind: Steadiness) -> None:
    """A level that moves by 10 % under 3 % dependent noise is a slowdown or still warming."""
    ramp = 1 + change * np.arange(N) / N
    assert _share(ramp * (1 + 0.03 * _noise(0.3, 4)), kind) >= 0.97


@pytest.mark.parametrize("where", [0.15, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("change", [0.05, -0.05])
def test_a_jump_is_a_shift(where: float, change: float) -> None:
    """A level that jumps by 5 % once is shifted, not a trend."""
    jump = 1 + change * (np.arange(N) > where * N)
    assert _share(jump * (1 + 0.02 * _noise(0.3, 5)), "shifted") >= 0.95


@pytest.mark.parametrize("series", [1 + 0.015 * np.arange(N) / N, 1 + 0.015 * (np.arange(N) > N / 2)])
def test_small_changes_are_flat(series: NDArray[np.float64]) -> None:
    """A change below 2 % is flat however sure it is."""
    assert classify(series) == "flat"


def test_a_warm_up_left_in_the_series_is_found() -> None:
    """An exponential warm-up of 10 % is not flat."""
    warm_up = 1 + 0.1 * np.exp(-4 * np.arange(N) / N)
    assert _share(warm_up * (1 + 0.03 * _noise(0.3, 6)), "flat") <= 0.03


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=120), st.sampled_from([2.0, 1e-6, 1024.0]))
def test_the_unit_does_not_matter(values: list[int], factor: float) -> None:
    """Another unit gives the same class and the same number of outliers."""
    series = np.array(values, dtype=float)
    assert classify(series * 1024) == classify(series)
    assert outliers(series * 2.0) == outliers(series)
    assert classify(series * factor) in ("flat", "warming", "slowdown", "shifted")


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
def test_a_handful_of_values_is_flat(values: list[int]) -> None:
    """Fewer than five values prove nothing."""
    assert classify(values) == "flat"


def test_constant_series_are_flat() -> None:
    """Equal values are flat and have no outliers."""
    assert classify(np.full(200, 3.0)) == "flat"
    assert outliers(np.full(200, 3.0)) == 0


def test_outliers_are_counted_above_ten_deviations() -> None:
    """Only values above the median by more than ten times the median deviation count; low ones never do."""
    series = np.concatenate([np.tile([9.0, 10.0, 11.0], 50), [20.0, 20.1, 500.0, 0.001]])
    assert outliers(series) == 2


def test_what_is_no_series_is_refused() -> None:
    """Empty and non-finite series are errors."""
    for function in (classify, outliers):
        with pytest.raises(ValueError, match="a series"):
            function([])
        with pytest.raises(ValueError, match="a series is finite"):
            function([1.0, float("nan")])
