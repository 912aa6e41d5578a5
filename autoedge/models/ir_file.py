"""OpenVINO's IR: what is known of a model without running it, and one in a single file."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import numpy as np

from autoedge.errors import ModelError
from autoedge.models import ir_costs
from autoedge.models.info import ModelInfo, Tensor
from autoedge.runtimes import openvino, packed_ir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_BYTES = 2**31 - 1
_MAX_XML_BYTES = 2**28
_MAX_INPUT_BYTES = 2**31
_LFS = b"version https://git-lfs"
_FLOATS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}
_SMALL = {"int8", "uint8", "int4", "uint4", "nf4", "i2", "u2", "u3", "u6", "u1"}
_FOUR_BITS = {"int4", "uint4", "nf4", "f4e2m1"}
_QUANTISERS = {"FakeQuantize", "FakeConvert"}
_NO_OPERATORS = {"Parameter", "Constant", "Result"}


@dataclass(frozen=True)
class _Source:
    """An IR as read.

    Attributes:
        xml: The file with the graph.
        weights: The file beside it.
        version: Of the IR.
    """

    xml: bytes
    weights: bytes
    version: int

    @property
    def sha256(self) -> str:
        """As ``ModelInfo`` says."""
        digests = "".join(hashlib.sha256(part).hexdigest() for part in (self.xml, self.weights))
        return hashlib.sha256(digests.encode()).hexdigest()


def look(path: Path) -> ModelInfo:
    """Everything that is known of the model at ``path``, whose weights lie beside it as ``<stem>.bin``.

    Raises:
        ModelError: The model is broken, hostile, or of a kind that cannot be measured.
    """
    given = _read(path)
    model = _parsed(given)
    operators = Counter(node.get_type_name() for node in ir_costs.nodes(model))
    for name in _NO_OPERATORS:
        del operators[name]
    parameters = _parameters(model)
    single = _for_one_item(model)
    return ModelInfo(
        sha256=given.sha256,
        size_bytes=len(given.xml) + len(given.weights),
        ir_version=given.version,
        opset=max(_opset(node) for node in ir_costs.nodes(model)),
        precision=_precision(operators, parameters),
        inputs=tuple(_checked(tensor) for tensor in _tensors(model.inputs)),
        outputs=_tensors(model.outputs),
        parameters=parameters.total(),
        macs=None if single is None else ir_costs.macs(single),
        activation_peak_bytes=None if single is None else ir_costs.peak_bytes(single),
        operators=dict(sorted(operators.items())),
        format=".xml",
    )


def pack(path: Path, into: Path) -> str:
    """Write graph and weights as one file, and return the hash of what lay at ``path``.

    Raises:
        ModelError: It cannot be read, or is too large.
    """
    given = _read(path)
    packed_ir.write(given.xml, given.weights, into)
    return given.sha256


def _read(path: Path) -> _Source:
    if packed_ir.is_packed(path):
        graph, mapped = packed_ir.read(path)
        return _Source(graph, mapped.tobytes(), _version(graph))
    xml = _bytes(path, "it", _MAX_XML_BYTES)
    version = _version(xml)
    beside = path.with_suffix(".bin")
    if not beside.exists():
        raise ModelError(f"its weights '{beside.name}' are missing; an IR is two files, and they belong next to it")
    weights = _bytes(beside, f"its weights '{beside.name}'", MAX_BYTES - len(xml))
    return _Source(xml, weights, version)


def _bytes(path: Path, what: str, most: int) -> bytes:
    try:
        # Never wait for the other end of a pipe that lies where a file should.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError(f"{what} is not a file")
            if status.st_size > most:
                raise ModelError(f"{what} may have at most {most} bytes, but has {status.st_size}")
            data = file.read(most)
    except OSError as error:
        raise ModelError(f"{what} cannot be read: {error.strerror}") from error
    if data.startswith(_LFS):
        raise ModelError(f"{what} is a Git LFS pointer, not the file itself; fetch it with: git lfs pull")
    return data


def _version(xml: bytes) -> int:
    """The IR's version, once the XML is whole, is an IR, and defines nothing that would grow when it is read."""
    root: list[tuple[str, Mapping[str, str]]] = []

    def begin(tag: str, attributes: Mapping[str, str]) -> None:
        if not root:
            root.append((tag, attributes))

    def refuse(*_: object) -> None:
        raise ModelError("it has a document type declaration, which no IR has and which may define entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        raise ModelError(f"it is not an OpenVINO IR, or it was cut short: {error}") from error
    tag, attributes = root[0]
    version = attributes.get("version", "")
    if tag != "net" or not (version.isascii() and version.isdigit()):
        raise ModelError(f"it is not an OpenVINO IR: that is a <net version=...>, but this is a <{tag}>")
    return int(version)


def _parsed(given: _Source) -> Any:
    ov = openvino.engine()
    try:
        weights = ov.Tensor(np.array(memoryview(given.weights)), shared_memory=True)
        model = ov.Core().read_model(given.xml, weights)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"OpenVINO {openvino.version()} cannot load the model: {openvino.said(error)}") from error
    if not model.inputs or not model.outputs:
        raise ModelError("a model has at least one input and one output, but this IR lacks one of them")
    if any(port.get_partial_shape().rank.is_dynamic for port in model.inputs):
        raise ModelError("an input has an unknown number of dimensions; convert the model with the input's shape given")
    return model


def _tensors(ports: Any) -> tuple[Tensor, ...]:
    return tuple(Tensor(port.name, port.dtype, port.shape) for port in openvino.ports_of(ports))


def _checked(tensor: Tensor) -> Tensor:
    fixed = [size for size in tensor.shape if isinstance(size, int)]
    if any(size < 1 for size in fixed):
        raise ModelError(f"input '{tensor.name}' has an impossible shape: {list(tensor.shape)}")
    width = 8 if tensor.dtype == "float64" or tensor.dtype.endswith("64") else 4
    if math.prod(fixed) * width > _MAX_INPUT_BYTES:
        raise ModelError(
            f"input '{tensor.name}' of shape {list(tensor.shape)} takes {math.prod(fixed) * width} bytes an item; "
            f"at most {_MAX_INPUT_BYTES} (2 GiB) can be fed"
        )
    return tensor


def _for_one_item(model: Any) -> Any:
    """The model with a batch of 1 wherever the leading dimension is free; None where it does not take that."""
    single = model.clone()
    shapes = {}
    for index, port in enumerate(single.inputs):
        shape = port.get_partial_shape()
        if shape.rank.is_static and len(shape) and shape[0].is_dynamic:
            shape[0] = 1
        shapes[index] = shape
    try:
        single.reshape(shapes)
    except RuntimeError:
        return None
    return single


def _parameters(model: Any) -> Counter[str]:
    """How many parameters of each type the model stores; see ``ModelInfo.parameters``."""
    kinds: Counter[str] = Counter()
    for node in ir_costs.nodes(model):
        if node.get_type_name() == "Constant":
            kind = openvino.dtype_of(node.get_output_element_type(0))
            if kind in _FLOATS or kind in _SMALL or kind.startswith(("f8", "f4")):
                kinds[kind] += math.prod(node.get_output_shape(0))
    return kinds


def _precision(operators: Mapping[str, int], kinds: Mapping[str, int]) -> str:
    if kinds.keys() & _FOUR_BITS:
        return "int4"
    floating = max(((count, kind) for kind, count in kinds.items() if kind in _FLOATS), default=(0, "float32"))
    small = sum(count for kind, count in kinds.items() if kind in _SMALL)
    if operators.keys() & _QUANTISERS or small > floating[0]:
        return "int8"
    return _FLOATS[floating[1]]


def _opset(node: Any) -> int:
    digits = str(node.get_type_info().version_id).removeprefix("opset")
    return int(digits) if digits.isdigit() else 0
