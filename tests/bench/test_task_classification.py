"""Classification beyond accuracy: top-k and log loss, told only where asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, top_k_accuracy_score

from autoedge.bench.tasks.classification import Classification, are_probabilities, log_losses, within
from autoedge.errors import DataError

Array = np.ndarray[Any, Any]
EXTRA = ("top3_accuracy", "top5_accuracy", "log_loss")


def _case(seed: int, samples: int = 60, classes: int = 8) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, samples)
    logits = generator.standard_normal((samples, classes)) + 1.5 * np.eye(classes)[labels]
    return logits.astype(np.float32), labels


def _softmax(logits: Array) -> Array:
    whole = np.exp(logits - logits.max(axis=1, keepdims=True))
    return whole / whole.sum(axis=1, keepdims=True)


def test_the_usual_metrics_are_alone_unless_more_is_asked_for() -> None:
    """Without a word there are accuracy and macro F1, as ever; the asked-for ones come beside them unchanged."""
    logits, labels = _case(0)
    usual = Classification(labels, 0).metrics(logits, None, 0.95)
    more = Classification(labels, 0, EXTRA).metrics(logits, None, 0.95)
    assert list(usual) == ["accuracy", "f1_macro"]
    assert list(more) == ["accuracy", "f1_macro", *EXTRA]
    assert {key: more[key] for key in usual} == usual


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), depth=st.integers(1, 7))
def test_top_k_is_scikit_learns(seed: int, depth: int) -> None:
    """The share within the k highest scores is that of scikit-learn; the first one is the accuracy."""
    logits, labels = _case(seed)
    expected = top_k_accuracy_score(labels, logits, k=depth, labels=np.arange(8))
    assert within(logits, labels, depth).mean() == pytest.approx(expected)
    assert (within(logits, labels, 1) == (logits.argmax(axis=1) == labels)).all()


def test_equal_scores_count_by_their_place() -> None:
    """Of equal scores the first counts as the highest, so that a constant classifier is not right at every depth."""
    labels = np.arange(6)
    assert within(np.zeros((6, 6), np.float32), labels, 3).tolist() == [True, True, True, False, False, False]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_log_loss_is_scikit_learns(seed: int) -> None:
    """Of logits and of their probabilities alike the mean is scikit-learn's log loss."""
    logits, labels = _case(seed)
    expected = log_loss(labels, _softmax(logits.astype(np.float64)), labels=np.arange(8))
    assert log_losses(logits, labels, probabilities=False).mean() == pytest.approx(expected, rel=1e-6)
    told = log_losses(_softmax(logits), labels, probabilities=True)
    assert told.mean() == pytest.approx(expected, rel=1e-4)


def test_the_reference_says_what_scores_are() -> None:
    """Whether scores are probabilities is read off the reference's outputs, so that all variants are treated alike."""
    logits, labels = _case(1)
    shares = _softmax(logits).astype(np.float32)
    rough = np.round(shares, 1)  # sums miss 1, as a coarse variant's do
    assert are_probabilities(shares)
    assert not are_probabilities(rough)
    assert not are_probabilities(logits)
    judged = Classification(labels, 0, EXTRA)
    by_reference = judged.metrics(rough, shares, 0.95)["log_loss"].value
    assert by_reference == pytest.approx(log_losses(rough, labels, probabilities=True).mean())
    assert by_reference != pytest.approx(judged.metrics(rough, None, 0.95)["log_loss"].value)


def test_a_sure_mistake_costs_a_finite_amount() -> None:
    """A probability of zero for the label counts as the smallest float32, in both readings."""
    certain = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    labels = np.array([0, 1])
    assert log_losses(certain, labels, probabilities=True)[1] == pytest.approx(87.3, abs=0.1)
    assert log_losses(1e6 * certain, labels, probabilities=False)[1] == pytest.approx(87.3, abs=0.1)
    with pytest.raises(DataError, match="those of sample 0 have none"):
        log_losses(np.zeros((1, 2), np.float32), labels[:1], probabilities=True)


def test_log_loss_intervals_cover() -> None:
    """Of 200 evaluation sets the 95 % intervals hold the true log loss in most: 88 to 99 %."""
    everything, labels = _case(0, samples=200_000)
    truth = log_losses(everything, labels, probabilities=False).mean()
    covered = 0
    for seed in range(1, 201):
        logits, wanted = _case(seed)
        found = Classification(wanted, 0, ("log_loss",)).metrics(logits, None, 0.95)["log_loss"]
        covered += found.low <= truth <= found.high
    assert 176 <= covered <= 198


def test_outlook_holds_top_k_and_leaves_out_log_loss() -> None:
    """What the first samples say of top-k is certain, whatever comes; of the log loss nothing is."""
    logits, labels = _case(2)
    judged = Classification(labels, 0, EXTRA)
    final = judged.metrics(logits, None, 0.95)
    for seen in (1, 20, 60):
        ends = judged.outlook(logits[:seen], None)
        assert sorted(ends) == ["accuracy", "f1_macro", "top3_accuracy", "top5_accuracy"]
        assert all(ends[key].low - 1e-12 <= final[key].value <= ends[key].high + 1e-12 for key in ends)
