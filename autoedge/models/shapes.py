"""Types and shapes of a model's values, inferred for one item."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx

from autoedge.models import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape = tuple[int, ...]


# Operators that keep shape and are given no shape inference by ONNX.
_SHAPE_KEEPING = frozenset({"Binarizer", "Imputer", "Normalizer", "Scaler"})


def for_one_item(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a model for shapes alone: its batch is 1 where it is free, and all shapes are inferred anew.

    The batch is the leading dimension of each input; where all of those are fixed, that of the outputs. A name that
    stands for it is 1 wherever else it stands. What the file says of intermediate shapes is not believed; what it says
    of outputs only where nothing can be inferred.
    """
    single = onnx.ModelProto()
    single.CopyFrom(model)
    _set_batch(single.graph)
    for graph in walk.graphs(single):
        graph.ClearField("value_info")
    for node in single.graph.node:
        if node.domain == "ai.onnx.ml" and node.op_type in _SHAPE_KEEPING:
            node.CopyFrom(onnx.helper.make_node("Cast", node.input, node.output, to=onnx.TensorProto.FLOAT))
    declared = {port.name: onnx.TypeProto.FromString(port.type.SerializeToString()) for port in single.graph.output}
    for port in single.graph.output:
        port.type.tensor_type.ClearField("shape")
    single = onnx.shape_inference.infer_shapes(single, data_prop=True)
    for port in single.graph.output:
        if _fixed(port.type.tensor_type) is None:
            port.type.CopyFrom(declared[port.name])
    return single


def _set_batch(graph: onnx.GraphProto) -> None:
    inputs = [port.type.tensor_type.shape for port in graph.input]
    outputs = [port.type.tensor_type.shape for port in graph.output]
    leading = _free_leading(inputs) or _free_leading(outputs)
    for dim in leading:
        name = dim.dim_param
        dim.dim_value = 1
        for other in (each for shape in (*inputs, *outputs) for each in shape.dim):
            if name and other.dim_param == name:
                other.dim_value = 1
    for dim in _free_leading(outputs):
        dim.dim_value = 1


def _free_leading(shapes: Iterable[onnx.TensorShapeProto]) -> list[onnx.TensorShapeProto.Dimension]:
    return [shape.dim[0] for shape in shapes if shape.dim and not shape.dim[0].HasField("dim_value")]


class Values:
    """Types and shapes of the values of one graph, those of the graphs around it included.

    Args:
        graph: With its shapes inferred.
        outer: Of the graph around it.
    """

    def __init__(self, graph: onnx.GraphProto, outer: Values | None = None) -> None:
        self._outer = outer
        self._known: dict[str, tuple[str | None, Shape | None]] = {
            each.name: (walk.dtype(each.data_type), tuple(each.dims)) for each in graph.initializer
        }
        for port in (*graph.input, *graph.value_info, *graph.output):
            if port.type.HasField("tensor_type"):
                kind = port.type.tensor_type
                self._known.setdefault(port.name, (walk.dtype(kind.elem_type), _fixed(kind)))

    def shape(self, name: str) -> Shape | None:
        """The shape of a value, None unless every dimension is known."""
        return self._find(name)[1]

    def elements(self, name: str) -> int | None:
        """The number of elements of a value, None when it is unknown."""
        shape = self.shape(name)
        return None if shape is None else math.prod(shape)

    def size(self, name: str) -> int | None:
        """The bytes of a value, None when they are unknown."""
        kind, shape = self._find(name)
        width = walk.bits(kind) if kind else None
        return None if width is None or shape is None else -(-math.prod(shape) * width // 8)

    def _find(self, name: str) -> tuple[str | None, Shape | None]:
        if name in self._known or self._outer is None:
            return self._known.get(name, (None, None))
        return self._outer._find(name)  # noqa: SLF001 - another of its own kind


def _fixed(kind: onnx.TypeProto.Tensor) -> Shape | None:
    dims = kind.shape.dim
    if not kind.HasField("shape") or any(not dim.HasField("dim_value") or dim.dim_value < 0 for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims)
