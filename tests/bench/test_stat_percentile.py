"""Percentiles and call counts are those of LoadGen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.percentile import as_series, calls_needed, early_stopping, n_min, sorted_percentile

OVER = (0, 1, 2, 3, 5, 10, 50, 100, 500)
N_MIN = {
    0.90: (44, 64, 81, 97, 127, 197, 681, 1246, 5518),
    0.95: (90, 130, 165, 198, 259, 398, 1372, 2504, 11064),
    0.97: (152, 219, 277, 332, 433, 667, 2293, 4182, 18458),
    0.99: (459, 662, 838, 1001, 1307, 2010, 6898, 12571, 55427),
    0.999: (4603, 6636, 8403, 10042, 13105, 20140, 69058, 125826, 554510),
}
FLOATS = st.floats(-1e9, 1e9)


@pytest.mark.parametrize("p", N_MIN)
def test_n_min_is_loadgens(p: float) -> None:
    """The counts that early stopping asks for are LoadGen's, for every percentile and number over the limit."""
    assert tuple(n_min(p, t) for t in OVER) == N_MIN[p]


@pytest.mark.parametrize(
    ("q", "p", "early", "plain"),
    [
        (63, 0.90, None, 57),
        (64, 0.90, 64, 58),
        (100, 0.90, 98, 91),
        (1024, 0.90, 945, 922),
        (24576, 0.90, 22229, 22119),
        (661, 0.99, None, 655),
        (662, 0.99, 662, 656),
        (1000, 0.99, 999, 991),
    ],
)
def test_both_estimators_on_latencies_one_to_q(q: int, p: float, early: int | None, plain: int) -> None:
    """Of latencies 1, 2, ..., q in any order, both estimators report what LoadGen reports."""
    latencies = np.random.default_rng(q).permutation(np.arange(1, q + 1))
    assert early_stopping(latencies, p) == early
    assert sorted_percentile(latencies, p) == plain


def test_calls_needed_for_each_published_percentile() -> None:
    """p50, p90, p95 and p99 are published from 6, 64, 130 and 662 calls on."""
    assert [calls_needed(p) for p in (0.5, 0.9, 0.95, 0.99)] == [6, 64, 130, 662]


@pytest.mark.parametrize("p", [0.9, 0.95, 0.99])
def test_early_stopping_starts_at_calls_needed(p: float) -> None:
    """One call fewer than needed gives no figure, the needed number gives the maximum."""
    latencies = np.arange(calls_needed(p), dtype=float)
    assert early_stopping(latencies[:-1], p) is None
    assert early_stopping(latencies, p) == latencies[-1]


def test_median_of_five_energy_windows() -> None:
    """Five windows of 10.2, 9.9, 10.0, 10.4, 10.1 uJ have the median 10.1."""
    assert sorted_percentile([10.2, 9.9, 10.0, 10.4, 10.1], 0.5) == 10.1


def test_early_stopping_bounds_the_true_percentile() -> None:
    """In 2000 series of independent latencies the bound lies below the true percentile in about 1 % and no more."""
    samples = np.random.default_rng(5).random((2000, 300))
    below = np.mean([(early_stopping(sample, 0.9) or 1.0) < 0.9 for sample in samples])
    assert below <= 0.016


@given(st.lists(FLOATS, min_size=1, max_size=80), st.floats(0, 1), st.floats(0, 1))
def test_a_percentile_is_a_value_and_grows_with_p(values: list[float], one: float, other: float) -> None:
    """The sorted percentile is one of the values, and a higher percentile is no lower."""
    low, high = sorted_percentile(values, min(one, other)), sorted_percentile(values, max(one, other))
    assert low in values
    assert low <= high


@given(st.lists(FLOATS, min_size=64, max_size=200))
def test_early_stopping_is_no_lower_than_the_percentile(values: list[float]) -> None:
    """The bound never lies below the plain percentile of the same values."""
    bound = early_stopping(values, 0.9)
    assert bound is not None
    assert bound >= sorted_percentile(values, 0.9)


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, float("nan")], [float("inf")]])
def test_what_is_no_series_is_refused(values: list[float]) -> None:
    """Empty, two-dimensional and non-finite values are errors."""
    with pytest.raises(ValueError, match="a series"):
        as_series(values)


def test_arguments_outside_their_range_are_refused() -> None:
    """Percentiles, confidences and counts out of range are errors."""
    for call in (
        lambda: sorted_percentile([1.0], 1.5),
        lambda: early_stopping([1.0], 1.0),
        lambda: n_min(0.9, -1),
        lambda: n_min(0.9, 1, 1.0),
        lambda: calls_needed(0.4),
        lambda: calls_needed(1.0),
    ):
        with pytest.raises(ValueError, match="but got"):
            call()
