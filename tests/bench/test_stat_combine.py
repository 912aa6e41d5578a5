"""Figures over fresh processes cover the truth where figures of one process do not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.combine import between_spread, combine, difference_paired, ratio, single
from autoedge.bench.intervals import z_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIALS = 3000
POSITIVE = st.lists(st.floats(0.01, 100), min_size=2, max_size=12)


def _pairs(both: int, only_a: int, only_b: int, neither: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_single_covers_what_within_alone_does_not() -> None:
    """Processes 3 % apart, each known to 0.5 %: the widened interval covers 93 to 97 %, the plain one under a third."""
    rng = np.random.default_rng(1)
    covered, plain = 0, 0
    for _ in range(TRIALS):
        baselines = np.exp(rng.normal(0, 0.03, (2, 4)) + rng.normal(0, 0.005, (2, 4))) * [[2.0], [9.0]]
        spread, dof = between_spread(baselines.tolist())
        value = 5 * math.exp(rng.normal(0, 0.03) + rng.normal(0, 0.005))
        low, high = value * math.exp(-1.96 * 0.005), value * math.exp(1.96 * 0.005)
        plain += low <= 5 <= high
        low, high = single(value, low, high, spread, dof)
        covered += low <= 5 <= high
    assert 0.93 <= covered / TRIALS <= 0.97
    assert plain / TRIALS < 1 / 3


@pytest.mark.parametrize("processes", [2, 3, 6, 10])
def test_combine_covers_the_truth(processes: int) -> None:
    """Two-level noise of 3 % between and 1 % within is covered in 93 to 97 %, from two processes on."""
    rng = np.random.default_rng(2)
    draws = np.exp(rng.normal(0, 0.03, (TRIALS, processes)) + rng.normal(0, 0.01, (TRIALS, processes)))
    covered = np.mean([low <= 1 <= high for _, low, high in map(combine, draws.tolist())])
    assert 0.93 <= covered <= 0.97


def test_ratio_covers_the_truth() -> None:
    """The ratio of six noisy and ten quiet processes is covered in 93 to 97 %."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(TRIALS):
        _, low, high = ratio(np.exp(rng.normal(0, 0.1, 6)).tolist(), (2 * np.exp(rng.normal(0, 0.02, 10))).tolist())
        covered += low <= 0.5 <= high
    assert 0.93 <= covered / TRIALS <= 0.97


def test_combine_by_hand() -> None:
    """1, 10 and 100 have the geometric mean 10 and t(2) = 4.303 times ln(10) / sqrt(3) on the logarithm."""
    half = 4.302653 * math.log(10) / math.sqrt(3)
    assert combine([1.0, 10.0, 100.0]) == pytest.approx((10, 10 * math.exp(-half), 10 * math.exp(half)), rel=1e-6)


def test_combine_at_or_below_zero_is_linear() -> None:
    """-1, 0 and 1 have the mean 0 and t(2) = 4.303 / sqrt(3) on the plain scale."""
    half = 4.302653 / math.sqrt(3)
    assert combine([-1.0, 0.0, 1.0]) == pytest.approx((0, -half, half), rel=1e-6)


@given(st.floats(0.001, 1e6), st.integers(2, 20), st.integers(2, 20))
def test_equal_processes_are_exact(value: float, m: int, other: int) -> None:
    """Memory in whole pages that agrees exactly gives that figure with no width, so that a limit equal to it is met."""
    assert combine([value] * m) == (value, value, value)
    assert ratio([value] * m, [value] * other) == (1, 1, 1)
    assert between_spread([[value] * m, [1.0]]) == (0.0, m - 1)
    assert single(value, value, value, 0.0, 1) == (value, value)
    assert combine([0.0] * m) == (0, 0, 0)


def test_within_is_a_floor_under_the_spread() -> None:
    """Processes that agree by luck are no better known than each is; ones that differ more are not touched."""
    value, low, high = combine([10.0, 10.0], within=[0.5, 0.5])
    assert (low, high) == pytest.approx((10 * math.exp(-0.4492), 10 * math.exp(0.4492)), rel=1e-3)
    assert low < value < high
    assert combine([10.0, 13.0, 9.0], within=[0.01, 0.01, 0.01]) == combine([10.0, 13.0, 9.0])


def test_spread_is_pooled_by_degrees_of_freedom() -> None:
    """Groups count by their degrees of freedom; single runs and values at zero tell nothing."""
    apart = math.exp(0.1)
    spread, dof = between_spread([[1.0, apart], [5.0, 5.0, 5.0], [7.0], [], [0.0, 1.0]])
    assert dof == 3
    assert spread == pytest.approx(math.sqrt(0.1**2 / 2 / 3))
    assert between_spread([]) == (0.0, 0)


def test_single_by_hand() -> None:
    """Each side is the root of squares of its own length and t(2) x spread, on the logarithm or, at zero, plainly."""
    low, high = single(10.0, 9.0, 10.5, 0.02, 2)
    assert low == pytest.approx(10 * math.exp(-math.hypot(math.log(10 / 9), 4.302653 * 0.02)))
    assert high == pytest.approx(10 * math.exp(math.hypot(math.log(1.05), 4.302653 * 0.02)))
    assert single(10.0, 0.0, 11.0, 0.02, 2) == pytest.approx(
        (10 - math.hypot(10, 0.8605306), 10 + math.hypot(1, 0.8605306))
    )


@given(POSITIVE, st.floats(0.5, 0.99), st.sampled_from([1e-3, 2.0, 1e6]))
def test_combine_holds_its_value_and_scales(values: list[float], level: float, factor: float) -> None:
    """Low <= value <= high, another unit changes only the unit, and more level is no narrower."""
    value, low, high = combine(values, level=level)
    assert low <= value <= high
    scaled = combine([one * factor for one in values], level=level)
    assert scaled == pytest.approx((value * factor, low * factor, high * factor), rel=1e-6)
    _, lower, higher = combine(values, level=(1 + level) / 2)
    assert lower <= low
    assert higher >= high


@given(POSITIVE, POSITIVE)
def test_ratio_turns_over(a: list[float], b: list[float]) -> None:
    """The ratio of b to a is one over that of a to b, ends swapped."""
    value, low, high = ratio(a, b)
    assert low <= value <= high
    assert ratio(b, a) == pytest.approx((1 / value, 1 / high, 1 / low), rel=1e-6)


@given(st.floats(0.1, 100), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 0.3), st.integers(1, 30))
def test_single_never_narrows(value: float, below: float, above: float, spread: float, dof: int) -> None:
    """The widened interval holds the interval within the process, and more spread is no narrower."""
    low, high = value * (1 - below), value * (1 + above)
    one = single(value, low, high, spread, dof)
    two = single(value, low, high, 2 * spread, dof)
    assert one[0] <= low * (1 + 1e-12)
    assert one[1] >= high * (1 - 1e-12)
    assert two[0] <= one[0]
    assert two[1] >= one[1]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((59, 6, 16, 80), (-0.0621, -0.1240, -0.0054)),  # Cavo et al. 2012
        ((1, 1, 7, 12), (-0.2857, -0.5172, -0.0260)),  # Bentur et al. 2009
    ],
)
def test_paired_difference_gives_published_values(
    table: tuple[int, int, int, int], expected: tuple[float, float, float]
) -> None:
    """Two examples of Fagerland, Lydersen and Laake (Statistical Analysis of Contingency Tables) come out."""
    assert difference_paired(*_pairs(*table)) == pytest.approx(expected, abs=5e-5)


def test_no_disagreement_still_has_width() -> None:
    """Models that agree on all of n samples may still differ by z^2 / (n + z^2)."""
    edge = z_quantile(0.95) ** 2 / (100 + z_quantile(0.95) ** 2)
    assert difference_paired(*_pairs(60, 0, 0, 40)) == pytest.approx((0, -edge, edge))
    value, low, high = difference_paired(*_pairs(0, 10, 0, 0))
    assert value == high == 1
    assert low < 1


COUNTS = st.tuples(*[st.integers(0, 60)] * 4).filter(lambda table: sum(table) > 0)


@given(COUNTS, st.floats(0.5, 0.99))
def test_paired_difference_holds_its_value_and_mirrors(table: tuple[int, int, int, int], level: float) -> None:
    """Low <= value <= high within -1 to 1, and a and b change places with the sign."""
    a, b = _pairs(*table)
    value, low, high = difference_paired(a, b, level)
    assert -1 <= low <= value <= high <= 1
    assert difference_paired(b, a, level) == pytest.approx((-value, -high, -low), abs=1e-9)


@given(COUNTS.filter(lambda table: table[1] != table[2]))
def test_paired_difference_is_mcnemars_test(table: tuple[int, int, int, int]) -> None:
    """The interval ends at zero at exactly the level of McNemar's test, (b - c)^2 / (b + c)."""
    both, only_a, only_b, neither = table
    z = abs(only_a - only_b) / math.sqrt(only_a + only_b)
    level = math.erf(z / math.sqrt(2))
    if level > 1 - 1e-9:
        return
    _, low, high = difference_paired(*_pairs(both, only_a, only_b, neither), level)
    assert min(abs(low), abs(high)) < 1e-6


def test_paired_difference_covers_the_truth() -> None:
    """A drop of one point between models that share most errors is covered in 93 to 98 %."""
    rng = np.random.default_rng(4)
    tables = rng.multinomial(360, [0.93, 0.02, 0.01, 0.04], size=800)
    covered = [low <= 0.01 <= high for _, low, high in (difference_paired(*_pairs(*table)) for table in tables)]
    assert 0.93 <= np.mean(covered) <= 0.98


def test_wrong_arguments_are_refused() -> None:
    """Too few processes, unknown spreads and mismatched pairs are errors that say the rule and the value."""
    yes = np.ones(3, dtype=bool)
    for call in (
        lambda: combine([1.0]),
        lambda: combine([1.0, 2.0], within=[0.1]),
        lambda: combine([1.0, 2.0], within=[0.1, -0.1]),
        lambda: combine([1.0, 2.0], level=1.0),
        lambda: single(1.0, 2.0, 3.0, 0.1, 2),
        lambda: single(1.0, 1.0, math.inf, 0.1, 2),
        lambda: single(1.0, 1.0, 1.0, 0.0, 0),
        lambda: single(1.0, 1.0, 1.0, -0.1, 2),
        lambda: ratio([1.0], [1.0, 2.0]),
        lambda: ratio([1.0, 2.0], [0.0, 2.0]),
        lambda: difference_paired(yes, yes[:2]),
        lambda: difference_paired(yes, yes.astype(int)),
        lambda: difference_paired(yes[:0], yes[:0]),
    ):
        with pytest.raises(ValueError, match="but got"):
            call()
    with pytest.raises(ValueError, match="finite"):
        combine([1.0, math.nan])


def test_values_that_have_nothing_in_common_give_a_finite_interval() -> None:
    """Two processes a factor of thousands apart say next to nothing at a high level, and the interval stays finite."""
    value, low, high = combine([1.0, 6066.0], level=0.99609375)
    assert 0 < low < value < high < float("inf")
