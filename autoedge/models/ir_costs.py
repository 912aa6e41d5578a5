"""Count what an OpenVINO model computes and keeps in memory, from shapes alone."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Shape = tuple[int, ...]

_BODIES = {"If": (0, 1), "Loop": (0,), "TensorIterator": (0,)}


def bodies(node: Any) -> list[Any]:
    """The models that a node holds: branches, a loop's body."""
    return [node.get_function(index) for index in _BODIES.get(node.get_type_name(), ())]


def nodes(model: Any) -> Iterator[Any]:
    """The nodes of a model in order, each followed by those of its bodies."""
    for node in model.get_ordered_ops():
        yield node
        for body in bodies(node):
            yield from nodes(body)


def macs(model: Any) -> int | None:
    """Multiply-accumulate operations of one run.

    A branch costs what its dearer side costs. None where a shape is unknown, and where a loop holds operators that
    count.
    """
    total = 0
    for node in model.get_ordered_ops():
        inner = [macs(body) for body in bodies(node)]
        if None in inner or (node.get_type_name() in {"Loop", "TensorIterator"} and any(inner)):
            return None
        count = _COUNTS.get(node.get_type_name(), _nothing)(node)
        if count is None:
            return None
        total += count + max((each or 0 for each in inner), default=0)
    return total


def peak_bytes(model: Any) -> int | None:
    """Most bytes alive at once while the operators run in the model's order, each result in memory of its own.

    What is computed of constants alone counts as stored: the engine folds it before the first run. None where a size
    is unknown, and where a branch or loop stands.
    """
    order = model.get_ordered_ops()
    folded = _folded(order)
    running = [node for node in order if node.get_friendly_name() not in folded]
    if any(bodies(node) for node in running):
        return None
    last = {_key(value): index for index, node in enumerate(running) for value in node.input_values()}
    sizes = {_key(out): _bytes(out) for node in running for out in node.outputs() if node.get_type_name() != "Result"}
    if None in sizes.values():
        return None
    given = [_key(out) for node in running if node.get_type_name() == "Parameter" for out in node.outputs()]
    alive = peak = sum(sizes[key] or 0 for key in given)
    for index, node in enumerate(running):
        if node.get_type_name() == "Result":
            continue  # an output lives to the end
        made = [_key(out) for out in node.outputs() if node.get_type_name() != "Parameter" and _key(out) in last]
        alive += sum(sizes[key] or 0 for key in made)
        peak = max(peak, alive)
        alive -= sum(sizes.get(key) or 0 for key in {_key(each) for each in node.input_values()} if last[key] == index)
    return peak


def _folded(order: list[Any]) -> set[str]:
    """Names of the nodes that take constants only."""
    found: set[str] = set()
    for node in order:
        sources = [value.get_node().get_friendly_name() for value in node.input_values()]
        constant = node.get_type_name() == "Constant" or (sources and found.issuperset(sources))
        if constant and node.get_type_name() != "Result":
            found.add(node.get_friendly_name())
    return found


def _key(output: Any) -> tuple[str, int]:
    return output.get_node().get_friendly_name(), output.get_index()


def _bytes(output: Any) -> int | None:
    shape = _fixed(output.get_partial_shape())
    return None if shape is None else -(-math.prod(shape) * int(output.get_element_type().bitwidth) // 8)


def _fixed(shape: Any) -> Shape | None:
    return tuple(size.get_length() for size in shape) if shape.is_static else None


def _taken(node: Any, index: int) -> Shape | None:
    return _fixed(node.input(index).get_partial_shape())


def _made(node: Any) -> Shape | None:
    return _fixed(node.output(0).get_partial_shape())


def _nothing(node: Any) -> int:
    del node
    return 0


def _convolution(node: Any, *, channels: int, weight: int = 1, transposed: bool = False) -> int | None:
    """Each element of the output (transposed: of the input) meets one filter without its output channels.

    Args:
        node: The operator.
        channels: Leading axes of the weights that are no part of a filter: output channels, and groups before them.
        weight: Which input holds the weights.
        transposed: Whether it is a transposed convolution.
    """
    kernel, counted = _taken(node, weight), _taken(node, 0) if transposed else _made(node)
    return None if kernel is None or counted is None else math.prod(counted) * math.prod(kernel[channels:])


def _product(node: Any) -> int | None:
    left, made = _taken(node, 0), _made(node)
    if not left or made is None:
        return None
    turned = node.get_attributes()["transpose_a"] and len(left) > 1
    return math.prod(made) * left[-2 if turned else -1]


def _recurrent(node: Any, *, weights: int, leading: int) -> int | None:
    """Every step of every sequence meets all input and all recurrent weights."""
    taken = [_taken(node, index) for index in (0, weights, weights + 1)]
    steps, inward, recurrent = taken
    if steps is None or inward is None or recurrent is None:
        return None
    return math.prod(steps[:leading]) * (math.prod(inward) + math.prod(recurrent))


def _einsum(node: Any) -> int | None:
    """One multiplication for each combination of indices, as if done in one sweep."""
    equation = node.get_attributes()["equation"].replace(" ", "")
    extents: dict[str, int] = {}
    for index, term in enumerate(equation.partition("->")[0].split(",")):
        shape = _taken(node, index)
        if shape is None or "." in term or len(term) != len(shape):
            return None
        extents |= dict(zip(term, shape, strict=True))
    return math.prod(extents.values())


# The transposed ones have their input channels first, and the axis that is no part of what an input element meets.
_COUNTS: dict[str, Callable[[Any], int | None]] = {
    "Convolution": partial(_convolution, channels=1),
    "GroupConvolution": partial(_convolution, channels=2),
    "ConvolutionBackpropData": partial(_convolution, channels=1, transposed=True),
    "GroupConvolutionBackpropData": partial(_convolution, channels=2, transposed=True),
    "DeformableConvolution": partial(_convolution, channels=1, weight=2),
    "MatMul": _product,
    "Einsum": _einsum,
    "LSTMSequence": partial(_recurrent, weights=4, leading=2),
    "GRUSequence": partial(_recurrent, weights=3, leading=2),
    "RNNSequence": partial(_recurrent, weights=3, leading=2),
    "LSTMCell": partial(_recurrent, weights=3, leading=1),
    "GRUCell": partial(_recurrent, weights=2, leading=1),
    "RNNCell": partial(_recurrent, weights=2, leading=1),
}
