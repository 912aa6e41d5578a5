"""Intervals within a process have the coverage that they promise, also for dependent calls."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from autoedge.bench.intervals import (
    Interval,
    _resampled_cdf,
    block_bootstrap,
    block_length,
    effective_size,
    median_ranks,
    wilson,
    z_quantile,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _ar1(rho: float, n: int, series: int, seed: int) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal((series, n + 200))
    return np.asarray(lfilter([math.sqrt(1 - rho * rho)], [1, -rho], noise))[:, 200:]


@pytest.mark.parametrize(
    ("n", "ranks"),
    [
        (0, None),
        (5, None),
        (6, (1, 6)),
        (7, (1, 7)),
        (8, (1, 8)),
        (9, (2, 8)),
        (10, (2, 9)),
        (12, (3, 10)),
        (15, (4, 12)),
        (20, (6, 15)),
        (25, (8, 18)),
        (30, (10, 21)),
        (50, (18, 33)),
        (100, (40, 61)),
        (200, (86, 115)),
        (500, (228, 273)),
        (1000, (469, 532)),
    ],
)
def test_median_ranks_are_the_tables(n: int, ranks: tuple[int, int] | None) -> None:
    """The order statistics that bound the median are those of the binomial table; five values have none."""
    assert median_ranks(n) == ranks


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_values(successes: int, n: int, low: float, high: float) -> None:
    """The four examples of Newcombe (1998, Statistics in Medicine 17:857-872, method 3) come out to four digits."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000), st.data(), st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_mirrors(n: int, data: st.DataObject, level: float) -> None:
    """Low <= share <= high within 0 to 1, failures mirror successes, and more level is wider."""
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n, level)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(n - successes, n, level) == pytest.approx((1 - high, 1 - low))
    wide = wilson(successes, n, (1 + level) / 2)
    assert wide[0] <= low
    assert wide[1] >= high


@pytest.mark.parametrize(("rho", "share"), [(0.3, 0.54), (0.5, 0.33), (0.8, 0.11), (0.9, 0.053)])
def test_effective_size_of_ar1(rho: float, share: float) -> None:
    """An AR(1) series is worth n (1 - rho) / (1 + rho) independent values."""
    sizes = [effective_size(series) / 20_000 for series in _ar1(rho, 20_000, 8, 1)]
    assert np.median(sizes) == pytest.approx(share, rel=0.12)


def test_effective_size_of_independent_and_constant_values() -> None:
    """Independent values are worth nearly all of themselves, equal ones are not called dependent."""
    assert effective_size(np.random.default_rng(0).random(20_000)) > 19_000
    assert effective_size(np.ones(100)) == 100
    assert effective_size([3.0]) == 1


def test_a_spike_does_not_hide_dependence() -> None:
    """One call a million times slower changes neither block length nor effective size by much."""
    series = _ar1(0.8, 2000, 1, 3)[0]
    spiked = series.copy()
    spiked[700] = 1e6
    assert block_length(spiked) == pytest.approx(block_length(series), abs=2)
    assert effective_size(spiked) == pytest.approx(effective_size(series), rel=0.05)


def test_block_length_follows_dependence_within_its_bounds() -> None:
    """Cube root of n for independent values, longer for dependent ones, never above min(3 sqrt(n), n / 3)."""
    independent, dependent = np.random.default_rng(2).random(2000), _ar1(0.8, 2000, 1, 2)[0]
    assert block_length(independent) <= 16
    assert 25 <= block_length(dependent) <= 60
    assert 100 <= block_length(np.arange(2000.0)) <= math.ceil(3 * math.sqrt(2000))
    assert [block_length(np.arange(float(n))) for n in (1, 2, 3, 6)] == [1, 1, 1, 2]


def test_the_bootstrap_is_the_limit_of_resampling() -> None:
    """The computed distribution is what 40,000 circular-block resamples show, to their own noise."""
    rng = np.random.default_rng(4)
    below, block = rng.random(53) < 0.6, 5
    starts = rng.integers(0, 53, (40_000, 11))
    index = (starts[:, :, None] + np.arange(block)).reshape(40_000, -1)[:, :53] % 53
    counts = below[index].sum(axis=1)
    for rank in (20, 27, 30, 34, 40):
        assert _resampled_cdf(below, block, rank) == pytest.approx(np.mean(counts >= rank), abs=0.01)


def test_independent_values_agree_with_order_statistics() -> None:
    """On independent values the interval of the median is as wide as that of the order statistics, within 5 %."""
    samples = np.random.default_rng(6).lognormal(0, 0.1, (60, 1000))
    ranks = median_ranks(1000)
    assert ranks is not None
    ordered = np.sort(samples, axis=1)
    plain = ordered[:, ranks[1] - 1] - ordered[:, ranks[0] - 1]
    boot = [interval.high - interval.low for interval in (block_bootstrap(sample, 0.5) for sample in samples)]
    assert np.mean(boot) == pytest.approx(np.mean(plain), rel=0.05)


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_dependent_values_are_covered_where_independence_fails(p: float) -> None:
    """On AR(1) series with rho 0.8 block intervals cover >= 90 %; order statistics of the median far less."""
    samples, truth = _ar1(0.8, 662, 300, 7), NormalDist().inv_cdf(p)
    intervals = [block_bootstrap(sample, p) for sample in samples]
    assert np.mean([interval.low <= truth <= interval.high for interval in intervals]) >= 0.90
    ranks = median_ranks(662)
    assert ranks is not None
    ordered = np.sort(samples, axis=1)
    assert np.mean((ordered[:, ranks[0] - 1] <= 0) & (ordered[:, ranks[1] - 1] >= 0)) < 0.65


@pytest.mark.parametrize(("p", "n"), [(0.5, 130), (0.9, 130), (0.95, 260), (0.99, 1000)])
def test_independent_values_are_covered(p: float, n: int) -> None:
    """On independent heavy-tailed latencies the interval covers the true percentile in 92 to 99 % at 95 %."""
    samples = np.random.default_rng(8).standard_exponential((300, n))
    truth = -math.log(1 - p)
    covered = [interval.low <= truth <= interval.high for interval in (block_bootstrap(s, p) for s in samples)]
    assert 0.92 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize(
    ("series", "p", "sufficient"),
    [
        (np.random.default_rng(1).random(200), 0.9, True),
        (np.random.default_rng(1).random(64), 0.5, False),
        (np.random.default_rng(1).random(200), 0.99, False),
        (np.random.default_rng(1).random(662), 0.99, True),
        (np.arange(1000.0), 0.5, False),
        (np.cumsum(np.random.default_rng(1).standard_normal(5000)), 0.5, False),
    ],
    ids=["enough", "few blocks", "short tail", "needed calls", "ramp", "random walk"],
)
def test_insufficient_data_are_reported(series: NDArray[np.float64], p: float, sufficient: bool) -> None:  # noqa: FBT001
    """Too few blocks or too few effective values in the tail are said; the interval is still there."""
    interval = block_bootstrap(series, p)
    assert interval.sufficient is sufficient
    assert interval.n == series.size


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=60),
    st.sampled_from([0.5, 0.9, 0.99]),
    st.sampled_from([2.0, 1e-6, 1024.0]),
)
def test_bootstrap_holds_its_value_and_scales(values: list[int], p: float, factor: float) -> None:
    """Low <= value <= high, all three are values of the series, and another unit changes nothing but the unit."""
    one, scaled = block_bootstrap(values, p), block_bootstrap(np.array(values) * factor, p)
    assert one.low <= one.value <= one.high
    assert {one.low, one.value, one.high} <= set(values)
    assert (scaled.low, scaled.high) == pytest.approx((one.low * factor, one.high * factor))
    assert (scaled.block, scaled.n_eff, scaled.sufficient) == (one.block, pytest.approx(one.n_eff), one.sufficient)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=10, max_size=60))
def test_more_level_is_no_narrower(values: list[float]) -> None:
    """The 99 % interval holds the 90 % interval."""
    narrow, wide = (block_bootstrap(values, 0.5, level=level) for level in (0.9, 0.99))
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def test_equal_values_have_an_interval_of_no_width() -> None:
    """A constant series is known exactly."""
    interval = block_bootstrap(np.full(500, 7.0), 0.95)
    assert (interval.low, interval.value, interval.high) == (7, 7, 7)


def test_wrong_arguments_are_refused() -> None:
    """Arguments outside their range are errors that say the rule and the value."""
    for call in (
        lambda: wilson(3, 2),
        lambda: wilson(0, 0),
        lambda: wilson(1, 2, 1.0),
        lambda: z_quantile(0.0),
        lambda: median_ranks(-1),
        lambda: block_bootstrap([1.0, 2.0], 0.0),
        lambda: block_bootstrap([1.0, 2.0], 0.5, level=1.0),
        lambda: block_bootstrap([], 0.5),
        lambda: Interval(1.0, 2.0, 3.0, 10, 10.0, 2, sufficient=True),
        lambda: Interval(1.0, 1.0, 3.0, 10, 11.0, 2, sufficient=True),
    ):
        with pytest.raises(ValueError, match="but got"):
            call()
