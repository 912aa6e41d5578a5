"""The preference ranks the front, then the rest; units and scales change nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.decide.choice import front_of, objective_matrix, ranked, rule_text
from autoedge.intent.resolved import Preference
from autoedge.metric import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.metric import Metric

LATENCY, ENERGY, ACCURACY, RATE = (METRICS[name] for name in ("latency_p95", "energy", "accuracy", "throughput"))
KNEE = Preference("knee")
POSITIVE = st.floats(1e-3, 1e3)


def _rows(keys: Sequence[str], *values: Sequence[float]) -> list[dict[str, float]]:
    return [dict(zip(keys, row, strict=True)) for row in values]


def _order(rows: Sequence[dict[str, float]], objectives: Sequence[Metric], preference: Preference) -> list[int]:
    return ranked(objective_matrix(rows, objectives), objectives, preference)


def test_objectives_become_points_to_be_minimised() -> None:
    """Ratios are what counts for times and rates, differences for fractions; what is maximised is negated."""
    rows = _rows(["latency_p95_ms", "accuracy", "throughput_ips"], (math.e, 0.9, math.e**2), (1.0, 0.8, 1.0))
    points = objective_matrix(rows, [LATENCY, ACCURACY, RATE])
    np.testing.assert_allclose(points, [[1, -0.9, -2], [0, -0.8, 0]], atol=1e-12)


def test_an_absent_value_is_the_worst_seen() -> None:
    """A row without a metric is as bad as the worst row in it, never better; with none at all nobody differs."""
    rows: list[dict[str, float]] = [
        {"latency_p95_ms": 2.0},
        {"accuracy": 0.5},
        {"latency_p95_ms": 8.0, "accuracy": 0.9},
    ]
    points = objective_matrix(rows, [LATENCY, ACCURACY, ENERGY])
    np.testing.assert_allclose(points[:, 0], np.log([2, 8, 8]))
    np.testing.assert_allclose(points[:, 1], [-0.5, -0.5, -0.9])
    np.testing.assert_allclose(points[:, 2], 0)
    rows[0]["latency_p95_ms"] = math.nan
    np.testing.assert_allclose(objective_matrix(rows, [LATENCY])[:, 0], np.log([8, 8, 8]))


def test_zero_is_better_than_anything_and_still_finite() -> None:
    """A figure of zero (energy above idle) can be ranked."""
    points = objective_matrix(_rows(["energy_mj"], (0.0,), (1e-9,), (5.0,)), [ENERGY])
    assert np.isfinite(points).all()
    assert points[0] < points[1] < points[2]


def test_nobody_is_ranked_where_nobody_is() -> None:
    """No rows give no points, no front and no order."""
    points = objective_matrix([], [LATENCY, ACCURACY])
    assert points.shape == (0, 2)
    assert front_of(points).tolist() == []
    assert ranked(points, [LATENCY, ACCURACY], KNEE) == []


def test_the_knee_is_the_best_compromise() -> None:
    """Extremes lose to the row that is good at both; dominated rows come last."""
    rows = _rows(["latency_p95_ms", "accuracy"], (1, 0.50), (2, 0.89), (10, 0.90), (3, 0.85))
    assert _order(rows, [LATENCY, ACCURACY], KNEE)[0] == 1
    assert _order(rows, [LATENCY, ACCURACY], KNEE)[-1] == 3


def test_a_range_that_nobody_trades_for_counts_little() -> None:
    """2 % of memory are not the equal of three times the latency, by knee or weights; over a wide range they are."""
    memory = METRICS["memory_peak"]
    narrow = _rows(["latency_p95_ms", "memory_peak_mib"], (1, 64.0), (3, 62.7), (3.3, 62.6))
    wide = _rows(["latency_p95_ms", "memory_peak_mib"], (1, 200.0), (3, 62.7), (3.3, 62.6))
    weights = Preference("weights", {"latency_p95": 1, "memory_peak": 1})
    for preference in (KNEE, weights):
        assert _order(narrow, [LATENCY, memory], preference)[0] == 0
    assert _order(wide, [LATENCY, memory], KNEE)[0] == 1
    assert _order(_rows(["accuracy", "latency_p95_ms"], (0.990, 1), (0.992, 3)), [ACCURACY, LATENCY], KNEE)[0] == 0


def test_weights_choose_along_the_front() -> None:
    """All weight on one objective chooses its best; the other one's best with the weight there."""
    rows = _rows(["latency_p95_ms", "accuracy"], (1, 0.50), (2, 0.70), (10, 0.90))
    speed = Preference("weights", {"latency_p95": 9.0, "accuracy": 1.0})
    quality = Preference("weights", {"accuracy": 9.0, "latency_p95": 1.0})
    assert _order(rows, [LATENCY, ACCURACY], speed) == [0, 1, 2]
    assert _order(rows, [LATENCY, ACCURACY], quality) == [2, 1, 0]


def test_weights_may_leave_objectives_out() -> None:
    """An objective without a weight does not count among the front."""
    rows = _rows(["latency_p95_ms", "accuracy"], (5, 0.9), (1, 0.5), (2, 0.6))
    assert _order(rows, [LATENCY, ACCURACY], Preference("weights", {"latency_p95": 1.0})) == [1, 2, 0]


def test_lexicographic_takes_one_after_the_other() -> None:
    """The first objective decides; within 1 % of its range the next one does."""
    rows = _rows(["accuracy", "latency_p95_ms"], (0.900, 50.0), (0.899, 10.0), (0.5, 1.0), (0.7, 5.0))
    order = _order(rows, [ACCURACY, LATENCY], Preference("lexicographic", order=("accuracy", "latency_p95")))
    assert order == [1, 0, 3, 2]
    order = _order(rows, [ACCURACY, LATENCY], Preference("lexicographic", order=("latency_p95", "accuracy")))
    assert order == [2, 3, 1, 0]


PREFERENCES = st.sampled_from(
    [
        KNEE,
        Preference("weights", {"latency_p95": 2.0, "throughput": 1.0}),
        Preference("lexicographic", order=("throughput", "accuracy")),
    ]
)
TABLE = st.lists(st.tuples(POSITIVE, POSITIVE, st.floats(0, 1)), min_size=1, max_size=12)
KEYS, OBJECTIVES = ("latency_p95_ms", "throughput_ips", "accuracy"), (LATENCY, RATE, ACCURACY)


@given(TABLE, PREFERENCES)
def test_the_front_comes_before_the_rest(table: list[tuple[float, float, float]], preference: Preference) -> None:
    """Every row is ranked once; no dominated row stands before one of the front."""
    points = objective_matrix(_rows(KEYS, *table), OBJECTIVES)
    order = ranked(points, OBJECTIVES, preference)
    mask = front_of(points)
    assert sorted(order) == list(range(len(table)))
    assert all(mask[row] for row in order[: int(mask.sum())])


@given(TABLE)
def test_the_front_is_what_no_row_beats(table: list[tuple[float, float, float]]) -> None:
    """Off the front is exactly what another row is at least as good as in all and better than in one."""
    points = objective_matrix(_rows(KEYS, *table), OBJECTIVES)
    beaten = [any((other <= row).all() and (other < row).any() for other in points) for row in points]
    assert front_of(points).tolist() == [not lost for lost in beaten]


@given(
    st.lists(st.tuples(*[st.integers(1, 40)] * 3), min_size=1, max_size=12, unique=True),
    PREFERENCES,
    st.sampled_from([1e-6, 0.25, 3.0, 1e6]),
    st.integers(0, 1),
)
def test_a_unit_changes_nothing(
    table: list[tuple[int, int, int]], preference: Preference, factor: float, column: int
) -> None:
    """With a time in other units or a rate per hour the chosen row is the same (or one exactly as good)."""
    values = [(row[0] / 7, row[1] / 7, row[2] / 40) for row in table]
    scaled = [tuple(v * factor if i == column else v for i, v in enumerate(row)) for row in values]
    points = objective_matrix(_rows(KEYS, *values), OBJECTIVES)
    one = ranked(points, OBJECTIVES, preference)[0]
    other = _order(_rows(KEYS, *scaled), OBJECTIVES, preference)[0]
    front = points[front_of(points)]
    span = np.ptp(front, axis=0)
    unit = (points - front.min(axis=0)) / np.where(span > 0, span, 1.0)
    if preference.kind == "knee":
        cost = np.linalg.norm(unit, axis=1)
    elif preference.kind == "weights":
        cost = unit @ [2, 1, 0]
    else:
        assert one == other
        return
    assert front_of(points)[other]
    assert cost[other] == pytest.approx(cost[one], abs=1e-9)


@given(st.permutations(range(6)), PREFERENCES)
def test_the_order_of_rows_changes_nothing(shuffle: list[int], preference: Preference) -> None:
    """Distinct rows are ranked the same way wherever they stand."""
    table = [(1, 3.0, 0.61), (2.3, 11.0, 0.7), (5, 17.0, 0.83), (9, 31.0, 0.9), (9.5, 30.0, 0.85), (3, 2.0, 0.5)]
    straight = [table[row] for row in _order(_rows(KEYS, *table), OBJECTIVES, preference)]
    shuffled = [table[i] for i in shuffle]
    assert [shuffled[row] for row in _order(_rows(KEYS, *shuffled), OBJECTIVES, preference)] == straight


@pytest.mark.parametrize(
    ("preference", "words"),
    [
        (KNEE, "the knee of the front: nearest to the best of latency_p95, accuracy at once"),
        (
            Preference("weights", {"latency_p95": 2.0, "accuracy": 0.5}),
            "the best weighted sum over the range of the front: latency_p95 x 2, accuracy x 0.5",
        ),
        (
            Preference("lexicographic", order=("accuracy", "latency_p95")),
            "one after the other, within 1% of the range: accuracy, then latency_p95",
        ),
    ],
)
def test_the_rule_is_told(preference: Preference, words: str) -> None:
    """The rule that chose is one sentence that names the objectives."""
    assert rule_text([LATENCY, ACCURACY], preference) == words


def test_plain_numbers_are_compared_as_they_are() -> None:
    """Errors and R2 are on a linear scale, where zero and negative values have their place."""
    rows = [{"mae": 0.0, "r2": -0.5}, {"mae": 1.0, "r2": 0.5}, {"mae": 3.0}]
    points = objective_matrix(rows, [METRICS["mae"], METRICS["r2"]])
    assert points.tolist() == [[0.0, 0.5], [1.0, -0.5], [3.0, 0.5]]
