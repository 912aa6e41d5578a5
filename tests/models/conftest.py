"""Small models, built by hand, and data for them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.models.cache import VariantCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Ports = dict[str, tuple[int, Sequence[int | str | None]]]


class Builder:
    """Builds valid models; tests then break them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = np.random.default_rng(0)

    def weight(self, name: str, *shape: int) -> onnx.TensorProto:
        """Normal weights, scaled so that outputs stay near 1."""
        scale = 1 / np.sqrt(max(1, np.prod(shape[:-1], dtype=float)))
        return numpy_helper.from_array((self.random.standard_normal(shape) * scale).astype(np.float32), name)

    def model(
        self,
        nodes: Sequence[onnx.NodeProto],
        inputs: Ports,
        outputs: Ports,
        stored: Sequence[onnx.TensorProto] = (),
        **options: Any,
    ) -> onnx.ModelProto:
        """A model of opset 17 and IR version 8 unless ``options`` say otherwise."""
        ports = [
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in each.items()]
            for each in (inputs, outputs)
        ]
        graph = helper.make_graph(list(nodes), "graph", *ports, list(stored))
        opsets = options.pop("opsets", {"": 17, "ai.onnx.ml": 3})
        imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        return helper.make_model(graph, opset_imports=imports, **{"ir_version": 8, **options})

    def mlp(self, *sizes: int, batch: int | str | None = "batch", **options: Any) -> onnx.ModelProto:
        """Gemm, Relu, Gemm, ..., Softmax, with the layer sizes given."""
        nodes, stored, last = [], [], "x"
        for index, (rows, columns) in enumerate(pairwise(sizes)):
            stored += [self.weight(f"w{index}", rows, columns), self.weight(f"b{index}", columns)]
            nodes.append(helper.make_node("Gemm", [last, f"w{index}", f"b{index}"], [f"h{index}"]))
            last = f"h{index}"
            if index < len(sizes) - 2:
                nodes.append(helper.make_node("Relu", [last], [f"r{index}"]))
                last = f"r{index}"
        nodes.append(helper.make_node("Softmax", [last], ["scores"], axis=-1))
        ports = {"x": (TensorProto.FLOAT, (batch, sizes[0]))}, {"scores": (TensorProto.FLOAT, (batch, sizes[-1]))}
        return self.model(nodes, *ports, stored, **options)

    def convolution(self) -> onnx.ModelProto:
        """Two convolutions, the second depthwise, and a linear layer, on images of 8 x 8."""
        nodes = [
            helper.make_node("Conv", ["x", "w0"], ["c0"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c0"], ["r0"]),
            helper.make_node("Conv", ["r0", "w1"], ["c1"], group=4, strides=[2, 2]),
            helper.make_node("Flatten", ["c1"], ["flat"]),
            helper.make_node("Gemm", ["flat", "w2"], ["scores"]),
        ]
        stored = [self.weight("w0", 4, 1, 3, 3), self.weight("w1", 4, 1, 3, 3), self.weight("w2", 36, 10)]
        ports = {"x": (TensorProto.FLOAT, ("n", 1, 8, 8))}, {"scores": (TensorProto.FLOAT, ("n", 10))}
        return self.model(nodes, *ports, stored)

    def linear(self) -> onnx.ModelProto:
        """A linear classifier as scikit-learn's converters write it."""
        node = helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=[0.5] * 12,
            intercepts=[0.0] * 3,
            classlabels_ints=[0, 1, 2],
            post_transform="SOFTMAX",
        )
        outputs = {"label": (TensorProto.INT64, ("n",)), "scores": (TensorProto.FLOAT, ("n", 3))}
        return self.model([node], {"x": (TensorProto.FLOAT, ("n", 4))}, outputs)

    def save(self, model: onnx.ModelProto | bytes, name: str = "model.onnx") -> Path:
        """Write it as it is, valid or not."""
        path = self.folder / name
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    """A builder whose files lie in a folder of their own."""
    folder = tmp_path / "models"
    folder.mkdir()
    return Builder(folder)


@pytest.fixture
def cache(tmp_path: Path) -> VariantCache:
    """An empty cache."""
    return VariantCache(tmp_path / "cache")


@pytest.fixture
def samples(tmp_path: Path) -> Callable[..., Path]:
    """Writes an npz file of the arrays given."""

    def write(name: str = "calibration.npz", **arrays: np.ndarray) -> Path:
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return write
