"""Count what a LiteRT model computes and keeps in memory, from shapes alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autoedge.models.tflite_graph import BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoedge.models.tflite_graph import GraphFacts, ModelFacts, OperatorFacts, TensorFacts

    Shape = tuple[int, ...]

_KEEPS_ELEMENTS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE"})
_DEEPEST = 64  # graphs inside graphs
_NEVER_COUNTED = frozenset({"CALL_ONCE"})  # sets state up before the first call


class Costs:
    """Costs of one run with the leading dimension 1 where it is free.

    A file holds a shape for every value, with stand-ins for what is free. They are believed where nothing but the
    leading dimension is free and its stand-in is 1, and where no operator that keeps the number of elements
    contradicts them: a batch that was folded into another axis shows there.

    Args:
        model: Whose costs.
    """

    def __init__(self, model: ModelFacts) -> None:
        self._graphs = model.graphs
        self._shapes = [_believed(graph) for graph in model.graphs]
        self._macs: dict[int, int | None] = {}
        self._peaks: dict[int, int | None] = {}

    def macs(self, at: int = 0, depth: int = 0) -> int | None:
        """Multiply-accumulate operations; see ``ModelInfo.macs``.

        A branch costs what its dearer side costs. None where a shape is unknown, where a loop holds operators that
        count, and where an operator is none of LiteRT's own.
        """
        if at not in self._macs:
            self._macs[at] = None  # for a graph that runs itself
            self._macs[at] = None if depth > _DEEPEST or self._open(at) else self._sum(at, depth)
        return self._macs[at]

    def _sum(self, at: int, depth: int) -> int | None:
        total = 0
        for operator in self._graphs[at].operators:
            inner = [self.macs(each, depth + 1) for each in operator.graphs]
            count = _macs_of(operator, self._shapes[at], self._graphs[at].tensors)
            if count is None or None in inner or (operator.name == "WHILE" and any(inner)):
                return None
            total += count + max((each or 0 for each in inner), default=0)
        return total

    def peak_bytes(self, at: int = 0, depth: int = 0) -> int | None:
        """Most bytes alive at once while the operators run in file order; see ``ModelInfo.activation_peak_bytes``.

        What keeps its value from call to call is alive all the time. None where a size is unknown.
        """
        if at not in self._peaks:
            self._peaks[at] = None
            self._peaks[at] = None if depth > _DEEPEST or self._open(at) else self._highest(at, depth)
        return self._peaks[at]

    def _highest(self, at: int, depth: int) -> int | None:
        graph, shapes = self._graphs[at], self._shapes[at]
        last = _last_reads(graph)
        sizes = {index: _size(graph.tensors[index], shapes[index]) for index in last if not graph.tensors[index].stored}
        if None in sizes.values():
            return None
        first = {*graph.inputs, *(each.index for each in graph.tensors if each.variable)}
        alive = peak = sum(sizes.get(index) or 0 for index in first)
        for position, operator in enumerate(graph.operators):
            alive += sum(sizes.get(index) or 0 for index in operator.outputs if index not in first)
            inner = [self.peak_bytes(each, depth + 1) for each in operator.graphs]
            if None in inner:
                return None
            peak = max(peak, alive + max((each or 0 for each in inner), default=0))
            over = {index for index in operator.inputs if last.get(index) == position}
            alive -= sum(sizes.get(index) or 0 for index in over if not graph.tensors[index].variable)
        return peak

    def _open(self, at: int) -> bool:
        return any(self._shapes[at][index] is None for index in self._graphs[at].inputs)


def _believed(graph: GraphFacts) -> list[Shape | None]:
    shapes = [_one_item(tensor) for tensor in graph.tensors]
    for operator in graph.operators:
        if operator.name in _KEEPS_ELEMENTS and operator.inputs and operator.inputs[0] >= 0:
            before = shapes[operator.inputs[0]]
            for index in operator.outputs:
                after = shapes[index]
                if after is not None and (before is None or math.prod(before) != math.prod(after)):
                    shapes[index] = None
    return shapes


def _one_item(tensor: TensorFacts) -> Shape | None:
    if None in tensor.dims[1:] or (not tensor.ranked and not tensor.stored):
        return None
    return tensor.shape if not tensor.dims or tensor.dims[0] is not None or tensor.shape[0] == 1 else None


def _size(tensor: TensorFacts, shape: Shape | None) -> int | None:
    bits = BITS[tensor.dtype]
    return None if bits is None or shape is None else -(-math.prod(shape) * bits // 8)


def _last_reads(graph: GraphFacts) -> dict[int, int]:
    """Which operator reads a value last; for outputs one after the last."""
    last = {index: at for at, operator in enumerate(graph.operators) for index in operator.inputs if index >= 0}
    return last | dict.fromkeys(graph.outputs, len(graph.operators))


def _macs_of(operator: OperatorFacts, shapes: Sequence[Shape | None], tensors: Sequence[TensorFacts]) -> int | None:
    if operator.name.startswith(("custom.", "STABLEHLO_")) and not operator.graphs:
        return None
    count = _COUNTS.get(operator.name)
    if count is None or operator.name in _NEVER_COUNTED:
        return 0
    inputs = [shapes[index] if index >= 0 else () for index in operator.inputs]
    outputs = [shapes[index] for index in operator.outputs]
    if not inputs or not outputs or None in inputs or None in outputs:
        return None
    stored = [index >= 0 and tensors[index].stored for index in operator.inputs]
    try:
        return count([each or () for each in inputs], [each or () for each in outputs], stored, turned=operator.turned)
    except IndexError:
        return None  # fewer inputs or axes than such an operator has


def _filter(weight: int, first: int, last: int | None) -> Callable[..., int]:
    """Each element of the output meets one filter: those axes of the weights."""

    def count(inputs: Sequence[Shape], outputs: Sequence[Shape], *_: object, **__: object) -> int:
        return math.prod(outputs[0]) * math.prod(inputs[weight][first:last])

    return count


def _spread(first: int, last: int | None) -> Callable[..., int]:
    """Of a transposed convolution: each element of the input meets one filter."""

    def count(inputs: Sequence[Shape], *_: object, **__: object) -> int:
        return math.prod(inputs[2]) * math.prod(inputs[1][first:last])

    return count


def _product(inputs: Sequence[Shape], outputs: Sequence[Shape], *_: object, turned: bool) -> int:
    return math.prod(outputs[0]) * inputs[0][-2 if turned else -1]


def _recurrent(inputs: Sequence[Shape], _: object, stored: Sequence[bool], **__: object) -> int:
    """Every step of every sequence meets all weights, the stored matrices."""
    matrices = [math.prod(shape) for shape, known in zip(inputs, stored, strict=True) if known and len(shape) == 2]  # noqa: PLR2004
    return math.prod(inputs[0][:-1]) * sum(matrices)


_COUNTS: dict[str, Callable[..., int]] = {
    "CONV_2D": _filter(1, 1, None),
    "DEPTHWISE_CONV_2D": _filter(1, 1, 3),
    "CONV_3D": _filter(1, 0, 4),
    "TRANSPOSE_CONV": _spread(0, 3),
    "CONV_3D_TRANSPOSE": _spread(0, 4),
    "FULLY_CONNECTED": _filter(1, 1, None),
    "BATCH_MATMUL": _product,
    "LSTM": _recurrent,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
    "BIDIRECTIONAL_SEQUENCE_LSTM": _recurrent,
    "RNN": _recurrent,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _recurrent,
    "BIDIRECTIONAL_SEQUENCE_RNN": _recurrent,
    "SVDF": _recurrent,
}
