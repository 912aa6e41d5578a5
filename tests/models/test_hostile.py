"""Broken and hostile model files: one clear line each, never a crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from onnx import TensorProto, helper

from autoedge.errors import ModelError
from autoedge.models import source
from autoedge.models.child import Limits
from autoedge.models.inspect import inspect_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Break = Callable[[Any], onnx.ModelProto | bytes]

LIMITS = Limits(time_s=60, memory_mib=2048)
FLOAT = TensorProto.FLOAT
IN, OUT = {"x": (FLOAT, ("n", 4))}, {"y": (FLOAT, ("n", 4))}


def _varint(number: int) -> bytes:
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def nested(depth: int) -> bytes:
    """A model whose graph holds a node that holds a graph, and so on: built as bytes, no library would write it."""
    graph = b""
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))  # graph.node.attribute.g
    return b"\x08\x08" + _field(7, graph)


def truncated(build: Any) -> bytes:
    """The first half of a model."""
    data = build.mlp(4, 8, 3).SerializeToString()
    return bytes(data[: len(data) // 2])


def cycle(build: Any) -> onnx.ModelProto:
    """Three operators that wait for one another."""
    nodes = [
        helper.make_node("Add", ["x", "c"], ["a"], name="one"),
        helper.make_node("Relu", ["a"], ["b"], name="two"),
        helper.make_node("Relu", ["b"], ["c"], name="three"),
        helper.make_node("Relu", ["c"], ["y"], name="after"),
    ]
    return build.model(nodes, IN, OUT)


def unsorted(build: Any) -> onnx.ModelProto:
    """Sound operators in the wrong order."""
    return build.model([helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])], IN, OUT)


def missing_weight(build: Any) -> onnx.ModelProto:
    """A weight that is read and not there."""
    model = build.mlp(4, 3)
    del model.graph.initializer[0]
    return model


def short_weight(build: Any) -> onnx.ModelProto:
    """A weight of fewer bytes than its shape needs."""
    model = build.mlp(4, 3)
    model.graph.initializer[0].raw_data = b"1234"
    return model


def huge_weight(build: Any) -> onnx.ModelProto:
    """A weight whose shape overflows every counter."""
    model = build.mlp(4, 3)
    model.graph.initializer[0].dims[:] = [2**62, 2**62]
    return model


def negative_weight(build: Any) -> onnx.ModelProto:
    """A weight with a negative dimension."""
    model = build.mlp(4, 3)
    model.graph.initializer[0].dims[:] = [-4, -3]
    return model


def unknown_type(build: Any) -> onnx.ModelProto:
    """A weight of a type that no version of ONNX has."""
    model = build.mlp(4, 3)
    model.graph.initializer[0].data_type = 999
    return model


def zip_map(build: Any) -> onnx.ModelProto:
    """Probabilities as scikit-learn's converter writes them by default."""
    model = build.linear()
    node = helper.make_node("ZipMap", ["scores"], ["dicts"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    model.graph.node.append(node)
    kind = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, None))
    model.graph.output[1].CopyFrom(helper.make_value_info("dicts", helper.make_sequence_type_proto(kind)))
    return model


def sequence_input(build: Any) -> onnx.ModelProto:
    """An input that is no tensor."""
    model = build.mlp(4, 3)
    kind = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, None))
    model.graph.input[0].CopyFrom(helper.make_value_info("x", kind))
    return model


def shapeless_input(build: Any) -> onnx.ModelProto:
    """An input without a shape."""
    model = build.mlp(4, 3)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    return model


def no_inputs(build: Any) -> onnx.ModelProto:
    """A model of constants."""
    return build.model([helper.make_node("Relu", ["w"], ["y"])], {}, OUT, [build.weight("w", 4)])


def no_outputs(build: Any) -> onnx.ModelProto:
    """A model that gives nothing."""
    return build.model([helper.make_node("Relu", ["x"], ["y"])], IN, {})


def unmade_output(build: Any) -> onnx.ModelProto:
    """An output that no operator makes."""
    return build.model([helper.make_node("Relu", ["x"], ["z"])], IN, OUT)


def twice_made(build: Any) -> onnx.ModelProto:
    """Two operators under one result."""
    return build.model([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"])], IN, OUT)


def huge_input(build: Any) -> onnx.ModelProto:
    """An input that no machine could hold."""
    return build.model([helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, ("n", 2**40))}, OUT)


def bad_text(build: Any) -> bytes:
    """An operator name that is not UTF-8."""
    return bytes(build.mlp(4, 3).SerializeToString()).replace(b"Gemm", b"G\xff\xfem")


def exploding_functions(build: Any) -> onnx.ModelProto:
    """Thirty functions, each calling the next twice: a billion operators in two kilobytes."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    leaf = helper.make_function("f", "f30", ["a"], ["c"], [helper.make_node("Relu", ["a"], ["c"])], opsets)
    functions = [leaf]
    for index in range(30):
        calls = [helper.make_node(f"f{index + 1}", [one], [two], domain="f") for one, two in ("ab", "bc")]
        functions.append(helper.make_function("f", f"f{index}", ["a"], ["c"], calls, opsets))
    call = helper.make_node("f0", ["x"], ["y"], domain="f")
    return build.model([call], IN, OUT, opsets={"": 17, "f": 1}, functions=functions)


def circular_function(build: Any) -> onnx.ModelProto:
    """A function that calls itself."""
    opsets = [helper.make_opsetid("f", 1)]
    call = helper.make_node("f0", ["x"], ["y"], domain="f")
    function = helper.make_function("f", "f0", ["x"], ["y"], [call], opsets)
    return build.model([call], IN, OUT, opsets={"": 17, "f": 1}, functions=[function])


def operator(name: str, opset: int = 17, **options: Any) -> Break:
    """A model of one operator."""
    return lambda build: build.model([helper.make_node(name, ["x"], ["y"], **options)], IN, OUT, opsets={"": opset})


TABLE: dict[str, tuple[Break, str]] = {
    "empty": (lambda _: b"", "the file is empty"),
    "random bytes": (lambda build: build.random.bytes(5000), "it is not an ONNX model"),
    "text": (lambda _: b"<!DOCTYPE html><html>Not found</html>", "it is not an ONNX model"),
    "LFS pointer": (lambda _: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "truncated": (truncated, "it is not an ONNX model, or it was cut short"),
    "only a version": (lambda _: b"\x08\x08", "it holds no graph"),
    "deep subgraphs": (lambda _: nested(10_000), "it is not an ONNX model"),
    "huge repeated field": (lambda _: b"\x08\x08" + b"\x3a\x02\x0a\x00" * 200_000, "no opset is imported"),
    "cycle": (cycle, "its graph runs in a circle: one -> two -> three -> one"),
    "unsorted": (unsorted, "not in topological order"),
    "missing weight": (missing_weight, "operator 'Gemm' reads 'w0', which nothing makes"),
    "short weight": (short_weight, "'w0' of shape [4, 3] holds 4 values or bytes instead of 48"),
    "huge weight": (huge_weight, "'w0' of shape [4611686018427387904"),
    "negative weight": (negative_weight, "'w0' has an impossible shape: [-4, -3]"),
    "unknown type": (unknown_type, "an element type that ONNX does not define: 999"),
    "unknown operator": (operator("Frobnicate"), "operator 'Frobnicate' is unknown in opset 17 of domain 'ai.onnx'"),
    "operator too new": (operator("Gelu", 17), "operator 'Gelu' is unknown in opset 17"),
    "removed operator": (operator("Upsample", 17), "operator 'Upsample' was removed"),
    "custom operator": (operator("Magic", domain="acme"), "'Magic' of domain 'acme' needs a custom operator library"),
    "unimported domain": (operator("Scaler", domain="ai.onnx.ml"), "no opset is imported for its domain 'ai.onnx.ml'"),
    "opset from the future": (operator("Relu", 9999), "its opset 9999 is newer than"),
    "IR from the future": (lambda build: build.mlp(4, 3, ir_version=999), "its IR version 999 is newer than"),
    "unknown attribute": (operator("Relu", frob=1), "it breaks ONNX's rules: Unrecognized attribute: frob"),
    "zip map": (zip_map, "output 'dicts' is a sequence of maps"),
    "sequence input": (sequence_input, "input 'x' is a sequence of tensors"),
    "shapeless input": (shapeless_input, "input 'x' has no shape"),
    "huge input": (huge_input, "input 'x' of shape ['n', 1099511627776]"),
    "no inputs": (no_inputs, "it has no inputs"),
    "no outputs": (no_outputs, "it has no outputs"),
    "unmade output": (unmade_output, "output 'y' is made by no operator"),
    "twice made": (twice_made, "it breaks ONNX's rules"),
    "bad text": (bad_text, "some of its names are not text"),
    "circular function": (circular_function, "it breaks ONNX's rules: Cycle detected"),
    "exploding functions": (exploding_functions, "and was stopped"),
}


@pytest.mark.parametrize("case", TABLE)
def test_hostile_table(build: Any, case: str) -> None:
    """Each broken file is a ModelError of one printable line that names the file and what is wrong."""
    broken, says = TABLE[case]
    path = build.save(broken(build))
    limits = Limits(60, 300) if case == "exploding functions" else LIMITS
    with pytest.raises(ModelError) as caught:
        inspect_model(path, limits=limits)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert message.isprintable()
    assert "crashed" not in message


def external(build: Any, location: str, **entries: str) -> Path:
    """A model whose first weight lies in another file."""
    model = build.mlp(4, 3)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=value)
    return build.save(model)


@pytest.mark.parametrize(
    ("location", "entries", "says"),
    [
        ("../secret", {}, "'../secret' leads out of it"),
        ("data/../../secret", {}, "leads out of it"),
        ("..\\secret", {}, "leads out of it"),
        ("/etc/passwd", {}, "'/etc/passwd' is no path inside it"),
        ("C:\\secret", {}, "is no path inside it"),
        ("", {}, "is no path inside it"),
        ("link", {}, "'link' is a link that leads out of it"),
        ("folder/secret", {}, "is a link that leads out of it"),
        ("absent", {}, "its data file 'absent' is missing"),
        (".", {}, "its data file '.' is not a file"),
        ("nul\0byte", {}, "is missing"),
        ("weights", {"length": "12"}, "'w0' needs 48 bytes at 0 of 'weights'"),
        ("weights", {"offset": "20"}, "'w0' needs 48 bytes at 20"),
        ("weights", {"offset": "-5"}, "'w0' needs 48 bytes at -5"),
        ("weights", {"offset": "many"}, "are not numbers"),
    ],
)
def test_external_data_stay_in_the_models_folder(build: Any, location: str, entries: dict[str, str], says: str) -> None:
    """No path inside a model reaches a file outside its folder, nor bytes that are not there."""
    (build.folder.parent / "secret").write_bytes(b"s" * 100)
    (build.folder / "weights").write_bytes(b"w" * 60)
    (build.folder / "link").symlink_to(build.folder.parent / "secret")
    (build.folder / "folder").symlink_to(build.folder.parent)
    with pytest.raises(ModelError) as caught:
        source.read(external(build, location, **entries))
    assert says in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A missing path, a folder and a pipe are refused without waiting for anything."""
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("absent.onnx", "does not exist"), (".", "is not a file"), ("pipe", "is not a file")):
        with pytest.raises(ModelError, match=says):
            inspect_model(tmp_path / name)


def test_too_large(tmp_path: Path) -> None:
    """A file beyond 2 GiB is refused by its size alone."""
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(ModelError, match="at most 2147483647 bytes"):
        inspect_model(path, limits=Limits(60, 200))
