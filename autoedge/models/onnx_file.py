"""ONNX models: what is known of one without running it, and one in a single file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import onnx

from autoedge.errors import ModelError
from autoedge.models import costs, source, structure, walk
from autoedge.models.info import ModelInfo, Tensor
from autoedge.models.shapes import for_one_item

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

_KEPT_ELEMENTS = 1024
_MAX_INPUT_BYTES = 2**31
_PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64"}
_QUANTISERS = ("QLinear", "QuantizeLinear", "DequantizeLinear", "DynamicQuantize", "Integer", "QGemm", "QAttention")


def look(path: Path) -> ModelInfo:
    """Everything that is known of the model at ``path``.

    Raises:
        ModelError: The model is broken, hostile, or of a kind that cannot be measured.
    """
    given = source.read(path)
    model = given.model
    stored = {each.name for each in model.graph.initializer}
    stored |= {each.values.name for each in model.graph.sparse_initializer}
    parameters, kinds = _parameters(model)
    _lighten(model)
    model = structure.inlined(model)
    structure.check(model)
    operators = Counter(_operator_name(node) for node in walk.nodes(model))
    inferred = onnx.shape_inference.infer_shapes(model)
    single = for_one_item(model)
    return ModelInfo(
        sha256=given.sha256,
        size_bytes=given.size_bytes,
        ir_version=model.ir_version,
        opset=walk.opset(model),
        precision=_precision(operators, kinds, _stored_bits(model)),
        inputs=tuple(_checked(_tensor(port)) for port in inferred.graph.input if port.name not in stored),
        outputs=tuple(_tensor(port) for port in inferred.graph.output),
        parameters=parameters,
        macs=costs.macs(single.graph),
        activation_peak_bytes=costs.peak_bytes(single.graph, stored),
        operators=dict(sorted(operators.items())),
    )


def pack(path: Path, into: Path) -> str:
    """Write the model with all its data as one file, and return the hash of what lay at ``path``.

    Raises:
        ModelError: It cannot be read, or is too large for one file.
    """
    given = source.read(path)
    into.write_bytes(given.data or source.as_bytes(given.model))
    return given.sha256


def _lighten(model: onnx.ModelProto) -> None:
    """Turn large initialisers into inputs: checks and shape inference need their shapes, but not their values."""
    listed = {port.name for port in model.graph.input}
    small = [each for each in model.graph.initializer if walk.elements(each) <= _KEPT_ELEMENTS]
    for each in model.graph.initializer:
        if walk.elements(each) > _KEPT_ELEMENTS and each.name not in listed:
            model.graph.input.append(onnx.helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)))
    kept = [onnx.TensorProto.FromString(each.SerializeToString()) for each in small]
    model.graph.ClearField("initializer")
    model.graph.initializer.extend(kept)


def _parameters(model: onnx.ModelProto) -> tuple[int, Counter[str]]:
    """How many parameters the model stores, and how many of each type; see ``ModelInfo.parameters``."""
    kinds: Counter[str] = Counter()
    for tensor in walk.tensors(model):
        kind = walk.dtype(tensor.data_type) or ""
        if "float" in kind or (kind.lstrip("u").startswith("int") and (walk.bits(kind) or 0) <= 8):  # noqa: PLR2004
            kinds[kind] += walk.elements(tensor)
    for node in walk.nodes(model):
        if node.domain == "ai.onnx.ml":
            kinds["float32"] += sum(len(each.floats) for each in node.attribute)
    return kinds.total(), kinds


def _stored_bits(model: onnx.ModelProto) -> set[int]:
    """In how many bits products of ONNX Runtime's weight-only kind store their matrices."""
    products = [node for node in walk.nodes(model) if _operator_name(node) == "com.microsoft.MatMulNBits"]
    told = [[each.i for each in node.attribute if each.name == "bits"] for node in products]
    return {bits[0] if bits else 4 for bits in told}


def _precision(operators: Mapping[str, int], kinds: Counter[str], stored_bits: AbstractSet[int]) -> str:
    if any(kind.endswith("int4") for kind in kinds) or any(bits < 8 for bits in stored_bits):  # noqa: PLR2004
        return "int4"
    if stored_bits or any(mark in name for name in operators for mark in _QUANTISERS):
        return "int8"
    floating = [(count, kind) for kind, count in sorted(kinds.items()) if kind in _PRECISIONS]
    return _PRECISIONS[max(floating)[1]] if floating else "fp32"


def _operator_name(node: onnx.NodeProto) -> str:
    domain = walk.domain(node.domain)
    return node.op_type if domain in structure.STANDARD_DOMAINS else f"{domain}.{node.op_type}"


def _tensor(port: onnx.ValueInfoProto) -> Tensor:
    kind = port.type.tensor_type
    name = walk.dtype(kind.elem_type)
    if name is None:
        raise ModelError(f"'{port.name}' has an element type that ONNX does not define: {kind.elem_type}")
    dims = [dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None for dim in kind.shape.dim]
    return Tensor(port.name, name, tuple(dims))


def _checked(tensor: Tensor) -> Tensor:
    fixed = [size for size in tensor.shape if isinstance(size, int)]
    if any(size < 1 for size in fixed):
        raise ModelError(f"input '{tensor.name}' has an impossible shape: {list(tensor.shape)}")
    size = walk.bits(tensor.dtype) or 8
    for each in fixed:
        size *= each
    if size > 8 * _MAX_INPUT_BYTES:
        raise ModelError(
            f"input '{tensor.name}' of shape {list(tensor.shape)} takes {size // 8} bytes an item; "
            f"at most {_MAX_INPUT_BYTES} (2 GiB) can be fed"
        )
    return tensor
