"""What is said of sound models."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from autoedge.models import inspector
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.inspect import inspect_model

FLOAT = TensorProto.FLOAT
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def look(build: Any, model: onnx.ModelProto) -> ModelInfo:
    """What the worker finds, without a process around it."""
    return ModelInfo.from_dict(inspector.look({"model": str(build.save(model)), "format": ".onnx"}))


def test_a_plain_model(build: Any) -> None:
    """Every field of a small network is what one counts by hand; the answer survives JSON."""
    path = build.save(build.mlp(64, 32, 10))
    info = inspect_model(path)
    assert info.inputs == (Tensor("x", "float32", ("batch", 64)),)
    assert info.outputs == (Tensor("scores", "float32", ("batch", 10)),)
    assert (info.ir_version, info.opset, info.precision, info.fixed_batch) == (8, 17, "fp32", None)
    assert info.size_bytes == path.stat().st_size
    assert info.parameters == 64 * 32 + 32 + 32 * 10 + 10
    assert info.macs == 64 * 32 + 32 * 10
    assert info.activation_peak_bytes == 4 * (64 + 32)
    assert info.operators == {"Gemm": 2, "Relu": 1, "Softmax": 1}
    assert ModelInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info


@pytest.mark.parametrize(
    ("name", "giga_macs", "tolerance"),
    [("resnet50", 4.1, 0.02), ("vgg19", 19.6, 0.01), ("squeezenet", 0.35, 0.02), ("densenet121", 2.8, 0.03)],
)
def test_known_networks(name: str, giga_macs: float, tolerance: float) -> None:
    """The figures for well-known networks are the published ones."""
    info = inspect_model(LIGHT / f"light_{name}.onnx")
    assert info.macs is not None
    assert info.activation_peak_bytes is not None
    assert math.isclose(info.macs / 1e9, giga_macs, rel_tol=tolerance)
    assert info.fixed_batch == 1


in_process = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_process
@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6), batch=st.sampled_from(["n", None, 1]))
def test_dense_chains(build: Any, sizes: list[int], batch: str | int | None) -> None:
    """MACs, parameters and peak memory of any chain of dense layers follow the closed forms."""
    info = look(build, build.mlp(*sizes, batch=batch))
    pairs = list(pairwise(sizes))
    assert info.macs == sum(a * b for a, b in pairs)
    assert info.parameters == sum(a * b + b for a, b in pairs)
    doubled = [2 * size for size in sizes[1:]]  # a layer beside its activation
    assert info.activation_peak_bytes == 4 * max([a + b for a, b in pairs] + doubled)


@in_process
@given(
    channels=st.lists(st.integers(1, 6), min_size=2, max_size=4),
    kernel=st.sampled_from([1, 3]),
    stride=st.integers(1, 2),
    transposed=st.booleans(),
)
def test_convolution_chains(build: Any, channels: list[int], kernel: int, stride: int, transposed: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """MACs of any chain of convolutions, transposed or not, follow the closed form."""
    size, expected, nodes, stored, last = 9, 0, [], [], "x"
    for index, (inward, outward) in enumerate(pairwise(channels)):
        shape = (inward, outward) if transposed else (outward, inward)
        stored.append(build.weight(f"w{index}", *shape, kernel, kernel))
        kind = "ConvTranspose" if transposed else "Conv"
        pads = [kernel // 2] * 4
        nodes.append(helper.make_node(kind, [last, f"w{index}"], [f"c{index}"], pads=pads, strides=[stride] * 2))
        last = f"c{index}"
        after = (size - 1) * stride + 1 if transposed else (size - 1) // stride + 1
        expected += (size if transposed else after) ** 2 * inward * outward * kernel**2
        size = after
    ports = {"x": (FLOAT, ("n", channels[0], 9, 9))}, {last: (FLOAT, ("n", channels[-1], size, size))}
    assert look(build, build.model(nodes, *ports, stored)).macs == expected


@pytest.mark.parametrize(
    ("node", "inputs", "weights", "expected"),
    [
        (helper.make_node("MatMul", ["x", "w"], ["y"]), (5, 3, 4), {"w": (4, 7)}, 3 * 4 * 7),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transB=1), (5, 4), {"w": (7, 4)}, 4 * 7),
        (helper.make_node("Einsum", ["x", "w"], ["y"], equation="bij,jk->bik"), (5, 3, 4), {"w": (4, 7)}, 3 * 4 * 7),
        (helper.make_node("Conv", ["x", "w"], ["y"], group=4), (5, 4, 6, 6), {"w": (8, 1, 3, 3)}, 16 * 8 * 9),
        (
            helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2, layout=1),
            (5, 3, 4),
            {"w": (1, 8, 4), "r": (1, 8, 2)},
            3 * 8 * (4 + 2),
        ),
        (
            helper.make_node("GRU", ["x", "w", "r"], ["y"], hidden_size=2, layout=1),
            (5, 3, 4),
            {"w": (1, 6, 4), "r": (1, 6, 2)},
            3 * 6 * (4 + 2),
        ),
        (
            helper.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", coefficients=[1.0] * 8, targets=2),
            (5, 4),
            {},
            8,
        ),
        (helper.make_node("Sigmoid", ["x"], ["y"]), (5, 4), {}, 0),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else "",
)
def test_operators_that_count(
    build: Any, node: onnx.NodeProto, inputs: tuple[int, ...], weights: dict[str, tuple[int, ...]], expected: int
) -> None:
    """Each operator's multiplications for one item are those of its definition."""
    stored = [build.weight(name, *shape) for name, shape in weights.items()]
    model = build.model([node], {"x": (FLOAT, ("n", *inputs[1:]))}, {"y": (FLOAT, None)}, stored)
    assert look(build, model).macs == expected


def test_quantised_operators_count_alike(build: Any) -> None:
    """Integer operators cost what their floating twins cost, and make the model int8."""
    stored = [numpy_helper.from_array(build.random.integers(-9, 9, (4, 7)).astype("int8"), "w")]
    model = build.model(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        {"x": (TensorProto.UINT8, ("n", 4))},
        {"y": (TensorProto.INT32, ("n", 7))},
        stored,
    )
    info = look(build, model)
    assert (info.macs, info.parameters, info.precision) == (28, 28, "int8")


def branching(build: Any, kind: str) -> onnx.ModelProto:
    """A model with a dear and a cheap branch, or a loop around a product."""
    dear = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["d"])], "dear", [], [helper.make_tensor_value_info("d", FLOAT, None)]
    )
    cheap = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["c"])], "cheap", [], [helper.make_tensor_value_info("c", FLOAT, None)]
    )
    body = helper.make_graph(
        [helper.make_node("MatMul", ["s", "w"], ["t"]), helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", 9, []),
            helper.make_tensor_value_info("s", FLOAT, None),
        ],
        [helper.make_tensor_value_info("on", 9, []), helper.make_tensor_value_info("t", FLOAT, None)],
    )
    if kind == "If":
        node = helper.make_node("If", ["flag"], ["y"], then_branch=dear, else_branch=cheap)
    else:
        node = helper.make_node("Loop", ["count", "", "x"], ["y"], body=body)
    stored = [build.weight("w", 4, 4), numpy_helper.from_array(build.random.integers(3, 4), "count")]
    inputs = {"x": (FLOAT, ("n", 4)), "flag": (TensorProto.BOOL, ())}
    return build.model([node], inputs, {"y": (FLOAT, ("n", 4))}, stored)


def test_control_flow(build: Any) -> None:
    """Of two branches the dearer counts; a loop around a product has no count, for nobody knows how often it runs."""
    assert look(build, branching(build, "If")).macs == 16
    assert look(build, branching(build, "Loop")).macs is None


def test_functions_count_as_what_they_hold(build: Any) -> None:
    """Operators inside local functions are found, counted and costed."""
    body = [helper.make_node("MatMul", ["a", "b"], ["t"]), helper.make_node("Relu", ["t"], ["c"])]
    function = helper.make_function("mine", "Layer", ["a", "b"], ["c"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("Layer", ["x", "w"], ["y"], domain="mine")]
    ports = {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 6))}
    model = build.model(nodes, *ports, [build.weight("w", 4, 6)], opsets={"": 17, "mine": 1}, functions=[function])
    info = look(build, model)
    assert (info.macs, info.operators) == (24, {"MatMul": 1, "Relu": 1})


def test_unknown_stays_unknown(build: Any) -> None:
    """Where a free dimension other than the batch decides the cost, there is no figure rather than a wrong one."""
    ports = {"x": (FLOAT, ("n", "time", 4))}, {"y": (FLOAT, ("n", "time", 6))}
    info = look(build, build.model([helper.make_node("MatMul", ["x", "w"], ["y"])], *ports, [build.weight("w", 4, 6)]))
    assert (info.macs, info.activation_peak_bytes, info.parameters) == (None, None, 24)
    assert info.inputs[0].shape == ("n", "time", 4)


def test_scaled_pipeline_keeps_its_shapes(build: Any) -> None:
    """Costs are known behind scikit-learn's scaler too, for which ONNX itself infers no shapes."""
    model = build.mlp(4, 8, 3)
    scaler = helper.make_node("Scaler", ["raw"], ["x"], domain="ai.onnx.ml", offset=[0.0] * 4, scale=[1.0] * 4)
    model.graph.input[0].name = "raw"
    model.graph.node.insert(0, scaler)
    info = look(build, model)
    assert (info.macs, info.activation_peak_bytes) == (4 * 8 + 8 * 3, 4 * 16)
    assert info.parameters == 4 * 8 + 8 + 8 * 3 + 3 + 8


def test_what_the_file_says_of_its_shapes_is_not_believed(build: Any) -> None:
    """False shapes of intermediate values change nothing."""
    model = build.mlp(4, 8, 3)
    model.graph.value_info.append(helper.make_tensor_value_info("h0", FLOAT, (1, 4000)))
    assert look(build, model).macs == 4 * 8 + 8 * 3


def test_external_data_count_and_hash(build: Any) -> None:
    """Weights in another file count like those inside, and changing them changes the hash."""
    model = build.mlp(64, 32, 10)
    inside = look(build, model)
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, build.folder / "outside.onnx")
    outside = inspect_model(build.folder / "outside.onnx")
    assert (outside.parameters, outside.macs) == (inside.parameters, inside.macs)
    assert outside.size_bytes == sum(path.stat().st_size for path in build.folder.glob("[ow]*"))
    weights = build.folder / "weights.bin"
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    assert inspect_model(build.folder / "outside.onnx").sha256 != outside.sha256


def test_old_files_list_weights_as_inputs(build: Any) -> None:
    """Initialisers that old files list among the inputs are no inputs."""
    model = build.mlp(64, 32, 10, ir_version=3, opsets={"": 9})
    for weight in model.graph.initializer:
        port = helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
        model.graph.input.append(port)
    assert [tensor.name for tensor in look(build, model).inputs] == ["x"]


@pytest.mark.parametrize(
    ("kind", "precision"), [("float16", "fp16"), ("float64", "fp64"), ("bfloat16", "bf16"), ("int4", "int4")]
)
def test_precision(build: Any, kind: str, precision: str) -> None:
    """The precision is that of the weights."""
    code = helper.np_dtype_to_tensor_dtype(onnx.numpy_helper.np.dtype(kind))
    weight = helper.make_tensor("w", code, (8,), [1] * 8)
    given_type = FLOAT if kind == "int4" else code
    nodes = [helper.make_node("Cast", ["w"], ["v"], to=given_type), helper.make_node("Add", ["x", "v"], ["y"])]
    ports = {"x": (given_type, ("n", 8))}, {"y": (given_type, ("n", 8))}
    model = build.model(nodes, *ports, [weight], opsets={"": 21}, ir_version=10)
    info = look(build, model)
    assert (info.precision, info.parameters) == (precision, 8)


def test_fixed_batch(build: Any) -> None:
    """A fixed leading dimension is the only batch there is, and costs are those of it."""
    info = look(build, build.mlp(4, 3, batch=8))
    assert (info.fixed_batch, info.macs) == (8, 8 * 12)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"sha256": "x"}, "64 hex"), ({"macs": -1}, "never negative"), ({"inputs": ()}, "at least one")],
)
def test_impossible_facts(build: Any, change: dict[str, Any], says: str) -> None:
    """What cannot be is refused: facts also come back from files."""
    values = look(build, build.mlp(4, 3)).to_dict()
    with pytest.raises(ValueError, match=says):
        ModelInfo.from_dict({**values, **change})
