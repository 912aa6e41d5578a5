"""Task metrics are right, their intervals cover, and what does not belong together is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from autoedge.bench.intervals import wilson
from autoedge.bench.task_metrics import _resampled_f1, accuracy, agreement, check_scores, macro_f1
from autoedge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LABELS = np.array([0, 1, 2, 2, 1])
SCORES = np.array([[9, 1, 0], [1, 9, 0], [0, 1, 9], [9, 1, 0], [0, 5, 5]], dtype=np.float32)


def _draw(
    rng: np.random.Generator, n: int, classes: int, right: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labels = rng.integers(0, classes, n)
    wrong = (labels + rng.integers(1, classes, n)) % classes
    return np.eye(classes)[np.where(rng.random(n) < right, labels, wrong)], labels


def test_accuracy_by_hand() -> None:
    """Four of five are right, the first of equal scores counts, and the interval is Wilson's."""
    assert accuracy(SCORES, LABELS) == (0.8, *wilson(4, 5))


def test_macro_f1_by_hand() -> None:
    """Class scores 2/3, 1 and 2/3 have the mean 7/9, within their interval."""
    value, low, high = macro_f1(SCORES, LABELS, seed=0)
    assert value == pytest.approx(7 / 9)
    assert 0 <= low < value < high <= 1


def test_macro_f1_is_repeatable() -> None:
    """The same seed gives the same interval."""
    scores, labels = _draw(np.random.default_rng(1), 200, 10, 0.9)
    assert macro_f1(scores, labels, seed=3) == macro_f1(scores, labels, seed=3)
    assert macro_f1(scores, labels, seed=3) != macro_f1(scores, labels, seed=4)


def test_no_error_still_has_width() -> None:
    """All right is F1 1, but its lower end is that of the accuracy and not 1."""
    labels = np.arange(30) % 3
    assert macro_f1(np.eye(3)[labels], labels, seed=0) == (1.0, wilson(30, 30)[0], 1.0)


def test_counts_are_resampled_as_samples_would_be() -> None:
    """Resampling counts has the distribution of scikit-learn's F1 on resampled samples, absent classes included."""
    rng = np.random.default_rng(2)
    labels = rng.choice(6, 60, p=[0.5, 0.2, 0.2, 0.05, 0.05, 0.0])
    predicted = np.where(rng.random(60) < 0.8, labels, rng.integers(0, 5, 60))
    slow = []
    for _ in range(1500):
        index = rng.integers(0, 60, 60)
        slow.append(f1_score(labels[index], predicted[index], average="macro", zero_division=0.0))
    fast = _resampled_f1(labels, predicted, 6, 20_000, rng)
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.quantile(fast, q) == pytest.approx(np.quantile(slow, q), abs=0.015)


@pytest.mark.parametrize(("n", "classes", "right"), [(360, 10, 0.97), (1000, 100, 0.8)])
def test_macro_f1_covers_the_truth(n: int, classes: int, right: float) -> None:
    """The interval covers the F1 of the population in 91 to 99 %, also with ten samples a class."""
    rng = np.random.default_rng(5)
    figures = [macro_f1(*_draw(rng, n, classes, right), resamples=300, seed=7) for _ in range(150)]
    assert 0.91 <= np.mean([low <= right <= high for _, low, high in figures]) <= 0.99


def test_agreement_counts_equal_top_classes() -> None:
    """A model agrees with itself on all samples, and loses one for each other top class."""
    other = SCORES.copy()
    other[0] = [0, 9, 1]
    assert agreement(SCORES, SCORES) == (1.0, *wilson(5, 5))
    assert agreement(other, SCORES) == (0.8, *wilson(4, 5))


@settings(deadline=None)
@given(st.integers(2, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_values_lie_in_their_intervals(classes: int, pairs: list[tuple[int, int]]) -> None:
    """0 <= low <= value <= high <= 1, whatever is predicted."""
    labels = np.array([pair[0] % classes for pair in pairs])
    scores = np.eye(classes)[[pair[1] % classes for pair in pairs]]
    check_scores(scores, labels)
    for value, low, high in (accuracy(scores, labels), macro_f1(scores, labels, resamples=50, seed=1)):
        assert 0 <= low <= value <= high <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_good_data_pass(dtype: type) -> None:
    """Finite scores with labels of any integer type are accepted."""
    check_scores(SCORES, LABELS.astype(dtype))
    assert macro_f1(SCORES, LABELS.astype(dtype), seed=0) == macro_f1(SCORES, LABELS, seed=0)


def _spoilt(value: float) -> NDArray[np.float32]:
    scores = SCORES.copy()
    scores[3, 1] = value
    return scores


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (_spoilt(np.nan), LABELS, r"scores are finite, but got nan for sample 3, class 1 \(1 of 15"),
        (_spoilt(-np.inf), LABELS, "scores are finite, but got -inf for sample 3"),
        (SCORES[:, 0], LABELS, r"samples x classes .* got shape \(5,\)"),
        (SCORES[:, :1], LABELS, r"two classes at least, but got shape \(5, 1\)"),
        (SCORES[:0], LABELS[:0], r"a sample .* got shape \(0, 3\)"),
        (SCORES.astype(int), LABELS, "scores are floating numbers, but got int64"),
        (SCORES, LABELS[:4], "got 5 scores and 4 labels"),
        (SCORES, LABELS[:, None], r"labels have one axis.* got shape \(5, 1\)"),
        (SCORES, LABELS.astype(float), "labels are integers from 0 to 2, but got float64"),
        (SCORES, LABELS.astype(str), "labels are integers from 0 to 2, but got <U"),
        (SCORES, LABELS + 1, r"labels lie in 0 to 2.* got 3 for sample 2 \(2 of 5"),
        (SCORES, LABELS - 1, "labels lie in 0 to 2.* got -1 for sample 0"),
    ],
)
def test_what_does_not_belong_together_is_refused(scores: NDArray, labels: NDArray, message: str) -> None:
    """Each error states the rule, then the value."""
    with pytest.raises(DataError, match=message):
        check_scores(scores, labels)


def test_agreement_refuses_other_shapes_and_nan() -> None:
    """The reference's scores have the same shape, and both are finite."""
    with pytest.raises(DataError, match=r"one shape, but got \(5, 3\) and \(4, 3\)"):
        agreement(SCORES, SCORES[:4])
    with pytest.raises(DataError, match="scores are finite"):
        agreement(_spoilt(np.nan), SCORES)
