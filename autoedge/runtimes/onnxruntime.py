"""ONNX Runtime on the CPU."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.runtimes.base import Port, Runtime, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call

_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
_KNOBS = {"threads", "graph_level", "execution", "spinning", "arena"}
_DTYPES = {"float": "float32", "double": "float64", "float16": "float16", "string": "str", "bool": "bool"}
_FATAL_ONLY = 4


class OnnxRuntime(Runtime):
    """Microsoft's ONNX Runtime with its CPU execution provider.

    Knobs: ``threads`` (intra-op), ``graph_level`` (disable, basic, extended, all), ``execution`` (sequential,
    parallel; parallel runs branches of the graph on as many inter-op threads), ``spinning`` (on, off: whether idle
    threads busy-wait), ``arena`` (on, off: whether freed memory is kept for the next call).
    """

    def version(self) -> str | None:
        """Version of the installed package, None when it is missing."""
        from importlib import metadata

        packages = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
        found = (next(iter(metadata.distributions(name=package)), None) for package in packages)
        return next((distribution.version for distribution in found if distribution is not None), None)

    def prepare(self) -> None:
        """Import the engine; see the base class."""
        import onnxruntime  # noqa: F401 - the import is the point

    def load(self, path: Path, knobs: Mapping[str, Any]) -> Session:
        """Load a model file; see the base class."""
        import onnxruntime as ort

        unknown = sorted(set(knobs) - _KNOBS)
        if unknown:
            raise ModelError(f"ONNX Runtime has no knob {', '.join(unknown)}; it has {', '.join(sorted(_KNOBS))}")
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        if "threads" in knobs:
            options.intra_op_num_threads = int(knobs["threads"])
        if "graph_level" in knobs:
            options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _LEVELS[knobs["graph_level"]])
        if knobs.get("execution") == "parallel":
            options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
            options.inter_op_num_threads = int(knobs.get("threads", 0))
        if "spinning" in knobs:
            for pool in ("intra_op", "inter_op"):
                options.add_session_config_entry(f"session.{pool}.allow_spinning", str(int(knobs["spinning"] == "on")))
        if "arena" in knobs:
            options.enable_cpu_mem_arena = knobs["arena"] == "on"
        try:
            return _Session(ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
        except Exception as error:  # its errors share no base class below Exception
            raise ModelError(f"ONNX Runtime {ort.__version__} cannot load the model: {error}") from error


class _Session(Session):
    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = [_port(node) for node in session.get_inputs()]
        self.outputs = [_port(node) for node in session.get_outputs()]

    def bind(self, outputs: Sequence[str]) -> Call:
        """The engine's own run method with the outputs filled in: nothing between the clock and the engine."""
        return partial(self._session.run, list(outputs))


def _port(node: Any) -> Port:
    kind = node.type[len("tensor(") : -1] if node.type.startswith("tensor(") else node.type
    return Port(node.name, _DTYPES.get(kind, kind), tuple(node.shape))
