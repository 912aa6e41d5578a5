"""Open a session of ONNX Runtime on one of its execution providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CPU = "cpu"
NAMES = {
    CPU: "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
    "acl": "ACLExecutionProvider",
    "nnapi": "NnapiExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "qnn": "QNNExecutionProvider",
}
"""Levels of the knob ``provider`` with ONNX Runtime's own names."""
FATAL_ONLY, VERBOSE = 4, 0
_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
_OF_PROVIDERS = {"device_type": ("openvino",), "provider_fp16": ("tensorrt", "coreml")}
_KNOBS = {"threads", "graph_level", "execution", "spinning", "arena", "provider", *_OF_PROVIDERS}


def opened(path: Path, knobs: Mapping[str, Any], severity: int = FATAL_ONLY) -> Any:
    """A session whose first provider is the one that the knobs ask for.

    ONNX Runtime itself goes on without a provider that cannot start, and with the CPU where one fails later: neither
    happens here. Operators that a provider does not take still go to the CPU.

    Args:
        path: The model.
        knobs: As of ``OnnxRuntime``.
        severity: From which level on the engine writes to standard error.

    Raises:
        ModelError: There is no such knob or provider, it cannot start, or the engine refuses the model.
    """
    import onnxruntime as ort

    unknown = sorted(set(knobs) - _KNOBS)
    if unknown:
        raise ModelError(f"ONNX Runtime has no knob {', '.join(unknown)}; it has {', '.join(sorted(_KNOBS))}")
    provider = str(knobs.get("provider", CPU))
    providers = _chain(provider, knobs, ort.get_available_providers())
    options = _options(knobs, severity)
    if provider != CPU:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # Only a build with several providers has anything to fall back from.
    never = {} if provider == CPU else {"enable_fallback": 0}
    try:
        session = ort.InferenceSession(str(path), options, providers=providers, **never)
    except Exception as error:  # its errors share no base class below Exception
        if provider == CPU:
            raise ModelError(f"ONNX Runtime {ort.__version__} cannot load the model: {error}") from error
        why = " ".join(str(error).split())
        raise ModelError(
            f"the provider {provider} of ONNX Runtime {ort.__version__} refuses the model: {why}"
        ) from error
    if session.get_providers()[0] != NAMES[provider]:
        raise ModelError(
            f"the provider {provider} loads but cannot run here: ONNX Runtime {ort.__version__} left it out, as where "
            "a library, a driver or the hardware is missing; `autoedge targets probe` tells what a target can use"
        )
    if provider != CPU:
        session.disable_fallback()
    return session


def _options(knobs: Mapping[str, Any], severity: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = severity
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
    return options


def _chain(provider: str, knobs: Mapping[str, Any], available: list[str]) -> list[Any]:
    """The providers to ask for, best first, with their options."""
    if provider not in NAMES:
        raise ModelError(f"provider is one of {', '.join(NAMES)}, but got {provider!r}")
    for knob, takers in _OF_PROVIDERS.items():
        if knob in knobs and provider not in takers:
            raise ModelError(f"{knob} belongs to the provider {' or '.join(takers)}, but the provider is {provider}")
    if provider == CPU:
        return [NAMES[CPU]]
    if NAMES[provider] not in available:
        known = ", ".join(short(name) for name in available)
        raise ModelError(f"this build of ONNX Runtime has no provider {provider}, it has {known}; install one that has")
    chain: list[Any] = [(NAMES[provider], _provider_options(provider, knobs))]
    if provider == "tensorrt" and NAMES["cuda"] in available:
        chain.append((NAMES["cuda"], {}))  # what TensorRT leaves stays on the GPU
    return [*chain, NAMES[CPU]]


def _provider_options(provider: str, knobs: Mapping[str, Any]) -> dict[str, str]:
    """What a provider must be told beside the session's options; its own defaults for all else."""
    options: dict[str, str] = {}
    if provider == "openvino":
        if "device_type" in knobs:
            options["device_type"] = str(knobs["device_type"])
        if "threads" in knobs and knobs.get("device_type", "CPU") == "CPU":
            options["num_of_threads"] = str(knobs["threads"])  # it has threads of its own
    elif provider == "xnnpack" and "threads" in knobs:
        options["intra_op_num_threads"] = str(knobs["threads"])  # it too
    elif provider == "tensorrt":
        options["trt_fp16_enable"] = str(int(knobs.get("provider_fp16") == "on"))
    elif provider == "coreml" and knobs.get("provider_fp16") == "on":
        options["AllowLowPrecisionAccumulationOnGPU"] = "1"
    return options


def short(name: str) -> str:
    """The level of ``provider`` that stands for one of ONNX Runtime's names."""
    return next((level for level, full in NAMES.items() if full == name), name.replace("ExecutionProvider", "").lower())
