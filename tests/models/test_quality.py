"""Variants of a trained network are still good at what it learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from autoedge.models.inspect import inspect_model
from autoedge.models.variants import make_variant

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.models.cache import VariantCache

STATIC = [
    {"precision": "int8-static", "calibration": method, "granularity": granularity}
    for method in ("minmax", "entropy", "percentile")
    for granularity in ("tensor", "channel")
]


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Training images, images to judge by, and the weights and biases of a network trained on the former."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    network = MLPClassifier((32,), solver="lbfgs", max_iter=400, tol=0.01, random_state=0)
    network.fit(images[:1200], labels[:1200])
    pairs = zip(network.coefs_, network.intercepts_, strict=True)
    return images[:1200], images[1200:], [each.astype(np.float32) for pair in pairs for each in pair]


@pytest.fixture
def trained(build: Any, digits: tuple[np.ndarray, np.ndarray, list[np.ndarray]]) -> Path:
    """The trained network as a model file."""
    model = build.mlp(64, 32, 10)
    for stored, values in zip(model.graph.initializer, digits[2], strict=True):
        stored.raw_data = values.tobytes()
    path: Path = build.save(model)
    return path


def scores(path: Path, images: np.ndarray) -> np.ndarray:
    """Class probabilities."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": images})[0])


def test_trained_network(
    trained: Path,
    digits: tuple[np.ndarray, np.ndarray, list[np.ndarray]],
    cache: VariantCache,
    samples: Callable[..., Path],
) -> None:
    """float16 keeps the scores; every int8 variant keeps 97 % of the labels, all are smaller, and no two are one."""
    info = inspect_model(trained)
    calibration = samples(x=digits[0][:300])
    expected = scores(trained, digits[1])
    half = make_variant(trained, info, {"precision": "fp16"}, runtime="onnxruntime", cache=cache)
    assert np.abs(scores(half.path, digits[1]) - expected).max() < 0.01
    assert half.size_bytes < 0.6 * info.size_bytes
    made = {half.sha256}
    for recipe in ({"precision": "int8-dynamic"}, *STATIC):
        variant = make_variant(trained, info, recipe, runtime="onnxruntime", cache=cache, calibration=calibration)
        same = scores(variant.path, digits[1]).argmax(1) == expected.argmax(1)
        assert same.mean() > 0.97, recipe
        assert variant.size_bytes < 0.6 * info.size_bytes
        made.add(variant.sha256)
    assert len(made) == 2 + len(STATIC)  # no recipe silently falls back to another
