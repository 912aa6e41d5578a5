"""A base and a new candidate in pairs: what is called regressed, held and undecided, and how often wrongly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, wilcoxon

from autoedge.decide.regression import Regression, comparable, held_against, of_data, unjudged
from autoedge.decide.regression import _rank as rank
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoedge.decide.regression import Change
    from autoedge.measurement import Value

LATENCY, THROUGHPUT, ACCURACY = METRICS["latency_p50"], METRICS["throughput"], METRICS["accuracy"]
LOOKS = (6, 10, 20, 40)
GATES = 1500


@pytest.fixture
def judged(figure: Callable[..., Value]) -> Callable[..., Change]:
    """Holds pairs against each other; the figures for the reader say nothing."""

    def judge(pairs: Sequence[tuple[float, float]], metric: str = "latency_p50", **options: float) -> Change:
        return held_against(METRICS[metric], (figure(1.0), figure(1.0)), pairs, **options)  # type: ignore[arg-type]

    return judge


def gate(judge: Callable[..., Change], ratios: np.ndarray, family: int = 3) -> Regression:
    """The outcome after looks as a gate takes them."""
    pairs = [(1.0, float(ratio)) for ratio in ratios]
    before = 0
    for look in LOOKS:
        found = judge(pairs[:look], share=(look - before) / LOOKS[-1], family=family)
        if found.outcome is not Regression.UNDECIDED:
            return found.outcome
        before = look
    return Regression.UNDECIDED


@pytest.mark.parametrize(
    ("n", "error", "critical"), [(6, 0.025, 0), (7, 0.025, 2), (8, 0.025, 3), (10, 0.025, 8), (15, 0.005, 15),
                                 (20, 0.025, 52), (25, 0.05, 100), (5, 0.025, -1)]
)  # fmt: skip
def test_published_critical_values(n: int, error: float, critical: int) -> None:
    """The rank is one above the largest rank sum that refuses, as tables of the signed-rank test give it."""
    assert rank(n, error) == critical + 1


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=20, unique=True))
def test_the_bound_is_that_of_the_test(differences: list[float]) -> None:
    """The base is surely better just where the exact signed-rank test says so."""
    ratios = np.exp(differences)
    sizes = np.abs(np.log(ratios))
    if len(np.unique(sizes)) < len(sizes) or (sizes == 0).any():
        return  # scipy has no exact distribution then
    value = METRICS["latency_p50"]
    pairs = [(1.0, float(ratio)) for ratio in ratios]
    found = held_against(value, (None, None), pairs, share=1.0, family=1)  # type: ignore[arg-type]
    p = wilcoxon(np.log(ratios), alternative="greater", method="exact").pvalue
    assert (found.low is not None and found.low > 0) == (p <= 0.01)


@pytest.mark.parametrize("noise", ["normal", "heavy tails", "now and then"])
def test_false_alarms_are_rare(judged: Callable[..., Change], noise: str) -> None:
    """Of unchanged candidates at most 1 % are called regressed, over all looks and whatever the noise is like."""
    generator = np.random.default_rng(1)

    def drawn() -> np.ndarray:
        if noise == "normal":
            return np.exp(generator.normal(0, 0.05, LOOKS[-1]))
        if noise == "heavy tails":
            return np.exp(0.03 * generator.standard_t(1.5, LOOKS[-1]).clip(-50, 50))
        bursts = generator.choice([0.0, 0.5, -0.5], LOOKS[-1], p=[0.8, 0.1, 0.1])
        return np.exp(generator.normal(0, 0.01, LOOKS[-1]) + bursts)

    # Three metrics that share nothing, the worst case for a family.
    wrong = sum(any(gate(judged, drawn()) is Regression.REGRESSED for _ in range(3)) for _ in range(GATES // 3))
    assert binomtest(wrong, GATES // 3, 0.01, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.03])
def test_a_tenth_slower_is_found_and_no_change_is_held(judged: Callable[..., Change], spread: float) -> None:
    """Where pairs scatter by up to 3 %, 10 % are found and no change is decided nearly always."""
    generator = np.random.default_rng(2)
    noise = np.exp(generator.normal(0, spread, (200, LOOKS[-1])))
    slower = [gate(judged, 1.1 * one) for one in noise]
    same = [gate(judged, one) for one in noise]
    assert slower.count(Regression.REGRESSED) >= 198
    assert same.count(Regression.HELD) >= 190
    assert Regression.REGRESSED not in same


def test_worse_is_worse_for_every_metric(judged: Callable[..., Change]) -> None:
    """More milliseconds and fewer items a second are both worse, by the same share."""
    up = judged([(100.0, 110.0)] * 20)
    down = judged([(110.0, 100.0)] * 20, "throughput")
    assert up.outcome is down.outcome is Regression.REGRESSED
    assert up.worse == pytest.approx(0.1)
    assert down.worse == pytest.approx(0.1)
    assert judged([(110.0, 100.0)] * 20).outcome is Regression.HELD


def test_a_small_change_is_no_regression_however_sure(judged: Callable[..., Change]) -> None:
    """What is surely worse, but by less than the limit, is held; a stricter limit finds it."""
    pairs = [(100.0, 101.0 + 0.01 * i) for i in range(20)]
    found = judged(pairs)
    assert found.outcome is Regression.HELD
    assert found.low is not None
    assert found.low > 0
    assert judged(pairs, limit=0.005).outcome is Regression.REGRESSED


def test_too_few_pairs_say_nothing(judged: Callable[..., Change]) -> None:
    """Where so few pairs cannot be so sure there is no bound, and nothing is decided."""
    found = judged([(1.0, 2.0)] * 4, share=0.1, family=3)
    assert (found.low, found.high, found.outcome) == (None, None, Regression.UNDECIDED)
    assert judged([]).outcome is Regression.UNDECIDED


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=6, max_size=15), st.floats(1e-6, 1e6))
def test_units_do_not_matter(pairs: list[tuple[float, float]], scale: float) -> None:
    """The same figures in another unit give the same change; base and new exchanged give the opposite."""
    one = held_against(LATENCY, (None, None), pairs)  # type: ignore[arg-type]
    scaled = [(scale * base, scale * new) for base, new in pairs]
    other = held_against(LATENCY, (None, None), scaled)  # type: ignore[arg-type]
    swapped = held_against(LATENCY, (None, None), [(new, base) for base, new in pairs])  # type: ignore[arg-type]
    assert one.worse is not None
    assert other.worse is not None
    assert swapped.worse is not None
    assert math.log1p(other.worse) == pytest.approx(math.log1p(one.worse), abs=1e-9)
    assert math.log1p(swapped.worse) == pytest.approx(-math.log1p(one.worse), abs=1e-9)


def test_figures_at_or_below_zero(judged: Callable[..., Change]) -> None:
    """Energy above idle may be negative; differences relative to the base's size stand for ratios."""
    found = judged([(-1.0, 1.0), (2.0, 4.0), (1.0, 3.0)] * 5, "energy_net")
    assert found.outcome is Regression.REGRESSED
    assert found.worse is not None
    assert found.worse > 1
    assert found.worse == pytest.approx(2.0)  # twice the base's size
    assert judged([(0.0, 0.0)] * 20, "energy_net").outcome is Regression.HELD
    huge = judged([(0.0, 90.0), (0.01, 90.0)] * 10, "memory_model")  # an empty runtime's own memory may be all
    assert huge.outcome is Regression.REGRESSED
    assert judged([(1e-300, 1e300)] * 20).worse == pytest.approx(1e9)


def test_what_does_not_vary(figure: Callable[..., Value]) -> None:
    """A file's size and quality on given data are held against the base by their values alone."""
    assert of_data(ACCURACY, figure(0.95), figure(0.92)).outcome is Regression.REGRESSED
    assert of_data(ACCURACY, figure(0.95), figure(0.94)).outcome is Regression.HELD
    assert of_data(METRICS["size"], figure(1.0), figure(0.5)).worse == pytest.approx(-0.5)
    assert of_data(METRICS["mae"], figure(0.0), figure(0.1)).outcome is Regression.REGRESSED
    assert of_data(METRICS["r2"], figure(-1.0), figure(-2.0)).outcome is Regression.REGRESSED
    assert of_data(METRICS["mae"], figure(0.0), figure(0.0)).outcome is Regression.HELD


def test_what_cannot_be_judged(figure: Callable[..., Value]) -> None:
    """An estimate is never held against anything; what was not measured is told with its reason."""
    assert not comparable(figure(1.0), figure(1.0, source="estimated"))
    assert comparable(figure(1.0), figure(1.0, source="derived"))
    found = unjudged(THROUGHPUT, None, figure(1.0), "was not measured")
    assert (found.outcome, found.worse, found.note) == (Regression.UNJUDGED, None, "was not measured")


@pytest.mark.parametrize("options", [{"limit": 0.0}, {"share": 0.0}, {"share": 1.1}, {"family": 0}])
def test_bad_options(judged: Callable[..., Change], options: dict[str, float]) -> None:
    """Limits, shares and families that make no sense are refused."""
    with pytest.raises(ValueError, match="a limit is above 0"):
        judged([(1.0, 1.0)] * 6, **options)
    with pytest.raises(ValueError, match="finite"):
        judged([(1.0, math.nan)] * 6)
