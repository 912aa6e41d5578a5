"""OpenVINO on the devices that it finds."""

from __future__ import annotations

import inspect
import re
import sys
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import ModelError
from autoedge.runtimes import packed_ir
from autoedge.runtimes.base import Port, Runtime, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.runtimes.base import Call, Shapes

_DEVICES = ("CPU", "GPU", "NPU", "MYRIAD")
_PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
_KNOBS = {"device", "hint", "streams", "threads", "inference_precision"}
_DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "boolean": "bool",
    "string": "str",
    **{f"{sign}{bits}": f"{name}{bits}" for sign, name in (("i", "int"), ("u", "uint")) for bits in (4, 8, 16, 32, 64)},
}
_NOT_EXECUTED = {"Input", "Output", "Const", "Parameter", "Result", "Constant"}
_WHERE_IN_ITS_SOURCE = re.compile(
    r"Exception from \S+:\d+:|Check '.*?' failed at \S+:\d+:|FrontEnd API failed with \w+:"
)
_SINK = re.compile(r"/sink_port_\d+$")


def engine() -> Any:
    """OpenVINO's Python package, imported without its telemetry.

    Importing it, or NNCF, reports that to a web service unless the user declined in a dialog that only other tools
    show. What they do without the package ``openvino_telemetry`` is nothing, so it is kept from being imported.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # Python's own way to bar an import
    import openvino

    if hasattr(openvino, "Core"):
        return openvino
    import openvino.runtime  # before 2023.1; 2022.3 is the last that has MYRIAD

    return openvino.runtime


def read_model(core: Any, path: Path) -> tuple[Any, Any]:
    """A model as OpenVINO holds it, and what has to outlive it.

    Args:
        core: OpenVINO's ``Core``.
        path: An ONNX file or a packed IR, under any name.

    Raises:
        ModelError: The engine refuses the file.
    """
    ov = engine()
    try:
        if packed_ir.is_packed(path):
            xml, weights = packed_ir.read(path)
            model = core.read_model(xml, ov.Tensor(weights, shared_memory=True))
        else:
            model, weights = core.read_model(str(path)), None
        for each in model.inputs:
            if not each.get_names():  # calls find inputs by name
                each.get_tensor().set_names({_name(each)})
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"OpenVINO {version()} cannot load the model: {said(error)}") from error
    return model, weights


def ports_of(tensors: Sequence[Any]) -> list[Port]:
    """What a model's inputs or outputs are, under the names that they have in its file."""
    return [Port(_name(each), dtype_of(each.element_type), _shape(each.partial_shape)) for each in tensors]


def dtype_of(element_type: Any) -> str:
    """Numpy's name of an element type."""
    name = str(element_type.get_type_name())
    return _DTYPES.get(name, name)


def version() -> str:
    """OpenVINO's version without its build."""
    return str(engine().get_version()).split("-", maxsplit=1)[0]


def said(error: Exception) -> str:
    """What the engine says of an error, in one line, without where in its source it says so."""
    return " ".join(_WHERE_IN_ITS_SOURCE.sub(" ", str(error)).split())


class OpenVino(Runtime):
    """Intel's OpenVINO, one infer request, called again and again; nothing is cached on disk.

    Knobs: ``device`` (CPU, GPU, NPU, MYRIAD, or one of several as GPU.1), ``hint`` (latency, throughput), ``streams``
    (auto or a number: parts that the device is divided into; a call runs in one of them), ``threads`` (of the CPU),
    ``inference_precision`` (auto, f32, bf16, f16: what floating operators compute in; auto leaves it to the device,
    which may well take less than the model's own).
    """

    packages = ("openvino",)

    def prepare(self) -> None:
        """Import the engine with its CPU plugin; see the base class."""
        self._core.get_property("CPU", "FULL_DEVICE_NAME")

    def offers(self) -> dict[str, dict[str, str]]:
        """The devices that run a tiny model, and the precisions that one of them computes in when asked to."""
        found = {name.split(".")[0] for name in self._core.available_devices}
        names = (*_DEVICES, *sorted(found.difference(_DEVICES)))
        devices = {
            name: self._trouble(name) if name in found else f"OpenVINO finds no {name} here, only {_listed(found)}"
            for name in names
        }
        working = [name for name, trouble in devices.items() if not trouble]
        precisions = {"auto": ""}
        for precision in _PRECISIONS:
            troubles = {name: self._trouble(name, inference_precision=precision) for name in working}
            usable = not all(troubles.values())
            precisions[precision] = "" if usable else "; ".join(troubles.values()) or "no device works"
        return {"device": devices, "inference_precision": precisions}

    def load(self, path: Path, knobs: Mapping[str, Any], shapes: Shapes | None = None) -> Session:
        """Load an ONNX file or a packed IR; see the base class."""
        device, config = _settings(knobs)
        model, kept = read_model(self._core, path)
        try:
            if shapes:
                # With all sizes known, the engine chooses its kernels and lays out its memory beforehand.
                names = [port.name for port in ports_of(model.inputs)]
                model.reshape({index: list(shapes[name]) for index, name in enumerate(names) if name in shapes})
            return _Session(self._core.compile_model(model, device, config), model, knobs, kept)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(f"OpenVINO {version()} cannot load the model: {said(error)}") from error

    def _trouble(self, device: str, **knobs: str) -> str:
        """Why a device cannot run a tiny model; empty when it can."""
        model = _tiny()
        device, config = _settings({"device": device, **knobs})
        try:
            session = _Session(self._core.compile_model(model, device, config), model, knobs, None)
            session.bind([session.outputs[0].name])({session.inputs[0].name: np.ones((1, 4), np.float32)})
        except RuntimeError as error:
            return f"{device} cannot run a tiny model: {said(error)}"
        except ModelError as error:
            return str(error)
        return ""

    @cached_property
    def _core(self) -> Any:
        return engine().Core()


class _Session(Session):
    def __init__(self, compiled: Any, model: Any, knobs: Mapping[str, Any], kept: Any) -> None:
        self._device = str(knobs.get("device", "CPU"))
        _check_precision(compiled, self._device, str(knobs.get("inference_precision", "auto")))
        self.inputs = ports_of(model.inputs)
        self.outputs = ports_of(model.outputs)
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._kept = kept

    def placement(self) -> Mapping[str, int]:
        """All that is executed, after fusing, on the one device that the model is compiled for."""
        kinds = [_text(node.get_rt_info()["layerType"]) for node in self._compiled.get_runtime_model().get_ops()]
        return {self._device: sum(kind not in _NOT_EXECUTED for kind in kinds)}

    def bind(self, outputs: Sequence[str]) -> Call:
        """The request's own call, with inputs and outputs as ``compiled_model(inputs)`` has them.

        That is, the engine reads inputs from the caller's arrays, as ONNX Runtime does, and copies outputs to new ones.
        """
        names = [port.name for port in self.outputs]
        wanted = [names.index(name) for name in outputs]
        infer = self._request.infer
        sharing = [name for name in ("share_inputs", "shared_memory") if name in inspect.signature(infer).parameters]
        if sharing:  # 2022.3 has no such choice
            infer = partial(infer, **{sharing[0]: True})

        # By position: looking one output up in what the engine returns takes as long as a tenth of a small model.
        def call_for_all(feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            return list(infer(feed).values())

        def call_for_some(feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
            results = list(infer(feed).values())
            return [results[index] for index in wanted]

        call = call_for_all if list(outputs) == names else call_for_some
        call.session = self  # type: ignore[attr-defined] # what the engine reads weights from must outlive the last call
        return call


def _settings(knobs: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The device and the properties that knobs stand for."""
    unknown = sorted(set(knobs) - _KNOBS)
    if unknown:
        raise ModelError(f"OpenVINO has no knob {_listed(unknown)}; it has {_listed(_KNOBS)}")
    device = str(knobs.get("device", "CPU"))
    if device.split(".", maxsplit=1)[0] not in _DEVICES:
        raise ModelError(f"OpenVINO's device is one of {', '.join(_DEVICES)}, but got {device}")
    config = {}
    if "hint" in knobs:
        config["PERFORMANCE_HINT"] = str(knobs["hint"]).upper()
    if knobs.get("streams", "auto") != "auto":
        config["NUM_STREAMS"] = str(knobs["streams"])
    if "threads" in knobs:
        config["INFERENCE_NUM_THREADS"] = str(knobs["threads"])
    if knobs.get("inference_precision", "auto") != "auto":
        config["INFERENCE_PRECISION_HINT"] = str(knobs["inference_precision"])
    return device, config


def _check_precision(compiled: Any, device: str, asked: str) -> None:
    """A device that lacks a precision takes another without a word; that would be measured under a wrong name."""
    if asked == "auto":
        return
    got = str(compiled.get_property("INFERENCE_PRECISION_HINT")).replace("<Type: ", "").strip("'>")
    if got != _PRECISIONS.get(asked, asked):
        raise ModelError(f"{device} has no {asked} and would compute in {got}; choose another inference_precision")


def _tiny() -> Any:
    from importlib import import_module

    ov = engine()
    operators = import_module(f"{ov.__name__}.opset8")
    given = operators.parameter([1, 4], np.float32, name="x")
    product = operators.matmul(given, operators.constant(np.eye(4, dtype=np.float32)), False, False)  # noqa: FBT003 - positional in all versions
    return ov.Model([operators.result(product)], [given], "tiny")


def _name(tensor: Any) -> str:
    """The name in the model's file: an output's tensor may bear names of operators that were folded into it."""
    names, node = tensor.get_names(), tensor.get_node()
    told = _SINK.sub("", node.friendly_name)
    return str(told if told in names or not names else min(names))


def _shape(shape: Any) -> tuple[int | str | None, ...]:
    if shape.rank.is_dynamic:
        return ()
    return tuple(None if size.is_dynamic else size.get_length() for size in shape)


def _text(value: Any) -> str:
    """A property of the runtime model: a plain str before 2023."""
    return str(value if isinstance(value, str) else value.astype(str))


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
