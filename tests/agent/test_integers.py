"""Models that take and give integers in place of real numbers, in real workers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tflite_models as builder

from autoedge.agent.feed import Feed
from autoedge.errors import DataError
from autoedge.runtimes.base import Port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.targets.local import LocalTarget

LITERT = "autoedge.runtimes.litert:LiteRt"


@pytest.fixture
def runtimes() -> dict[str, str]:
    """LiteRT alone."""
    return {"litert": LITERT}


@pytest.fixture
def scores(target: LocalTarget, job: dict[str, Any]) -> Callable[..., np.ndarray]:
    """Runs a job on a model and data, and gives its scores."""

    def run(model: Path, data: Path, **changes: Any) -> np.ndarray:
        hashes = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (model, data)}
        target.send_files(hashes)
        named = dict(zip(("model", "data"), hashes, strict=True))
        return np.asarray(target.run({**job, "runtime": "litert", **named, **changes}, {}).arrays["scores"])

    return run


def npz(folder: Path, **arrays: np.ndarray) -> Path:
    """Data in a file."""
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_reals_in_and_out_of_an_integer_model(tmp_path: Path, scores: Any, dtype: str) -> None:
    """Real samples become the model's integers, and its integers become real scores."""
    samples = np.random.default_rng(0).uniform(-3, 3, (9, 16)).astype(np.float32)
    model = builder.integer_net(dtype).save(tmp_path / "model.tflite")
    found = scores(model, npz(tmp_path, x=samples), scores="y", batch=1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.maximum(samples, 0), atol=0.0251)


def test_integer_samples_are_taken_as_they_are(tmp_path: Path, scores: Any) -> None:
    """Samples that the user stores in the model's own type are not touched."""
    samples = np.random.default_rng(0).integers(-128, 128, (9, 16)).astype(np.int8)
    model = builder.integer_net().save(tmp_path / "model.tflite")
    found = scores(model, npz(tmp_path, x=samples), scores="y", batch=1)
    np.testing.assert_allclose(found, np.maximum((samples.astype(float) + 7) * 0.05, 0), rtol=1e-6)


def test_a_free_batch_is_filled(tmp_path: Path, scores: Any) -> None:
    """Scores do not depend on the batch, the last and shorter one included."""
    data = npz(tmp_path, x=np.random.default_rng(7).random((30, 16)).astype(np.float32))
    model = builder.dense_net(16, 10).save(tmp_path / "model.tflite")
    one, seven = (scores(model, data, batch=batch) for batch in (1, 7))
    assert one.shape == (30, 10)
    np.testing.assert_allclose(one, seven, rtol=1e-5, atol=1e-7)


def test_without_a_scale_reals_are_refused(tmp_path: Path) -> None:
    """Nothing says what integers stand for where the model gives no scale."""
    data = npz(tmp_path, x=np.zeros((3, 4), np.float32))
    job = {"data": str(data), "batch": 1, "seed": 0}
    with pytest.raises(DataError, match="the model takes int8, but the data are float32"):
        Feed([Port("x", "int8", (1, 4))], job).batches(1)


def test_generated_inputs_use_the_range() -> None:
    """Without data, an integer input with a scale gets what standard normal values become, not zeros and ones."""
    feed = Feed([Port("x", "int8", (1, 400), 0.05, 3)], {"data": None, "batch": 1, "seed": 0})
    (batch,) = feed.batches(1)
    reals = (batch["x"].astype(float) - 3) * 0.05
    assert batch["x"].dtype == np.int8
    assert 0.8 < reals.std() < 1.2
