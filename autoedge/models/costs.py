"""Count what a model computes and keeps in memory, from shapes alone."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from autoedge.models import walk
from autoedge.models.shapes import Values
from autoedge.models.structure import STANDARD_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    import onnx


def macs(graph: onnx.GraphProto, outer: Values | None = None) -> int | None:
    """Multiply-accumulate operations of one run.

    A branch costs what its dearer side costs. None where a shape is unknown, where a loop holds operators that count,
    and where an operator stands outside ONNX.

    Args:
        graph: With its shapes inferred.
        outer: Values of the graph around it.
    """
    values = Values(graph, outer)
    total = 0
    for node in graph.node:
        inner = [macs(each, values) for each in walk.subgraphs(node)]
        if None in inner or (node.op_type in {"Loop", "Scan"} and any(inner)):
            return None
        count = _macs_of(node, values)
        if count is None:
            return None
        total += count + max((each or 0 for each in inner), default=0)
    return total


def _macs_of(node: onnx.NodeProto, values: Values) -> int | None:
    if walk.domain(node.domain) not in STANDARD_DOMAINS or node.op_type == "Attention":
        return None
    count = _COUNTS.get(node.op_type)
    return 0 if count is None else count(node, values)


def _times(*factors: int | None) -> int | None:
    return None if None in factors else math.prod(factor or 0 for factor in factors)


def _convolution(node: onnx.NodeProto, values: Values, *, weight: int = 1, counted: str = "output") -> int | None:
    """Each element of the output (transposed: of the input) meets one filter without its channel axis."""
    kernel = values.shape(node.input[weight])
    return _times(values.elements(getattr(node, counted)[0]), None if kernel is None else math.prod(kernel[1:]))


def _product(node: onnx.NodeProto, values: Values) -> int | None:
    left = values.shape(node.input[0])
    return _times(values.elements(node.output[0]), left[-1] if left else None)


def _gemm(node: onnx.NodeProto, values: Values) -> int | None:
    left = values.shape(node.input[0])
    transposed = any(each.name == "transA" and each.i for each in node.attribute)
    depth = left[0 if transposed else 1] if left and len(left) == 2 else None  # noqa: PLR2004 - Gemm takes matrices
    return _times(values.elements(node.output[0]), depth)


def _recurrent(node: onnx.NodeProto, values: Values) -> int | None:
    """Every step of every sequence meets all input and all recurrent weights."""
    steps = values.shape(node.input[0])
    weights = [values.elements(node.input[index]) for index in (1, 2)]
    return None if steps is None or None in weights else math.prod(steps[:2]) * sum(each or 0 for each in weights)


def _einsum(node: onnx.NodeProto, values: Values) -> int | None:
    """One multiplication for each combination of indices, as if done in one sweep."""
    equation = next(each.s.decode() for each in node.attribute if each.name == "equation").replace(" ", "")
    extents: dict[str, int] = {}
    for term, name in zip(equation.partition("->")[0].split(","), node.input, strict=False):
        shape = values.shape(name)
        if shape is None or "." in term or len(term) != len(shape):
            return None
        extents |= dict(zip(term, shape, strict=True))
    return math.prod(extents.values())


def _linear(node: onnx.NodeProto, values: Values) -> int | None:
    shape = values.shape(node.input[0])
    coefficients = sum(len(each.floats) for each in node.attribute if each.name == "coefficients")
    return None if shape is None else coefficients * (shape[0] if len(shape) > 1 else 1)


_COUNTS: dict[str, Callable[[onnx.NodeProto, Values], int | None]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "DeformConv": _convolution,
    "QLinearConv": partial(_convolution, weight=3),
    "ConvTranspose": partial(_convolution, counted="input"),
    "Gemm": _gemm,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "LinearClassifier": _linear,
    "LinearRegressor": _linear,
}


def peak_bytes(graph: onnx.GraphProto, stored: AbstractSet[str], outer: Values | None = None) -> int | None:
    """Most bytes alive at once while the operators run in file order; None where a size is unknown.

    A value lives from the operator that makes it to the last that reads it; inputs live from the start, outputs to
    the end. What nothing reads is not made. No memory is shared or reused in place.

    Args:
        graph: With its shapes inferred.
        stored: Names of initialisers, which are no activations.
        outer: Values of the graph around it.
    """
    values = Values(graph, outer)
    stored = stored | {each.name for each in graph.initializer}
    stored |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    inputs = [port.name for port in graph.input if port.name not in stored]
    last = _last_reads(graph)
    sizes = {name: values.size(name) for name in (*inputs, *_made(graph)) if name in last and name not in stored}
    if None in sizes.values():
        return None
    alive = peak = sum(sizes.get(name) or 0 for name in inputs)
    for index, node in enumerate(graph.node):
        alive += sum(sizes.get(name) or 0 for name in node.output)
        inner = [peak_bytes(each, stored, values) for each in walk.subgraphs(node)]
        if None in inner:
            return None
        peak = max(peak, alive + max((each or 0 for each in inner), default=0))
        alive -= sum(sizes.get(name) or 0 for name in {*walk.reads(node)} if last.get(name) == index)
    return peak


def total_bytes(graph: onnx.GraphProto) -> int | None:
    """Bytes of all that the operators of a graph make, None where a size is unknown."""
    values = Values(graph)
    sizes = [values.size(name) for name in _made(graph) if name]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _made(graph: onnx.GraphProto) -> list[str]:
    return [name for node in graph.node for name in node.output]


def _last_reads(graph: onnx.GraphProto) -> dict[str, int]:
    """Which operator reads a value last; for outputs one after the last."""
    last = {name: index for index, node in enumerate(graph.node) for name in walk.reads(node) if name}
    return last | {port.name: len(graph.node) for port in graph.output}
