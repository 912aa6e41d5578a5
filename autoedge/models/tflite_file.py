"""LiteRT (TensorFlow Lite) models: what is known of one without running it, and one in a single file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.models import tflite_graph
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.tflite_costs import Costs
from autoedge.models.tflite_graph import BITS
from autoedge.runtimes.litert import Named, port_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.models.tflite_graph import GraphFacts, ModelFacts, TensorFacts

MAX_BYTES = 2**31 - 1  # offsets in the file are signed and have 32 bits
_MAX_INPUT_BYTES = 2**31
_LFS = b"version https://git-lfs"
_PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}
_SMALL = {"int4": "int4", "uint4": "int4", "int2": "int2"}


def look(path: Path) -> ModelInfo:
    """Everything that is known of the model at ``path``.

    Raises:
        ModelError: The model is broken, hostile, or of a kind that cannot be measured.
    """
    data = read(path)
    model = tflite_graph.read(data)
    graph = model.graphs[0]
    if not graph.inputs or not graph.outputs:
        raise ModelError("it has no inputs or no outputs, so that there is nothing to measure")
    stored = _stored(model)
    kinds: Counter[str] = Counter(dict.fromkeys(BITS, 0))
    for tensor in stored:
        if "float" in tensor.dtype or ("int" in tensor.dtype and (BITS[tensor.dtype] or 64) <= 8):  # noqa: PLR2004
            kinds[tensor.dtype] += tensor.elements
    operators = Counter(operator.name for each in model.graphs for operator in each.operators)
    return ModelInfo(
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        ir_version=model.version,
        opset=0,
        precision=_precision(model, kinds),
        inputs=tuple(_checked(each) for each in _ports(graph, graph.inputs, model.signed.get("inputs"))),
        outputs=tuple(_ports(graph, graph.outputs, model.signed.get("outputs"))),
        parameters=kinds.total(),
        macs=Costs(model).macs(),
        activation_peak_bytes=Costs(model).peak_bytes(),
        operators=dict(sorted(operators.items())),
        format=".tflite",
    )


def pack(path: Path, into: Path) -> str:
    """Copy the model, which is one file already, and return its hash.

    Raises:
        ModelError: It cannot be read.
    """
    data = read(path)
    into.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        ModelError: It is no file, empty, a Git LFS pointer, or larger than 2 GiB.
    """
    try:
        # Never wait for the other end of a pipe that lies where a file should.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelError("it is not a file")
            if status.st_size > MAX_BYTES:
                raise ModelError(f"a model may have at most {MAX_BYTES} bytes (2 GiB), but this has {status.st_size}")
            data = file.read(MAX_BYTES)
    except OSError as error:
        raise ModelError(f"it cannot be read: {error.strerror}") from error
    if not data:
        raise ModelError("the file is empty")
    if data.startswith(_LFS):
        raise ModelError("the file is a Git LFS pointer, not the model itself; fetch it with: git lfs pull")
    return data


def _stored(model: ModelFacts) -> list[TensorFacts]:
    """Stored tensors, each set of data once however many tensors show it."""
    found = {tensor.buffer: tensor for graph in model.graphs for tensor in graph.tensors if tensor.stored}
    return list(found.values())


def _precision(model: ModelFacts, kinds: Mapping[str, int]) -> str:
    """As ``ModelInfo`` says: 4 bits or fewer, else quantised integers, else the type of most parameters."""
    small = [_SMALL[kind] for kind in sorted(_SMALL) if kinds[kind]]
    if small:
        return small[0]
    if any(tensor.quantised for graph in model.graphs for tensor in graph.tensors):
        return "int8"
    floating = [(count, kind) for kind, count in sorted(kinds.items()) if kind in _PRECISIONS and count]
    return _PRECISIONS[max(floating)[1]] if floating else "fp32"


def _ports(graph: GraphFacts, indices: Sequence[int], signed: Mapping[str, int] | None) -> list[Tensor]:
    tensors = [graph.tensors[index] for index in indices]
    names = port_names([Named(each.index, each.name) for each in tensors], signed)
    return [Tensor(name, each.dtype, each.dims, *each.scale) for name, each in zip(names, tensors, strict=True)]


def _checked(tensor: Tensor) -> Tensor:
    fixed = [size for size in tensor.shape if isinstance(size, int)]
    if any(size < 1 for size in fixed):
        raise ModelError(f"input '{tensor.name}' has an impossible shape: {list(tensor.shape)}")
    if tensor.dtype in {"resource", "variant"}:
        raise ModelError(f"input '{tensor.name}' is a {tensor.dtype}, which nobody can feed")
    size = BITS[tensor.dtype] or 8
    for each in fixed:
        size *= each
    if size > 8 * _MAX_INPUT_BYTES:
        raise ModelError(
            f"input '{tensor.name}' of shape {list(tensor.shape)} takes {size // 8} bytes an item; "
            f"at most {_MAX_INPUT_BYTES} (2 GiB) can be fed"
        )
    return tensor
