"""What quality may still come to while an evaluation runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.bench.quality import QualityBook
from autoedge.measurement import Source
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.bench.task import Task

CLASSES, SAMPLES = 3, 90


@pytest.fixture
def book(tmp_path: Path, make_task: Callable[..., Task]) -> Iterator[QualityBook]:
    """Labels of ninety samples."""
    store = Store(tmp_path / "study.db")
    yield QualityBook(store, tmp_path, make_task())
    store.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), seen=st.integers(1, SAMPLES), skill=st.floats(0.0, 1.0))
def test_the_ends_hold_whatever_comes(book: QualityBook, seed: int, seen: int, skill: float) -> None:
    """Of scores in any order, the metrics of the whole lie between the ends told from any part, none as measured."""
    scores = _scores(book, seed, skill)
    whole = book.outlook(scores, None)
    for name, value in book.outlook(scores[:seen], None).items():
        assert value.low - 1e-12 <= whole[name].value <= value.high + 1e-12
        assert value.n == seen
        assert value.source is Source.DERIVED


def test_of_all_samples_the_ends_meet(book: QualityBook, tmp_path: Path) -> None:
    """With every sample seen it is the metric itself, as a full evaluation gives it."""
    scores = _scores(book, 0, 0.7)
    np.savez(tmp_path / "all.npz", scores=scores)
    full = book.metrics("all.npz", None)
    for name, value in book.outlook(scores, None).items():
        assert value.low == value.value == value.high == pytest.approx(full[name].value)


def test_outputs_that_are_not_finite_say_nothing(book: QualityBook) -> None:
    """They are left to fail at the end, with their reason."""
    assert book.outlook(np.full((5, CLASSES), np.nan, np.float32), None) == {}


def test_agreement_without_labels(tmp_path: Path, make_task: Callable[..., Task]) -> None:
    """Unlabelled outputs are held against the reference's: what is missing may agree or not."""
    store = Store(tmp_path / "study.db")
    book = QualityBook(store, tmp_path, make_task(labels=None))
    scores = np.eye(CLASSES, dtype=np.float32)[np.zeros(SAMPLES, np.int64)]
    np.savez(tmp_path / "reference.npz", scores=scores)
    found = book.outlook(scores[:30], "reference.npz")
    assert (found["agreement"].low, found["agreement"].high) == (pytest.approx(1 / 3), 1.0)
    assert book.outlook(scores[:30], None) == {}
    store.close()


def _scores(book: QualityBook, seed: int, skill: float) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    labels: Any = book._task.labels
    predicted = np.where(generator.random(SAMPLES) < skill, labels, generator.integers(0, CLASSES, SAMPLES))
    return np.eye(CLASSES, dtype=np.float32)[predicted]
