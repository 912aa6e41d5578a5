"""Stored outputs of any task: judged by the task's own metrics, compared sample by sample where that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.quality import QualityBook
from autoedge.bench.tasks.base import Withheld
from autoedge.bench.tasks.classification import Classification
from autoedge.bench.tasks.embedding import Embedding
from autoedge.bench.tasks.regression import Regression
from autoedge.candidate import Configuration
from autoedge.errors import DataError
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.bench.task import Task

SAMPLES, CLASSES = 90, 3


@pytest.fixture
def book(tmp_path: Path, make_task: Callable[..., Task]) -> Iterator[Callable[..., QualityBook]]:
    """A book over a run's folder, for a task judged by something else."""
    store = Store(tmp_path / "study.db")
    yield lambda evaluator, **changes: QualityBook(store, tmp_path, make_task(judged_by=evaluator, **changes))
    store.close()


def _kept(book: QualityBook, outputs: np.ndarray[Any, Any], name: str) -> str:
    return book.keep(name * 32, outputs.astype(np.float32), whole=True, job=name * 32)


def test_drops_of_any_share_are_paired(book: Callable[..., QualityBook]) -> None:
    """Top-k accuracy and recall drop sample by sample; what is no share of samples has no drop."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 20, SAMPLES)
    good = 3 * np.eye(20)[labels] + generator.standard_normal((SAMPLES, 20))
    worse = good + 2 * generator.standard_normal(good.shape)
    for evaluator, key in (
        (Classification(labels, 0, ("top5_accuracy", "log_loss")), "top5_accuracy"),
        (Embedding(labels, 0), "recall_at_1"),
    ):
        judged = book(evaluator)
        reference, candidate = _kept(judged, good, "a"), _kept(judged, worse, "b")
        drop = judged.drop(key, candidate, reference, 0.95)
        assert drop is not None
        told = [judged.metrics(name, reference)[key].value for name in (reference, candidate)]
        assert drop.value == pytest.approx(told[0] - told[1])
        assert drop.low <= drop.value <= drop.high
        assert drop.estimator == "paired difference, Tango"
        assert judged.drop("f1_macro", candidate, reference, 0.95) is None
        assert judged.drop("log_loss", candidate, reference, 0.95) is None


def test_a_reference_that_is_gone_matters_where_it_is_needed(book: Callable[..., QualityBook], tmp_path: Path) -> None:
    """Errors against targets are told without the reference's outputs, agreement with them is not."""
    outputs = np.random.default_rng(1).standard_normal((SAMPLES, 2))
    judged = book(Regression(outputs + 1, 0))
    reference, candidate = _kept(judged, outputs, "a"), _kept(judged, outputs, "b")
    (tmp_path / reference).unlink()
    assert judged.metrics(candidate, reference)["mae"].value == pytest.approx(1)
    with pytest.raises(DataError, match="stored outputs cannot be read"):
        book(Embedding(None, 0)).metrics(candidate, reference)


def test_tasks_without_an_outlook_give_none(book: Callable[..., QualityBook]) -> None:
    """While outputs come in, nothing is certain of errors, recall or what cannot be judged here."""
    outputs = np.ones((10, CLASSES), np.float32)
    labels = np.arange(SAMPLES) % 5
    for evaluator in (Regression(np.ones((SAMPLES, 3)), 0), Embedding(labels, 0), Withheld("no trust")):
        assert book(evaluator).outlook(outputs, None) == {}


def test_what_is_withheld_tells_nothing(book: Callable[..., QualityBook]) -> None:
    """Outputs that cannot be judged here are kept all the same, and come to no figure."""
    judged = book(Withheld("no trust"))
    file = _kept(judged, np.ones((SAMPLES, 2)), "a")
    assert judged.metrics(file, file) == {}
    assert judged.drop("accuracy", file, file, 0.95) is None
    assert judged.scores(file).shape == (SAMPLES, 2)


def test_outputs_that_count_together_are_part_of_the_key(book: Callable[..., QualityBook]) -> None:
    """Other outputs of the same model are never taken for these."""
    configuration = Configuration("linear", {"precision": "fp32"}, "onnxruntime", {"batch": 1})
    keys = {
        book(None, together=together).key(configuration, "a" * 64, "1", "f" * 16)
        for together in ({}, {"linear": ("boxes", "scores")}, {"linear": ("boxes", "scores", "classes")})
    }
    assert len(keys) == 3
