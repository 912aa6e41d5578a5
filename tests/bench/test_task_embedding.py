"""Embedding: recall by brute force, and agreement with the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.bench.intervals import wilson
from autoedge.bench.tasks.embedding import Embedding
from autoedge.errors import DataError

Array = np.ndarray[Any, Any]


def _recall(vectors: Array, labels: Array, depth: int) -> float:
    """Recall at a depth, query by query."""
    right = []
    for query, vector in enumerate(vectors):
        others = [at for at in range(len(labels)) if at != query]
        if labels[query] not in labels[others]:
            continue
        cosine = vectors[others] @ vector / (np.linalg.norm(vectors[others], axis=1) * np.linalg.norm(vector))
        nearest = np.array(others)[np.argsort(-cosine)[:depth]]
        right.append(labels[query] in labels[nearest])
    return float(np.mean(right))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), samples=st.integers(4, 60), classes=st.integers(1, 12))
def test_recall_is_that_of_brute_force(seed: int, samples: int, classes: int) -> None:
    """Recall at 1, 5 and 10 is what looking at each query alone gives; singles do not count."""
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0], generator.integers(0, classes, samples - 2)])
    vectors = (np.eye(12)[labels] + generator.standard_normal((samples, 12))).astype(np.float32)
    found = Embedding(labels, 0).metrics(vectors, None, 0.95)
    for key, depth in (("recall_at_1", 1), ("recall_at_5", 5), ("recall_at_10", 10)):
        assert found[key].value == pytest.approx(_recall(vectors.astype(np.float64), labels, depth))
    assert "cosine_similarity" not in found


def test_intervals_are_wilsons_over_queries() -> None:
    """Queries whose label nothing else has are left out of the count."""
    labels = np.array([0, 0, 1, 1, 2])
    vectors = np.array([[1, 0], [1, 0.04], [0, 1], [1, 0.2], [0.1, 1]], np.float32)
    found = Embedding(labels, 0).metrics(vectors, None, 0.95)["recall_at_1"]
    assert (found.value, found.n) == (0.5, 4)
    assert (found.low, found.high) == wilson(2, 4, 0.95)


def test_a_collapsed_embedding_finds_nothing() -> None:
    """Where all embeddings are equal, items of other labels are as near: none is found before them."""
    labels = np.arange(40) % 10
    found = Embedding(labels, 0).metrics(np.ones((40, 3), np.float32), None, 0.95)
    assert found["recall_at_10"].value == 0


def test_hits_pair_queries() -> None:
    """Hits of two candidates are in one order, and their mean is the recall."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 50)
    vectors = (np.eye(4)[labels] + 0.6 * generator.standard_normal((50, 4))).astype(np.float32)
    judged = Embedding(labels, 0)
    right = judged.hits("recall_at_5", vectors)
    assert right is not None
    assert right.mean() == judged.metrics(vectors, None, 0.95)["recall_at_5"].value
    assert judged.hits("cosine_similarity", vectors) is None
    assert Embedding(None, 0).hits("recall_at_5", vectors) is None


def test_agreement_is_the_mean_cosine() -> None:
    """Scaling changes nothing, turning does; the reference agrees with itself wholly."""
    generator = np.random.default_rng(1)
    reference = generator.standard_normal((80, 8)).astype(np.float32)
    noisy = (2 * reference + generator.standard_normal((80, 8))).astype(np.float32)
    judged = Embedding(None, 0)
    same = judged.metrics(3 * reference, reference, 0.95)["cosine_similarity"]
    assert same.value == pytest.approx(1, abs=1e-6)
    found = judged.metrics(noisy, reference, 0.95)["cosine_similarity"]
    wide, other = noisy.astype(np.float64), reference.astype(np.float64)
    cosine = (wide * other).sum(1) / np.linalg.norm(wide, axis=1) / np.linalg.norm(other, axis=1)
    assert found.value == pytest.approx(cosine.mean(), abs=1e-6)
    half = 1.96 * cosine.std(ddof=1) / np.sqrt(80)
    assert found.low == pytest.approx(cosine.mean() - half, abs=half / 3)
    assert found.high == pytest.approx(cosine.mean() + half, abs=half / 3)
    assert judged.metrics(noisy, None, 0.95) == {}


@pytest.mark.parametrize(
    ("labels", "vectors", "reference", "said"),
    [
        ([0, 1, 2], np.ones((3, 2), np.float32), None, "every label in 'y' stands once"),
        ([0, 0, 1], np.ones((2, 2), np.float32), None, "2 and 3"),
        ([0, 0, 1], np.full((3, 2), np.nan, np.float32), None, "NaN or infinite"),
        ([0, 0, 1], np.ones((3, 2), np.float32), np.ones((3, 4), np.float32), r"\(3, 2\) and \(3, 4\)"),
    ],
)
def test_what_does_not_fit_is_refused(labels: list[int], vectors: Array, reference: Array | None, said: str) -> None:
    """Labels that stand alone, too few embeddings, NaN, and a reference of another width are told."""
    with pytest.raises(DataError, match=said):
        Embedding(np.array(labels), 0).metrics(vectors, reference, 0.95)
