"""Jobs whose inputs are prepared: sizes, images, shapes, and how long it takes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from autoedge.bench.packing import data_file
from autoedge.errors import DataError
from autoedge.models.cache import VariantCache

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.targets.local import LocalTarget

STEPS = {"kind": "image", "size": [4, 6], "layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "mean": [0.5]}


@pytest.fixture
def pooling(tmp_path: Path) -> Path:
    """A model that averages each channel of images of any size."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["image"], ["mean"]), helper.make_node("Flatten", ["mean"], ["scores"])],
        "pooling",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
    )
    path = tmp_path / "pooling.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Five images of different sizes, each of one colour."""
    for number in range(5):
        pixels = np.full((5 + number, 9, 3), [50 * number, 10, 255], np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    return data_file(tmp_path / "images", VariantCache(tmp_path / "cache"))


def run(target: LocalTarget, job: dict[str, Any], model: Path, data: Path | None, **changes: Any) -> Any:
    """The reply to a job on these files."""
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in (model, data) if path is not None}
    target.send_files(files)
    named = dict(zip(("model", "data"), [*files, None], strict=False))
    return target.run({**job, **named, **changes}, {})


def test_images_are_decoded_and_resized_in_the_agent(
    target: LocalTarget, job: dict[str, Any], pooling: Path, images: Path
) -> None:
    """Encoded images of any size reach the model prepared; the outputs are those of its formula."""
    reply = run(target, job, pooling, images, inputs={"image": STEPS}, shapes={"image": [4, 3, 4, 6]}, preprocess_s=0.5)
    assert "done" in reply.body, reply.body
    expected = np.array([[50 * number, 10, 255] for number in range(5)]) / 255 - 0.5
    np.testing.assert_allclose(reply.arrays["scores"], expected, atol=1e-6)
    times = reply.arrays["preprocess_ns"]
    assert times.dtype == np.int64
    assert 1 <= len(times) <= 300
    assert (times > 0).all()


def test_nothing_is_timed_where_nothing_is_done(
    target: LocalTarget, job: dict[str, Any], files: dict[str, Path]
) -> None:
    """Samples that go to the model as they are stored give no time for preparing them."""
    target.send_files(files)
    reply = target.run({**job, "preprocess_s": 0.5}, {})
    assert "preprocess_ns" not in reply.arrays


def test_inputs_of_a_declared_size_are_generated(target: LocalTarget, job: dict[str, Any], pooling: Path) -> None:
    """Without data, the shape that the host tells stands for the model's free dimensions."""
    told = {"inputs": {"image": STEPS}, "shapes": {"image": [4, 3, 4, 6]}, "evaluate": "no"}
    assert "done" in run(target, job, pooling, None, **told).body
    refused = run(target, job, pooling, None, evaluate="no")
    assert "free dimensions" in refused.body["failed"]


def test_what_cannot_be_prepared_fails_with_its_reason(
    target: LocalTarget, job: dict[str, Any], pooling: Path, images: Path
) -> None:
    """Images of several sizes without a size are a failed measurement that says what to do."""
    reply = run(target, job, pooling, images, inputs={"image": {"kind": "image", "layout": "NCHW"}})
    assert "give inputs.NAME.size" in reply.body["failed"]
    reply = run(target, job, pooling, images)
    assert "say inputs: {image: {size: ...}}" in reply.body["failed"]
    assert DataError.__name__ not in reply.body["failed"]
