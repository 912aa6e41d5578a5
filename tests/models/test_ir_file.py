"""What is said of OpenVINO's IR, and which are refused."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from autoedge.errors import ModelError
from autoedge.models import ir_file, onnx_file
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.inspect import inspect_model
from autoedge.runtimes import openvino
from autoedge.runtimes.openvino import OpenVino

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

FLOAT = TensorProto.FLOAT
DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "models"


def saved(build: Any, model: onnx.ModelProto | Path, *, half: bool = False) -> Path:
    """The IR that OpenVINO's converter makes of an ONNX model."""
    ov = openvino.engine()
    path = model if isinstance(model, Path) else build.save(model)
    into: Path = build.folder / "model.xml"
    ov.save_model(ov.convert_model(str(path)), str(into), compress_to_fp16=half)
    return into


def built(build: Any, outputs: Sequence[Any], inputs: Sequence[Any]) -> Path:
    """An IR of operators put together by hand."""
    ov = openvino.engine()
    path: Path = build.folder / "model.xml"
    ov.save_model(ov.Model(list(outputs), list(inputs), "built"), str(path), compress_to_fp16=False)
    return path


def test_a_plain_model(build: Any) -> None:
    """Every field of a small network is what one counts by hand; the answer survives JSON and the child process."""
    path = saved(build, build.mlp(64, 32, 10))
    info = inspect_model(path)
    assert info.format == ".xml"
    assert info.inputs == (Tensor("x", "float32", (None, 64)),)
    assert info.outputs == (Tensor("scores", "float32", (None, 10)),)
    assert (info.precision, info.fixed_batch, info.opset) == ("fp32", None, 8)
    assert info.ir_version >= 10
    assert info.parameters == 64 * 32 + 32 + 32 * 10 + 10
    assert info.macs == 64 * 32 + 32 * 10
    assert info.activation_peak_bytes == 4 * (64 + 32)
    assert info.operators == {"Add": 2, "MatMul": 2, "Relu": 1, "Softmax": 1}
    weights = path.with_suffix(".bin")
    assert info.size_bytes == path.stat().st_size + weights.stat().st_size
    digests = "".join(hashlib.sha256(each.read_bytes()).hexdigest() for each in (path, weights))
    assert info.sha256 == hashlib.sha256(digests.encode()).hexdigest()
    assert ModelInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info


@pytest.mark.parametrize("name", ["mlp", "conv-tiny", "conv-separable", "resnet", "conv-large"])
def test_it_agrees_with_what_is_said_of_the_onnx_model(build: Any, name: str) -> None:
    """The same network counts the same, be it ONNX or the IR made of it."""
    given = onnx_file.look(DIGITS / f"{name}.onnx")
    info = ir_file.look(saved(build, DIGITS / f"{name}.onnx"))
    for field in ("precision", "macs", "activation_peak_bytes", "fixed_batch"):
        assert getattr(info, field) == getattr(given, field)
    assert abs(info.parameters - given.parameters) <= 4
    assert [(each.name, each.dtype) for each in info.outputs] == [(each.name, each.dtype) for each in given.outputs]


in_process = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_process
@given(sizes=st.tuples(*[st.integers(1, 3)] * 4, st.integers(1, 2)), transposed=st.booleans())
def test_convolutions(build: Any, sizes: tuple[int, ...], transposed: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """MACs of any convolution, grouped or transposed or both, follow the closed form."""
    groups, inward, outward, kernel, stride = sizes
    shape = (groups * inward, outward) if transposed else (groups * outward, inward)
    node = helper.make_node(
        "ConvTranspose" if transposed else "Conv", ["x", "w"], ["y"], group=groups, strides=[stride] * 2
    )
    ports = {"x": (FLOAT, ("n", groups * inward, 7, 7))}, {"y": (FLOAT, ("n", groups * outward, None, None))}
    info = ir_file.look(saved(build, build.model([node], *ports, [build.weight("w", *shape, kernel, kernel)])))
    positions = 7 if transposed else (7 - kernel) // stride + 1
    assert info.macs == positions**2 * groups * inward * outward * kernel**2


@pytest.mark.parametrize(
    ("node", "inputs", "weights", "expected"),
    [
        (helper.make_node("MatMul", ["x", "w"], ["y"]), (1, 3, 4), {"w": (4, 7)}, 3 * 4 * 7),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), (4, 5), {"w": (4, 7)}, 4 * 5 * 7),
        (helper.make_node("Einsum", ["x", "w"], ["y"], equation="bij,jk->bik"), (1, 3, 4), {"w": (4, 7)}, 3 * 4 * 7),
        (
            helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=2),
            (3, 1, 4),
            {"w": (1, 8, 4), "r": (1, 8, 2)},
            3 * 8 * (4 + 2),
        ),
        (
            helper.make_node("GRU", ["x", "w", "r"], ["y"], hidden_size=2),
            (3, 1, 4),
            {"w": (1, 6, 4), "r": (1, 6, 2)},
            3 * 6 * (4 + 2),
        ),
        (helper.make_node("Relu", ["x"], ["y"]), (1, 9), {}, 0),
    ],
    ids=lambda value: value.op_type if hasattr(value, "op_type") else "",
)
def test_operators_that_count(
    build: Any, node: onnx.NodeProto, inputs: tuple[int, ...], weights: dict[str, tuple[int, ...]], expected: int
) -> None:
    """One operator of each kind has the MACs that one counts by hand."""
    stored = [build.weight(name, *shape) for name, shape in weights.items()]
    model = build.model([node], {"x": (FLOAT, inputs)}, {"y": (FLOAT, None)}, stored)
    assert ir_file.look(saved(build, model)).macs == expected


def test_branches_cost_their_dearer_side(build: Any) -> None:
    """What a branch computes counts once, for its dearer side; memory inside it is not claimed to be known."""
    from openvino import opset13 as op

    ov = openvino.engine()
    x, choice = op.parameter([1, 4], np.float32, name="x"), op.parameter([], np.bool_, name="choice")
    bodies = []
    for width in (2, 5):
        inner = op.parameter([1, 4], np.float32)
        weights = op.constant(np.ones((4, width), np.float32))
        product = op.matmul(inner, weights, transpose_a=False, transpose_b=False)
        total = op.reduce_sum(product, op.constant(np.array([1])), keep_dims=True)
        bodies.append((ov.Model([op.result(total)], [inner], "branch"), inner))
    branch = op.if_op(choice.output(0))
    branch.set_then_body(bodies[0][0])
    branch.set_else_body(bodies[1][0])
    branch.set_input(x.output(0), bodies[0][1], bodies[1][1])
    made = branch.set_output(bodies[0][0].results[0], bodies[1][0].results[0])
    info = ir_file.look(built(build, [op.result(made)], [x, choice]))
    assert info.macs == 4 * 5
    assert info.parameters == 4 * 2 + 4 * 5
    assert info.activation_peak_bytes is None
    assert info.operators == {"If": 1, "MatMul": 2, "ReduceSum": 2}
    assert {each.name: each.dtype for each in info.inputs} == {"x": "float32", "choice": "bool"}


def test_precisions(build: Any) -> None:
    """Half, 8-bit and 4-bit weights and quantised activations are told from the constants and operators."""
    from openvino import opset13 as op

    ov = openvino.engine()
    assert ir_file.look(saved(build, build.mlp(16, 8), half=True)).precision == "fp16"
    for kind, expected in ((ov.Type.u8, "int8"), (ov.Type.i8, "int8"), (ov.Type.u4, "int4"), (ov.Type.i4, "int4")):
        x = op.parameter([-1, 8], np.float32, name="x")
        weights = op.convert(op.constant(np.ones((8, 4)), kind), np.float32)
        info = ir_file.look(built(build, [op.matmul(x, weights, transpose_a=False, transpose_b=False)], [x]))
        assert (info.precision, info.parameters) == (expected, 32)
    x = op.parameter([-1, 8], np.float32, name="x")
    ends = [op.constant(np.float32(end)) for end in (0, 1, 0, 1)]
    info = ir_file.look(built(build, [op.fake_quantize(x, *ends, 256)], [x]))
    assert info.precision == "int8"


def test_sizes_that_are_unknown_are_none(build: Any) -> None:
    """A second free dimension leaves MACs and memory unknown, rather than guessed."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = build.model([node], {"x": (FLOAT, ("n", "t", 4))}, {"y": (FLOAT, None)}, [build.weight("w", 4, 7)])
    info = ir_file.look(saved(build, model))
    assert info.inputs[0].shape == (None, None, 4)
    assert (info.macs, info.activation_peak_bytes) == (None, None)


def test_a_model_without_names(build: Any) -> None:
    """Ports that the file does not name get names all the same, the same ones from the runtime."""
    path = saved(build, build.mlp(4, 3))
    path.write_text(re.sub(r' names="[^"]*"', "", path.read_text()))
    info = ir_file.look(path)
    ir_file.pack(path, build.folder / "packed")
    session = OpenVino().load(build.folder / "packed", {})
    assert [port.name for port in session.inputs] == [each.name for each in info.inputs]
    assert [port.name for port in session.outputs] == [each.name for each in info.outputs]
    call = session.bind([info.outputs[0].name])
    assert call({info.inputs[0].name: np.ones((2, 4), np.float32)})[0].shape == (2, 3)


def test_a_model_without_weights(build: Any) -> None:
    """An IR whose file of weights is empty is read and packed like any other."""
    from openvino import opset13 as op

    x = op.parameter([1, 4], np.float32, name="x")
    path = built(build, [op.relu(x)], [x])
    assert path.with_suffix(".bin").stat().st_size == 0
    info = ir_file.look(path)
    assert (info.parameters, info.activation_peak_bytes) == (0, 32)
    assert ir_file.pack(path, build.folder / "packed") == info.sha256
    assert OpenVino().load(build.folder / "packed", {}).placement()["CPU"] >= 1


LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<net name="&c;" version="11"><layers/></net>
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda _: LAUGHS, "has a document type declaration"),
        (
            lambda xml: '<!DOCTYPE net SYSTEM "file:///etc/passwd">' + xml.partition("?>")[2],
            "document type declaration",
        ),
        (lambda xml: xml[: len(xml) // 2], "not an OpenVINO IR, or it was cut short"),
        (lambda _: "", "not an OpenVINO IR, or it was cut short"),
        (lambda _: "\x08\x07 model", "not an OpenVINO IR, or it was cut short"),
        (lambda _: "<svg version='1'/>", "but this is a <svg>"),
        (lambda xml: re.sub(r'(<net [^>]*)version="\d+"', r'\1version="eleven"', xml), "that is a <net version"),
        (lambda xml: re.sub(r'(<net [^>]*)version="\d+"', r'\1version="3"', xml), "cannot load the model"),
        (lambda xml: xml.replace('type="MatMul"', 'type="MatMule"'), "cannot load the model: .*MatMule"),
        (lambda xml: re.sub(r'offset="\d+"', 'offset="999999999"', xml), "cannot load the model"),
        (lambda xml: re.sub(r'shape="\d, \d"', 'shape="400000, 300000"', xml), "cannot load the model"),
        (lambda xml: xml.replace('shape="?,4"', 'shape="..."'), "unknown number of dimensions"),
        (lambda _: "version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer.* git lfs pull"),
    ],
)
def test_broken_and_hostile_graphs(build: Any, change: Any, says: str) -> None:
    """A graph that is damaged, of another kind, or meant to grow is one line that names the file and the reason."""
    path = saved(build, build.mlp(4, 3))
    xml = path.read_text()
    assert change(xml) != xml
    path.write_text(change(xml))
    with pytest.raises(ModelError, match=says) as caught:
        inspect_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_weights_that_are_missing_or_wrong(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not there, cut short, a pointer, a folder or too large: each says what is wrong with them."""
    path = saved(build, build.mlp(64, 32))
    weights = path.with_suffix(".bin")
    data = weights.read_bytes()
    weights.write_bytes(data[:100])
    with pytest.raises(ModelError, match="cannot load the model"):
        ir_file.look(path)
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"its weights 'model\.bin' is a Git LFS pointer"):
        ir_file.look(path)
    weights.unlink()
    with pytest.raises(ModelError, match=r"its weights 'model\.bin' are missing"):
        ir_file.look(path)
    weights.mkdir()
    with pytest.raises(ModelError, match=r"'model\.bin' cannot be read|'model\.bin' is not a file"):
        ir_file.look(path)
    weights.rmdir()
    weights.write_bytes(data)
    monkeypatch.setattr(ir_file, "MAX_BYTES", path.stat().st_size + 100)
    with pytest.raises(ModelError, match="may have at most 100 bytes"):
        ir_file.pack(path, build.folder / "packed")


def test_weights_lie_beside_the_graph_and_nowhere_else(build: Any) -> None:
    """The weights are those of the graph's own name; another file's are never taken, whatever the graph says."""
    path = saved(build, build.mlp(4, 3))
    other = path.rename(path.with_name("other.xml"))
    other.write_text(other.read_text().replace("<net ", '<net weights="model.bin" bin="model.bin" '))
    with pytest.raises(ModelError, match=r"'other\.bin' are missing"):
        ir_file.look(other)


@in_process
@given(position=st.floats(0, 1, exclude_max=True), text=st.text(max_size=6))
def test_any_damage_is_refused_or_read(build: Any, position: float, text: str) -> None:
    """Whatever is put in the middle of a graph, looking at it gives an answer or the one error."""
    path = saved(build, build.mlp(4, 3))
    xml = path.read_text()
    at = int(position * len(xml))
    path.write_text(xml[:at] + text.encode("utf-8", "ignore").decode() + xml[at:], encoding="utf-8")
    with suppress(ModelError):  # anything else is an error of ours
        assert inspect_model(path).format == ".xml"
