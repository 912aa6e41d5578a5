"""What an intent says of inputs, held against models and data before anything is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from autoedge.candidate import Configuration
from autoedge.errors import DataError, IntentError
from autoedge.intent.load import load_intent
from autoedge.models.cache import VariantCache
from autoedge.workflows.prepare import Prepared, prepare
from autoedge.workflows.spaces import space_files
from autoedge.workflows.variants import VariantShelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def convolution(path: Path, shape: list[int | str]) -> Path:
    """A convolution over images, averaged into two scores."""
    kernel = np.random.default_rng(0).standard_normal((2, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "k"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("GlobalAveragePool", ["c"], ["m"]),
            helper.make_node("Flatten", ["m"], ["scores"]),
        ],
        "convolution",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [shape[0], 2])],
        [helper.make_tensor("k", TensorProto.FLOAT, kernel.shape, kernel.tobytes(), raw=True)],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def prepared(
    tmp_path: Path, intent_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Prepared]:
    """Prepares an intent on models of free and of fixed size, and pictures of two classes."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))
    convolution(tmp_path / "free.onnx", ["n", 3, "h", "w"])
    convolution(tmp_path / "fixed.onnx", ["n", 3, 16, 16])
    for number, name in enumerate(("cat", "dog", "cat", "dog")):
        (tmp_path / "pictures" / name).mkdir(parents=True, exist_ok=True)
        pixels = np.full((10 + number, 12, 3), 60 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    np.savez(tmp_path / "eval.npz", x=np.zeros((4, 16, 16, 3), np.uint8), y=np.zeros(4, np.int64))
    np.savez(tmp_path / "less.npz", x=np.zeros((4, 16, 16, 3), np.uint8), y=np.zeros(3, np.int64))
    np.savez(tmp_path / "first.npz", x=np.zeros((4, 3, 16, 16), np.uint8), y=np.zeros(4, np.int64))
    np.savez(tmp_path / "rows.npz", x=np.zeros((4, 5), np.float32))

    def made(**changes: str | None) -> Prepared:
        lines: dict[str, str | None] = {
            "models": "[free.onnx]",
            "data": "{evaluation: pictures}",
            "inputs": "{image: {size: [8, 16], scale: 1/255}}",
            "constraints": "[accuracy >= 0]",
        }
        return prepare(load_intent(intent_in(tmp_path, **{**lines, **changes})))

    return made


def test_a_folder_of_images_is_prepared(prepared: Callable[..., Prepared]) -> None:
    """Images in a folder come with labels, in one file whose hash is the data's."""
    found = prepared(models="[free.onnx, fixed.onnx]")
    assert found.task.labels is not None
    assert found.task.labels.tolist() == [0, 0, 1, 1]
    assert found.task.data is not None
    assert found.task.data.is_file()
    assert found.task.samples == 4
    assert found.samples == {"x": (0, 0, 3), "y": ()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"inputs": "{image: {size: 8, layout: NHWC, colour: RGB}}"},
            "whose 3 channels are those of NCHW; say layout: NCHW",
        ),
        ({"models": "[fixed.onnx]", "inputs": "{image: {size: [8, 32]}}"}, "takes 16x16 pixels only, but size is 8x8"),
        ({"models": "[fixed.onnx]", "inputs": "{image: {layout: NHWC}}"}, "say layout: NCHW"),
        ({"inputs": "{image: {scale: 1/255}}"}, "images of several sizes need one size"),
        ({"inputs": None}, "the samples differ in size"),
        ({"inputs": "{image: {size: 8}, other: {size: 8}}"}, "inputs.other: no model has such an input"),
        ({"inputs": "{image: {size: 8, dtype: uint8, mean: 1}, iamge: {size: 8}}"}, "did you mean image"),
        ({"inputs": "{image: {length: 8}}"}, "takes 3 tokens only, but length is 8"),
        ({"data": "{evaluation: less.npz}"}, "one label a sample is needed, but 'y' has 3 for 4"),
        ({"data": "{evaluation: first.npz}"}, "1 or 3 channels, but these have 16; are the data NCHW"),
        ({"data": "{evaluation: rows.npz}"}, "an image is an array of 2 or 3 axes"),
        ({"data": "{evaluation: eval.npz}", "inputs": None}, "transpose or resize the data"),
    ],
)
def test_what_does_not_fit_is_told(
    prepared: Callable[..., Prepared], changes: dict[str, str | None], message: str
) -> None:
    """A wrong layout, size, entry or sample, and labels of another number, end before anything is measured."""
    with pytest.raises((DataError, IntentError), match=message) as caught:
        prepared(**changes)
    assert "blobs" not in str(caught.value)  # messages name the user's own files


def test_without_data_a_size_is_enough(prepared: Callable[..., Prepared]) -> None:
    """Inputs of a declared size can be generated; of no size they cannot."""
    assert prepared(data=None, constraints="[]", objectives="[latency_p50]").samples is None
    with pytest.raises(DataError, match="free dimensions beside the batch"):
        prepared(data=None, constraints="[]", objectives="[latency_p50]", inputs=None)


@pytest.fixture
def shelf(tmp_path: Path) -> Callable[[Prepared], VariantShelf]:
    """The variants of a prepared intent."""
    return lambda found: VariantShelf(found, VariantCache(tmp_path / "variants"), space_files(found))


def test_figures_of_other_steps_are_of_something_else(
    prepared: Callable[..., Prepared], shelf: Callable[[Prepared], VariantShelf]
) -> None:
    """Rows are found again by what was done to samples: other steps or size, other rows; more levels, the same."""
    configuration = Configuration("free", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "image_size": 8})
    larger = replace(configuration, knobs={"batch": 1, "image_size": 16})
    found = prepared()
    key = shelf(found).key(configuration)
    assert shelf(prepared(inputs="{image: {size: [8, 16, 24], scale: 1/255}}")).key(configuration) == key
    assert shelf(prepared(inputs="{image: {size: [8, 16]}}")).key(configuration) != key
    assert shelf(found).key(larger) != key


def test_calibration_goes_through_the_steps(
    prepared: Callable[..., Prepared], shelf: Callable[[Prepared], VariantShelf]
) -> None:
    """Static int8 is calibrated on prepared images: another scale gives another model."""
    recipe = {"precision": "int8-static", "calibration": "minmax", "granularity": "tensor"}
    configuration = Configuration("free", recipe, "onnxruntime", {"batch": 1})
    data = "{evaluation: pictures, calibration: pictures}"
    one, other = (
        shelf(prepared(data=data, inputs=f"{{image: {{size: [8, 16], scale: {scale}}}}}")).variant(configuration)
        for scale in ("1/255", "2/255")
    )
    assert one.sha256 != other.sha256
