"""Ways through a model's protobuf that reach everything: subgraphs, functions, tensors in attributes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SUB_BYTE = {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2, "float6_e2m3fn": 6, "float6_e3m2fn": 6}


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node holds directly: branches, loop bodies."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _inside(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for graph in subgraphs(node):
            yield graph
            yield from _inside(graph.node)


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The model's graph and all graphs inside nodes, also those of functions."""
    yield model.graph
    yield from _inside(model.graph.node)
    for function in model.functions:
        yield from _inside(function.node)


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes of all graphs and functions."""
    for graph in graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors that a model stores: initialisers, constants and other attributes."""
    for graph in graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for node in nodes(model):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("sparse_tensor"):
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
            for sparse in attribute.sparse_tensors:
                yield from (sparse.values, sparse.indices)


def reads(node: onnx.NodeProto) -> list[str]:
    """The values that a node reads, those that its subgraphs take from around them included."""
    inside = [name for graph in subgraphs(node) for each in graph.node for name in reads(each)]
    passed = [port.name for graph in subgraphs(node) for port in graph.output]  # a branch may just hand it on
    return [*node.input, *inside, *passed]


def opset(model: onnx.ModelProto) -> int:
    """Version of the default operator set; 0 when the model imports none."""
    return max((each.version for each in model.opset_import if domain(each.domain) == ""), default=0)


def domain(name: str) -> str:
    """The domain under the name that the model's imports and the schemas share."""
    return "" if name == "ai.onnx" else name


def dtype(kind: int) -> str | None:
    """Numpy's name of an ONNX element type, ``str`` for strings; None when there is no such type."""
    if kind == onnx.TensorProto.STRING:
        return "str"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(kind).name)
    except KeyError:
        return None


def bits(name: str) -> int | None:
    """Bits of one stored element; None for strings, which have no fixed size."""
    if name == "str":
        return None
    return _SUB_BYTE.get(name) or np.dtype(name).itemsize * 8


def elements(tensor: onnx.TensorProto) -> int:
    """The number of elements that a tensor's shape promises."""
    return math.prod(tensor.dims)
