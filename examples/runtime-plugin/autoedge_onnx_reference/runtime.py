"""ONNX's reference evaluator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.runtimes.base import Port, Runtime, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

KNOBS = {"threads"}


class OnnxReference(Runtime):
    """The evaluator that comes with the package onnx: every operator as its definition says, in numpy.

    Knobs: ``threads`` (of numpy's matrix products).
    """

    packages = ("onnx",)

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        import onnx.reference  # noqa: F401 - the import is the point

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:  # noqa: ARG002 - it takes any shape
        """Load a model file; see the base class."""
        import onnx.reference
        from threadpoolctl import threadpool_limits

        unknown = sorted(set(knobs) - KNOBS)
        if unknown:
            raise ModelError(f"the reference evaluator has no knob {', '.join(unknown)}; it has threads")
        try:
            evaluator = onnx.reference.ReferenceEvaluator(str(path))
        except Exception as error:  # its errors share no base class below Exception
            raise ModelError(f"onnx {onnx.__version__} cannot evaluate the model: {error}") from error
        if "threads" in knobs:
            threadpool_limits(limits=int(knobs["threads"]))  # holds until the process ends
        return OnnxReferenceSession(evaluator)


class OnnxReferenceSession(Session):
    """A model that the evaluator has read.

    Args:
        evaluator: onnx's ``ReferenceEvaluator``.
    """

    def __init__(self, evaluator: Any) -> None:
        graph = evaluator.proto_.graph
        stored = {tensor.name for tensor in graph.initializer}
        self.inputs = [_port(value) for value in graph.input if value.name not in stored]
        self.outputs = [_port(value) for value in graph.output]
        self._evaluator = evaluator

    def bind(self, outputs: Sequence[str]) -> Call:
        """The evaluator's own run method with the outputs filled in: nothing between the clock and the engine."""
        return partial(self._evaluator.run, list(outputs))


def _port(value: Any) -> Port:
    from onnx.helper import tensor_dtype_to_np_dtype

    tensor = value.type.tensor_type
    shape = tuple(size.dim_value if size.HasField("dim_value") else size.dim_param or None for size in tensor.shape.dim)
    return Port(value.name, str(tensor_dtype_to_np_dtype(tensor.elem_type)), shape)
