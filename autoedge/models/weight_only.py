"""Make variants whose matrices are stored in 8 or 4 bits while everything is computed in float32."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from autoedge.errors import ModelError
from autoedge.models import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Weights = Mapping[str, onnx.TensorProto]

BLOCK = 32
_DOMAIN = "com.microsoft"
_LEAST_SHARE = 0.1


def weight_only(model: onnx.ModelProto, bits: int) -> onnx.ModelProto:
    """The model with ``MatMulNBits`` in place of each product with a stored matrix.

    Each column of a matrix is cut into blocks of 32 rows with a scale of their own, rounded to nearest: in 8 bits
    symmetric about zero, in 4 bits from the least to the greatest value, with a zero point.

    Args:
        model: Prepared; changed.
        bits: 8 or 4.

    Raises:
        ModelError: Such matrices hold too little of its weights.
    """
    graph = model.graph
    stored = {each.name: each for each in graph.initializer}
    matrices = {name: _matrix(stored[name], node) for node in graph.node for name in _weights(node, stored)}
    _require_share(model, matrices)
    made: dict[str, list[str]] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        name = next(_weights(node, stored), None)
        if name is None:
            nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
            continue
        key = f"{name}_transposed" if _transposed(node) else name
        if key not in made:
            tensors = _quantised(key, _matrix(stored[name], node), bits)
            graph.initializer.extend(tensors)
            made[key] = [tensor.name for tensor in tensors]
        rows, columns = _matrix(stored[name], node).shape
        nodes += _product(node, made[key], {"K": rows, "N": columns, "bits": bits, "block_size": BLOCK})
    graph.ClearField("node")
    graph.node.extend(nodes)
    _drop_unread(graph)
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return model


def _weights(node: onnx.NodeProto, stored: Weights) -> Iterator[str]:
    """The stored matrix that a node multiplies with, where it has one that can be cut into blocks."""
    if node.op_type not in {"MatMul", "Gemm"} or walk.domain(node.domain):
        return
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if attributes.get("transA", 0) or any(attributes.get(name, 1.0) != 1.0 for name in ("alpha", "beta")):
        return
    tensor = stored.get(node.input[1])
    if tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2:  # noqa: PLR2004
        rows = tensor.dims[1 if _transposed(node) else 0]
        if rows >= BLOCK:
            yield tensor.name


def _transposed(node: onnx.NodeProto) -> bool:
    return any(each.name == "transB" and each.i for each in node.attribute)


def _matrix(tensor: onnx.TensorProto, node: onnx.NodeProto) -> np.ndarray:
    values = numpy_helper.to_array(tensor)
    return values.T if _transposed(node) else values


def _require_share(model: onnx.ModelProto, matrices: Mapping[str, np.ndarray]) -> None:
    total = sum(walk.elements(each) for each in walk.tensors(model) if each.data_type == onnx.TensorProto.FLOAT)
    held = sum(matrix.size for matrix in matrices.values())
    if held < _LEAST_SHARE * total or not held:
        share = f"{held / total:.0%}" if total else "none"
        raise ModelError(
            f"weight-only precisions store matrices of {BLOCK} rows or more in few bits, and those hold {share} of its "
            f"weights, where {_LEAST_SHARE:.0%} is the least that is worth it; use int8-dynamic or int8-static"
        )


def _quantised(name: str, matrix: np.ndarray, bits: int) -> list[onnx.TensorProto]:
    """Weights, scales and, in 4 bits, zero points, as the operator's definition lays them out.

    See https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md, MatMulNBits.
    """
    rows, columns = matrix.shape
    count = math.ceil(rows / BLOCK)
    blocks = np.zeros((columns, count * BLOCK), np.float32)
    blocks[:, :rows] = matrix.T
    blocks = blocks.reshape(columns, count, BLOCK)
    steps = 2**bits - 1
    lowest, highest = np.minimum(blocks.min(-1), 0), np.maximum(blocks.max(-1), 0)
    if bits == 8:  # noqa: PLR2004 - the other one has zero points
        scales = np.maximum(-lowest, highest) / (steps // 2)
        zeros = np.full_like(scales, steps // 2 + 1)
    else:
        scales = (highest - lowest) / steps
        zeros = np.round(-lowest / np.where(scales, scales, 1))
    divisors = np.where(scales, scales, 1)[..., None]
    levels = np.clip(np.round(blocks / divisors + zeros[..., None]), 0, steps).astype(np.uint8)
    packed = levels if bits == 8 else _pairs(levels)  # noqa: PLR2004 - two to a byte
    tensors = [
        numpy_helper.from_array(packed, f"{name}_{bits}bits"),
        numpy_helper.from_array(scales.astype(np.float32).reshape(-1), f"{name}_{bits}bits_scales"),
    ]
    if bits == 8:  # noqa: PLR2004
        return tensors
    points = _pairs(zeros.astype(np.uint8)).reshape(-1)
    return [*tensors, numpy_helper.from_array(points, f"{name}_{bits}bits_zero_points")]


def _pairs(levels: np.ndarray) -> np.ndarray:
    """Two neighbours of the last axis in one byte, the first in the lower half."""
    if levels.shape[-1] % 2:
        levels = np.concatenate([levels, np.zeros((*levels.shape[:-1], 1), np.uint8)], -1)
    return np.asarray(levels[..., ::2] | (levels[..., 1::2] << 4))


def _product(node: onnx.NodeProto, tensors: list[str], attributes: Mapping[str, Any]) -> list[onnx.NodeProto]:
    biased = node.op_type == "Gemm" and len(node.input) > 2 and node.input[2]  # noqa: PLR2004 - its third is the bias
    output = f"{node.output[0]}_product" if biased else node.output[0]
    name = f"{node.name}_bits"
    inputs = [node.input[0], *tensors]
    nodes = [helper.make_node("MatMulNBits", inputs, [output], name=name, domain=_DOMAIN, **attributes)]
    if biased:
        nodes.append(helper.make_node("Add", [output, node.input[2]], list(node.output), name=f"{node.name}_bias"))
    return nodes


def _drop_unread(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in walk.reads(node)} | {port.name for port in graph.output}
    kept = [onnx.TensorProto.FromString(each.SerializeToString()) for each in graph.initializer if each.name in read]
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
