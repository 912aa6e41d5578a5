"""A model file's key changes with everything that the file, or what it is fed with, depends on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tflite_models import dense_net

from autoedge.candidate import Configuration
from autoedge.intent.load import load_intent
from autoedge.models.cache import VariantCache
from autoedge.workflows.prepare import Prepared, prepare
from autoedge.workflows.spaces import space_files
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONNX_STATIC = {"precision": "int8-static", "calibration": "minmax", "granularity": "tensor"}


@pytest.fixture
def prepared(place: Path, write_intent: Callable[..., Path]) -> Prepared:
    """An ONNX model and a .tflite one that take the same samples."""
    with np.load(place / "eval.npz") as data:
        features = int(np.prod(data["x"].shape[1:]))
    (place / "lite.tflite").write_bytes(dense_net(features, 3, batch=None).data())
    intent = write_intent(models="[small.onnx, lite.tflite]", constraints="[size <= 1 MiB]", search="{space: default}")
    return prepare(load_intent(intent))


@pytest.mark.parametrize(
    ("model", "runtime", "recipe"),
    [
        ("small", "onnxruntime", ONNX_STATIC),
        ("small", "openvino", {"precision": "int8-static", "preset": "mixed"}),
        ("lite", "litert", {"precision": "int8-static"}),
    ],
)
def test_calibration_data_are_part_of_what_they_calibrate(
    prepared: Prepared, tmp_path: Path, model: str, runtime: str, recipe: dict[str, str]
) -> None:
    """On every runtime other calibration data give another key for static int8, and leave all else as it is."""
    other = replace(prepared, calibration_hash="0" * 64)
    mine, theirs = (VariantShelf(each, VariantCache(tmp_path), space_files(each)) for each in (prepared, other))
    static = Configuration(model, recipe, runtime, {"batch": 1})
    given = Configuration(model, {"precision": "fp32"}, runtime, {"batch": 1})
    assert mine.key(static) != theirs.key(static)
    assert mine.key(given) == theirs.key(given)
    assert mine.key(static) != mine.key(given)


def test_a_runtime_has_files_of_its_own(prepared: Prepared, tmp_path: Path) -> None:
    """The same recipe is made by other tools for another runtime."""
    shelf = VariantShelf(prepared, VariantCache(tmp_path), space_files(prepared))
    on = [
        Configuration("small", {"precision": "fp16"}, runtime, {"batch": 1}) for runtime in ("onnxruntime", "openvino")
    ]
    assert shelf.key(on[0]) != shelf.key(on[1])
