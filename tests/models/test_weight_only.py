"""Weight-only variants: matrices in 8 or 4 bits, everything else as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from autoedge.errors import ModelError
from autoedge.models import inspector
from autoedge.models.info import ModelInfo
from autoedge.models.variants import make_variant
from autoedge.models.weight_only import weight_only

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.models.cache import VariantCache
    from autoedge.models.variants import Variant

FLOAT = TensorProto.FLOAT
NEAR = {8: 0.01, 4: 0.15}
PRECISIONS = {8: "int8-weight", 4: "int4-weight"}


def look(path: Path) -> ModelInfo:
    """What is known of a file."""
    return ModelInfo.from_dict(inspector.look({"model": str(path), "format": ".onnx"}))


def make(path: Path, bits: int, cache: VariantCache) -> Variant:
    """The variant in so many bits."""
    return make_variant(path, look(path), {"precision": PRECISIONS[bits]}, runtime="onnxruntime", cache=cache)


def run(model: Path | onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    """The last output of a one-input model."""
    given = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: values})[-1])


def operators(model: onnx.ModelProto) -> list[str]:
    """The kinds of its operators, in order."""
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("bits", [8, 4])
def test_a_model_of_matrices(build: Any, cache: VariantCache, bits: int) -> None:
    """The variant runs, is near the original, much smaller, alike from outside, and told by the inspector."""
    path = build.save(build.mlp(128, 256, 100, 10))
    variant = make(path, bits, cache)
    values = build.random.standard_normal((50, 128)).astype(np.float32)
    expected, got = np.log(run(path, values)), np.log(run(variant.path, values))
    assert 0 < np.abs(got - expected).mean() <= NEAR[bits] * np.abs(expected - expected.mean()).mean()
    assert variant.size_bytes < path.stat().st_size * (bits + 2) / 32
    was, made = onnx.load(path), onnx.load(variant.path)
    assert (made.graph.input, made.graph.output, made.ir_version) == (was.graph.input, was.graph.output, was.ir_version)
    assert operators(made).count("MatMulNBits") == 3
    assert look(variant.path).precision == f"int{bits}"


@pytest.mark.parametrize("bits", [8, 4])
def test_equal_inputs_give_equal_bytes(build: Any, cache: VariantCache, tmp_path: Path, bits: int) -> None:
    """The same model gives the same file in another cache."""
    path = build.save(build.mlp(64, 32, 10))
    again = type(cache)(tmp_path / "another")
    assert make(path, bits, cache).sha256 == make(path, bits, again).sha256


def named(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a name for each operator, as one that is prepared has them."""
    for index, node in enumerate(model.graph.node):
        node.name = f"node_{index}"
    return model


def _products(build: Any) -> onnx.ModelProto:
    """A matrix that is read as it is and transposed, one with three axes, one of too few rows, a scaled product."""
    nodes = [
        helper.make_node("MatMul", ["x", "square"], ["a"]),
        helper.make_node("Gemm", ["a", "square", "bias"], ["b"], transB=1),
        helper.make_node("Gemm", ["b", "square"], ["c"], alpha=0.5),
        helper.make_node("MatMul", ["c", "stack"], ["d3"]),
        helper.make_node("Squeeze", ["d3", "first"], ["d"]),
        helper.make_node("MatMul", ["d", "small"], ["e"]),
        helper.make_node("MatMul", ["e", "low"], ["y"]),
    ]
    shapes = {"square": (40, 40), "bias": (40,), "stack": (1, 40, 40), "small": (40, 8), "low": (8, 40)}
    stored = [build.weight(name, *shape) for name, shape in shapes.items()]
    stored.append(numpy_helper.from_array(np.array([0], np.int64), "first"))
    model: onnx.ModelProto = build.model(nodes, {"x": (FLOAT, ("n", 40))}, {"y": (FLOAT, ("n", 40))}, stored)
    return model


@pytest.mark.parametrize("bits", [8, 4])
def test_only_what_can_be_cut_into_blocks(build: Any, bits: int) -> None:
    """Plain and transposed products are taken, with their bias; scaled, stacked and small ones stay as they are."""
    model = named(_products(build))
    values = build.random.standard_normal((20, 40)).astype(np.float32)
    expected = run(model, values)
    made = weight_only(model, bits)
    kinds = ["MatMulNBits", "MatMulNBits", "Add", "Gemm", "MatMul", "Squeeze", "MatMulNBits", "MatMul"]
    assert operators(made) == kinds
    assert np.abs(run(made, values) - expected).mean() <= 2 * NEAR[bits] * np.abs(expected).mean()
    stored = {each.name for each in made.graph.initializer}
    assert "square" in stored, "the scaled product still reads it"
    assert "small" not in stored, "nothing reads it any more"


def test_a_matrix_that_two_products_share_is_stored_once(build: Any) -> None:
    """What was shared stays shared."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("MatMul", ["a", "w"], ["y"])]
    ports = {"x": (FLOAT, ("n", 32))}, {"y": (FLOAT, ("n", 32))}
    made = weight_only(named(build.model(nodes, *ports, [build.weight("w", 32, 32)])), 4)
    assert sorted(each.name for each in made.graph.initializer) == ["w_4bits", "w_4bits_scales", "w_4bits_zero_points"]


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(32, 100),
    columns=st.integers(1, 9),
    bits=st.sampled_from([8, 4]),
    seed=st.integers(0, 9),
    shift=st.sampled_from([-3.0, 0.0, 3.0]),
)
def test_each_weight_is_within_one_step(rows: int, columns: int, bits: int, seed: int, shift: float) -> None:
    """Whatever the shape, each weight comes back within a step of its block's own scale, zeros exactly."""
    weights = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32) + np.float32(shift)
    weights[:, 0] = 0
    ports = [[helper.make_tensor_value_info(name, FLOAT, ["n", size])] for name, size in (("x", rows), ("y", columns))]
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    graph = helper.make_graph([node], "graph", *ports, [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    got = run(weight_only(model, bits), np.eye(rows, dtype=np.float32))
    for first in range(0, rows, 32):
        block = weights[first : first + 32]
        width = 2 * np.abs(block).max(0) if bits == 8 else np.maximum(block.max(0), 0) - np.minimum(block.min(0), 0)
        # In 4 bits the zero point is rounded too, which may cost half a step more at the ends.
        step = width / (2**bits - 2)
        assert (np.abs(got[first : first + 32] - block) <= step + 1e-5).all()
    assert not got[:, 0].any()


def _convolutional(build: Any) -> onnx.ModelProto:
    """A matrix of 320 weights behind convolutions of 9216."""
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("ReduceMean", ["c"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["m", "w"], ["scores"]),
    ]
    stored = [build.weight("k", 32, 32, 3, 3), build.weight("w", 32, 10)]
    model: onnx.ModelProto = build.model(nodes, {"x": (FLOAT, ("n", 32, 8, 8))}, {"scores": (FLOAT, ("n", 10))}, stored)
    return model


@pytest.mark.parametrize(("kind", "share"), [("convolutions", "3%"), ("trees", "none"), ("small", "0%")])
def test_a_model_without_matrices(build: Any, cache: VariantCache, kind: str, share: str) -> None:
    """What such a variant would hardly change is refused, with how much there is to gain."""
    models = {
        "convolutions": _convolutional,
        "trees": lambda build: build.linear(),
        "small": lambda b: b.mlp(16, 16, 4),
    }
    path = build.save(models[kind](build))
    with pytest.raises(ModelError, match=f"those hold {share} of its weights.*10%.*int8-dynamic"):
        make(path, 4, cache)


def test_a_model_that_is_given_in_few_bits(build: Any, cache: VariantCache) -> None:
    """A file that was weight-only before is told by its bits, and nothing is made of it."""
    for bits in (8, 4):
        path = build.save(weight_only(named(build.mlp(64, 64, 10)), bits), f"{bits}.onnx")
        assert look(path).precision == f"int{bits}"
        with pytest.raises(ModelError, match=f"this one is int{bits} already"):
            make(path, 12 - bits, cache)
