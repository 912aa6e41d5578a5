"""ONNX Runtime."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoedge.runtimes.base import Port, Runtime, Session
from autoedge.runtimes.onnx_placement import placement
from autoedge.runtimes.onnx_probe import offered
from autoedge.runtimes.onnx_session import opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

_DTYPES = {"float": "float32", "double": "float64", "float16": "float16", "string": "str", "bool": "bool"}


class OnnxRuntime(Runtime):
    """Microsoft's ONNX Runtime with its execution providers.

    Knobs: ``threads`` (intra-op), ``graph_level`` (disable, basic, extended, all), ``execution`` (sequential,
    parallel; parallel runs branches of the graph on as many inter-op threads), ``spinning`` (on, off: whether idle
    threads busy-wait), ``arena`` (on, off: whether freed memory is kept for the next call), ``provider`` (cpu, cuda,
    tensorrt, openvino, xnnpack, acl, nnapi, coreml, qnn: what executes the operators that it can), ``provider_fp16``
    (on, off: whether TensorRT or CoreML may compute in float16), ``device_type`` (CPU, GPU, NPU: of OpenVINO).
    """

    packages = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-qnn")

    def offers(self) -> dict[str, dict[str, str]]:
        """Which of the build's providers run a tiny model here; see the base class."""
        return offered()

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        import onnxruntime  # noqa: F401 - the import is the point

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:  # noqa: ARG002 - it takes any shape
        """Load a model file; see the base class."""
        return _Session(opened(path, knobs), path, knobs)


class _Session(Session):
    def __init__(self, session: Any, path: Path, knobs: Mapping[str, Any]) -> None:
        self._session = session
        self._opened_with = path, knobs
        self.inputs = [_port(node) for node in session.get_inputs()]
        self.outputs = [_port(node) for node in session.get_outputs()]

    def placement(self) -> Mapping[str, int]:
        """See the base class, and ``onnx_placement``."""
        return placement(self._session, *self._opened_with)

    def bind(self, outputs: Sequence[str]) -> Call:
        """The engine's own run method with the outputs filled in: nothing between the clock and the engine."""
        return partial(self._session.run, list(outputs))


def _port(node: Any) -> Port:
    kind = node.type[len("tensor(") : -1] if node.type.startswith("tensor(") else node.type
    return Port(node.name, _DTYPES.get(kind, kind), tuple(node.shape))
