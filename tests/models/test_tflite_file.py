"""What is said of LiteRT models, sound, broken and hostile."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tflite_models as builder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tflite_models import schema

from autoedge.errors import ModelError
from autoedge.models import tflite_file, tflite_graph
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.inspect import inspect_model
from autoedge.models.tflite_costs import Costs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OP = schema.BuiltinOperator
in_process = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def look(tmp_path: Path) -> Callable[[builder.TfliteModel | bytes], ModelInfo]:
    """What is said of a model, without a process around it."""

    def looked(model: builder.TfliteModel | bytes) -> ModelInfo:
        path = tmp_path / "model.tflite"
        path.write_bytes(model if isinstance(model, bytes) else model.data())
        return tflite_file.look(path)

    return looked


def test_a_plain_model(tmp_path: Path) -> None:
    """Every field of a small network is what one counts by hand; the answer survives JSON and a child process."""
    path = builder.dense_net(64, 32, 10).save(tmp_path / "model.tflite")
    info = inspect_model(path)
    assert info.inputs == (Tensor("x", "float32", (None, 64)),)
    assert info.outputs == (Tensor("scores", "float32", (None, 10)),)
    assert (info.format, info.ir_version, info.opset, info.precision) == (".tflite", 3, 0, "fp32")
    assert info.fixed_batch is None
    assert info.size_bytes == path.stat().st_size
    assert info.parameters == 64 * 32 + 32 + 32 * 10 + 10
    assert info.macs == 64 * 32 + 32 * 10
    assert info.activation_peak_bytes == 4 * (64 + 32)
    assert info.operators == {"FULLY_CONNECTED": 2, "SOFTMAX": 1}
    assert ModelInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info


def test_an_image_network(look: Any) -> None:
    """Convolutions of both kinds count what one counts by hand; axes of a mean are no parameters."""
    info = look(builder.image_net(size=8, channels=8))
    assert info.macs == 64 * 8 * 27 + 64 * 8 * 9 + 8 * 10
    assert info.parameters == 8 * 27 + 8 + 8 * 9 + 8 + 8 * 10 + 10
    assert info.activation_peak_bytes == 4 * (64 * 8 + 64 * 8)
    assert info.fixed_batch == 1


def test_free_sizes_leave_the_costs_open(look: Any) -> None:
    """Where more than the batch is free, no costs are claimed."""
    info = look(builder.image_net(None, None))
    assert info.inputs == (Tensor("image", "float32", (None, None, None, 3)),)
    assert (info.macs, info.activation_peak_bytes) == (None, None)
    assert look(builder.image_net(None, 8)).macs == look(builder.image_net(1, 8)).macs


def test_a_batch_folded_into_another_axis_leaves_the_costs_open(look: Any) -> None:
    """The stand-in 1 for a free size is not believed where the number of elements says otherwise."""
    for rows, known in ((1, True), (5, False)):
        model = builder.TfliteModel()
        first, last = model.tensor("x", (None, rows, 8)), model.tensor("flat", (None, 8))
        model.operator(OP.RESHAPE, (first,), (last,))
        scores = model.dense("scores", last, (8, 3), None)
        info = look(model.whole([first], [scores]))
        assert (info.macs is not None) == known
        assert (info.activation_peak_bytes is not None) == known


@in_process
@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6), batch=st.sampled_from([None, 1]))
def test_dense_chains(look: Any, sizes: list[int], batch: int | None) -> None:
    """MACs, parameters and peak memory of any chain of dense layers follow the closed forms."""
    info = look(builder.dense_net(*sizes, batch=batch))
    pairs = list(pairwise(sizes))
    assert info.macs == sum(a * b for a, b in pairs)
    assert info.parameters == sum(a * b + b for a, b in pairs)
    assert info.activation_peak_bytes == 4 * max([a + b for a, b in pairs] + [2 * sizes[-1]])


def _one(code: int, inputs: list[tuple[tuple[int, ...], bool]], output: tuple[int, ...]) -> builder.TfliteModel:
    """A model of one operator; each input has a shape and says whether it is stored."""
    model = builder.TfliteModel()
    made = [
        model.weight(f"i{at}", *shape) if stored else model.tensor(f"i{at}", shape)
        for at, (shape, stored) in enumerate(inputs)
    ]
    last = model.tensor("y", output)
    model.operator(code, made, (last,))
    return model.whole([at for at, (_, stored) in zip(made, inputs, strict=True) if not stored], [last])


@pytest.mark.parametrize(
    ("code", "inputs", "output", "expected"),
    [
        (OP.CONV_2D, [((1, 6, 6, 4), False), ((8, 3, 3, 2), True)], (1, 4, 4, 8), 16 * 8 * 18),  # two groups
        (OP.TRANSPOSE_CONV, [((4,), True), ((8, 3, 3, 4), True), ((1, 6, 6, 4), False)], (1, 8, 8, 8), 36 * 4 * 72),
        (OP.CONV_3D, [((1, 4, 4, 4, 2), False), ((2, 2, 2, 2, 3), True)], (1, 3, 3, 3, 3), 27 * 3 * 16),
        (OP.BATCH_MATMUL, [((2, 5, 4), False), ((2, 4, 7), False)], (2, 5, 7), 2 * 5 * 7 * 4),
        (OP.SVDF, [((1, 6), False), ((8, 6), True), ((8, 3), True)], (1, 4), 8 * 6 + 8 * 3),
        (OP.UNIDIRECTIONAL_SEQUENCE_RNN, [((1, 5, 4), False), ((2, 4), True), ((2, 2), True)], (1, 5, 2), 5 * 12),
        (OP.ADD, [((1, 6), False), ((6,), True)], (1, 6), 0),
    ],
)
def test_macs_of_operators(look: Any, code: int, inputs: Any, output: Any, expected: int) -> None:
    """Each kind of operator that multiplies counts what one counts by hand."""
    assert look(_one(code, inputs, output)).macs == expected


def test_a_turned_matrix_product(look: Any) -> None:
    """The depth of a product whose left side is read by columns is its rows."""
    model = _one(OP.BATCH_MATMUL, [((2, 4, 5), False), ((2, 4, 7), False)], (2, 5, 7))
    operator, options = model.graph.operators[0], schema.BatchMatMulOptionsT()
    options.adjX = True
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.BatchMatMulOptions, options
    assert look(model).macs == 2 * 5 * 7 * 4


def test_custom_operators(look: Any) -> None:
    """A custom operator is counted by its name, and what it computes is unknown."""
    info = look(builder.custom_net())
    assert info.operators == {"custom.Frobnicate": 1}
    assert info.macs is None
    assert info.activation_peak_bytes == 32


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", -7), ("uint8", 120)])
def test_integer_ports(look: Any, dtype: str, zero_point: int) -> None:
    """Integers in and out come with what they stand for."""
    info = look(builder.integer_net(dtype))
    assert info.precision == "int8"
    for tensor in (*info.inputs, *info.outputs):
        assert (tensor.dtype, tensor.zero_point) == (dtype, zero_point)
        assert tensor.scale == np.float32(0.05)


def test_precisions(look: Any) -> None:
    """The precision is that of the weights as stored."""
    assert look(builder.half_net()).precision == "fp16"
    assert look(builder.image_net()).precision == "fp32"
    for bits, expected in (("INT8", "int8"), ("INT4", "int4")):
        model = builder.dense_net(16, 8)
        weights = next(each for each in model.graph.tensors if each.name == b"dense_0/w")
        count = 16 * 8 if bits == "INT8" else 16 * 8 // 2
        model.model.buffers[weights.buffer].data = np.zeros(count, np.uint8)
        weights.type = getattr(schema.TensorType, bits)
        weights.quantization = schema.QuantizationParametersT()
        weights.quantization.scale = [0.1] * 8
        info = look(model)
        assert info.precision == expected
        assert info.parameters == 16 * 8 + 8


def test_shared_data_count_once(look: Any) -> None:
    """Two tensors over the same data are one set of parameters."""
    model = builder.dense_net(16, 16, 16, batch=1)
    first, second = (each for each in model.graph.tensors if each.name in (b"dense_0/w", b"dense_1/w"))
    second.buffer = first.buffer
    assert look(model).parameters == 16 * 16 + 2 * 16


def _nested(body: int, *, loop: bool) -> builder.TfliteModel:
    """A model whose only operator is a branch or a loop around a dense layer; ``body`` is the graph that it names."""
    inner, model = builder.dense_net(4, 4, batch=1), builder.TfliteModel()
    first, last = model.tensor("x", (1, 4)), model.tensor("y", (1, 4))
    options: Any = schema.WhileOptionsT() if loop else schema.IfOptionsT()
    if loop:
        options.condSubgraphIndex = options.bodySubgraphIndex = body
        model.operator(OP.WHILE, (first,), (last,), (schema.BuiltinOptions.WhileOptions, options))
    else:
        options.thenSubgraphIndex = options.elseSubgraphIndex = body
        model.operator(OP.IF, (first, first), (last,), (schema.BuiltinOptions.IfOptions, options))
    model.model.operatorCodes += inner.model.operatorCodes
    for operator in inner.graph.operators:
        operator.opcodeIndex += 1
    model.model.subgraphs.append(inner.graph)
    model.model.buffers = inner.model.buffers
    return model.whole([first], [last])


def test_graphs_inside_graphs(look: Any) -> None:
    """A branch costs what its dearer side costs; how often a loop runs is unknown; all operators are counted."""
    info = look(_nested(1, loop=False))
    assert info.macs == 16
    assert info.operators == {"FULLY_CONNECTED": 1, "IF": 1, "SOFTMAX": 1}
    assert look(_nested(1, loop=True)).macs is None


def test_a_graph_that_runs_itself(look: Any) -> None:
    """Endless nesting ends, with unknown costs."""
    info = look(_nested(0, loop=False))
    assert (info.macs, info.activation_peak_bytes) == (None, None)


def test_graphs_that_multiply_are_costed_once_each(look: Any) -> None:
    """Each graph runs the next one twice: 2 to the 60 runs are counted without making them."""
    model = builder.TfliteModel()
    options: Any
    graphs = []
    for depth in range(60):
        graph, inner = builder.TfliteModel(), depth + 1
        first, last = graph.tensor("x", (1, 4)), graph.tensor("y", (1, 4))
        for _ in range(2):
            options = schema.IfOptionsT()
            options.thenSubgraphIndex = options.elseSubgraphIndex = inner
            graph.operator(OP.IF, (first, first), (last,), (schema.BuiltinOptions.IfOptions, options))
        graphs.append(graph.whole([first], [last]).graph)
    end = builder.custom_net()
    for operator in end.graph.operators:
        operator.opcodeIndex = 1
    model.model.subgraphs = [*graphs, end.graph]
    model.operator(OP.IF, (), ())
    model.operator(OP.RELU, (), ())
    info = look(model)
    assert info.macs == 0
    assert info.operators == {"IF": 120, "RELU": 1}


def test_pack_copies(tmp_path: Path) -> None:
    """The packed model is the file, under the hash that was told."""
    path = builder.image_net().save(tmp_path / "model.tflite")
    assert tflite_file.pack(path, tmp_path / "packed") == tflite_file.look(path).sha256
    assert (tmp_path / "packed").read_bytes() == path.read_bytes()


def broken(change: Callable[[builder.TfliteModel], Any]) -> bytes:
    """A dense net after a change that breaks it."""
    model = builder.dense_net(16, 8)
    change(model)
    return model.data()


def _set(path: str, value: Any) -> Callable[[builder.TfliteModel], None]:
    def change(model: builder.TfliteModel) -> None:
        *parts, last = path.split(".")
        place: Any = model
        for part in parts:
            place = place[int(part)] if part.isdigit() else getattr(place, part)
        setattr(place, last, value)

    return change


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "the file is empty"),
    "pointer": (lambda: b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
    "text": (lambda: b"hello, this is no model", "not a LiteRT model, or it was cut short"),
    "onnx": (lambda: b"\x08\x08\x12\x04test:\x00", "not a LiteRT model, or it was cut short"),
    "mark alone": (lambda: b"\x00\x00\x00\x00TFL3", "not a LiteRT model"),
    "no graph": (lambda: broken(_set("model.subgraphs", [])), "holds no graph of operators"),
    "no operators": (lambda: broken(_set("graph.operators", [])), "holds no graph of operators"),
    "no inputs": (lambda: broken(_set("graph.inputs", [])), "no inputs or no outputs"),
    "wild input": (lambda: broken(_set("graph.inputs", [99])), "a tensor that is not there"),
    "wild link": (lambda: broken(_set("graph.operators.0.inputs", [0, 99, 2])), "a tensor that is not there"),
    "wild output": (lambda: broken(_set("graph.operators.0.outputs", [-1])), "a tensor that is not there"),
    "wild operator": (lambda: broken(_set("graph.operators.0.opcodeIndex", 77)), "of a kind that is not listed"),
    "wild data": (lambda: broken(_set("graph.tensors.1.buffer", 77)), "names data that are not there"),
    "wild signature": (
        lambda: broken(_set("model.signatureDefs.0.inputs.0.tensorIndex", 77)),
        "signature names a tensor that is not there",
    ),
    "unknown type": (lambda: broken(_set("graph.tensors.1.type", 99)), "an element type that LiteRT does not define"),
    "unknown operator": (lambda: broken(_set("model.operatorCodes.0.builtinCode", 9999)), "does not define: number"),
    "short weight": (lambda: broken(_set("model.buffers.1.data", [1, 2, 3, 4])), "holds 4 bytes instead of 512"),
    "negative weight": (lambda: broken(_set("graph.tensors.1.shape", [-8, -16])), "impossible shape"),
    "huge weight": (lambda: broken(_set("graph.tensors.1.shape", [2**31 - 1] * 3)), "impossible shape"),
    "long shape": (lambda: broken(_set("graph.tensors.1.shape", [1] * 40)), "impossible shape"),
    "no name": (lambda: broken(_set("graph.tensors.0.name", b"\xff\xfe")), "names are not text"),
    "empty input": (lambda: broken(_set("graph.tensors.0.shapeSignature", [0, 16])), "impossible shape"),
    "huge input": (lambda: broken(_set("graph.tensors.0.shapeSignature", [1, 2**30])), r"at most .* \(2 GiB\)"),
    "elsewhere": (lambda: broken(_set("graph.tensors.1.externalBuffer", 1)), "save the model as one file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(tmp_path: Path, name: str) -> None:
    """Every broken file is refused in one line that names it and says what is wrong."""
    make, words = BROKEN[name]
    path = tmp_path / "model.tflite"
    path.write_bytes(make())
    with pytest.raises(ModelError, match=words) as caught:
        inspect_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_data_behind_the_end(tmp_path: Path) -> None:
    """A large model's data lie behind its tables; where the file ends before them, that is said."""
    model = builder.dense_net(16, 8)
    model.model.buffers[1].data, model.model.buffers[1].offset, model.model.buffers[1].size = None, 10**6, 512
    path = model.save(tmp_path / "model.tflite")
    with pytest.raises(ModelError, match="lie behind its end"):
        tflite_file.look(path)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading never waits for a pipe that lies where a file should."""
    os.mkfifo(tmp_path / "model.tflite")
    with pytest.raises(ModelError, match="it is not a file"):
        tflite_file.look(tmp_path / "model.tflite")


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 4000), flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12))
def test_damage_is_always_told(cut: int, flips: list[tuple[int, int]]) -> None:
    """Whatever bytes are changed or missing, reading gives facts and costs or says that the model is damaged."""
    data = bytearray(builder.image_net().data())
    for place, value in flips:
        data[place % len(data)] = value
    if cut:
        del data[cut:]
    try:
        model = tflite_graph.read(bytes(data))
    except ModelError:
        return
    macs, peak = Costs(model).macs(), Costs(model).peak_bytes()
    assert macs is None or macs >= 0
    assert peak is None or peak >= 0


def test_lists_without_end(tmp_path: Path) -> None:
    """Tables that all show the same long list are counted together and refused before memory runs out."""
    model = builder.dense_net(16, 8)
    model.graph.inputs = [0] * (2**20 + 1)
    path = model.save(tmp_path / "model.tflite")
    with pytest.raises(ModelError, match="may hold at most 1048576"):
        tflite_file.look(path)
