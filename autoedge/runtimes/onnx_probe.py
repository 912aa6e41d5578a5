"""Find out which providers of ONNX Runtime work on this machine, by running a tiny model on each."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.runtimes.onnx_placement import placement
from autoedge.runtimes.onnx_session import CPU, NAMES, opened
from autoedge.runtimes.own_process import code_for

if TYPE_CHECKING:
    from collections.abc import Mapping

# A convolution of two channels, 8 x 8, and a Relu, in opset 12: what each of the providers takes. The package onnx,
# which makes such files, is not on every device; tests/runtimes/test_onnxruntime.py makes it anew and compares.
MODEL = base64.b64decode(
    "CAcSCGF1dG9lZGdlOqYCCiwKAXgKAXcSAWMaBGNvbnYiBENvbnYqFQoMa2VybmVsX3NoYXBlQANAA6ABBwoSCgFjEgF5GgRyZWx1IgRSZWx1EgVw"
    "cm9iZSqgAQgCCAIIAwgDEAFCAXdKkAEAAMC+AACAvgAAAL4AAAAAAAAAPgAAgD4AAMA+AADAvgAAgL4AAAC+AAAAAAAAAD4AAIA+AADAPgAAwL4A"
    "AIC+AAAAvgAAAAAAAAA+AACAPgAAwD4AAMC+AACAvgAAAL4AAAAAAAAAPgAAgD4AAMA+AADAvgAAgL4AAAC+AAAAAAAAAD4AAIA+AADAPgAAwL5a"
    "GwoBeBIWChQIARIQCgIIAQoCCAIKAggICgIICGIbCgF5EhYKFAgBEhAKAggBCgIIAgoCCAYKAggGQgQKABAM"
)
_SHAPE = (1, 2, 8, 8)
_CLOSE = 0.02  # of outputs up to 2.4; some accelerators compute in 16 bits
_LONGEST_S = 20
_LONGEST = 200  # of a reason
_MISSING = re.compile(r"with error: (.+)")
_DEVICE_TYPES = ("CPU", "GPU", "NPU")


def offered() -> dict[str, dict[str, str]]:
    """By knob, the levels that this build of ONNX Runtime names, with why each does not work; empty where it does.

    Each is tried in a process of its own: a provider without its driver may take its process along.
    """
    import onnxruntime as ort

    named = [level for level, name in NAMES.items() if level != CPU and name in ort.get_available_providers()]
    if not named:
        return {}
    found = {"provider": {level: why_not({"provider": level}) for level in named}}
    if "openvino" in named:
        found["device_type"] = {kind: _without(kind) for kind in _DEVICE_TYPES}
    return found


def _without(kind: str) -> str:
    """Why ONNX Runtime's OpenVINO cannot use a kind of device."""
    from onnxruntime.capi import _pybind_state

    names = getattr(_pybind_state, "get_available_openvino_device_ids", lambda: [kind])()
    if not any(str(name).split(".")[0] == kind for name in names):
        return f"OpenVINO finds no {kind} here"
    return why_not({"provider": "openvino", "device_type": kind})


def why_not(knobs: Mapping[str, Any]) -> str:
    """Why the tiny model does not run under these knobs, in one line; empty where it does."""
    command = [sys.executable, "-c", code_for(__name__), json.dumps(dict(knobs))]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return f"a tiny model did not end within {_LONGEST_S} s"
    except OSError as error:
        return f"no process to try it in: {error.strerror}"
    lines = ran.stdout.decode("utf-8", "replace").splitlines()
    if ran.returncode != 0 or not lines:
        how = f"signal {-ran.returncode}" if ran.returncode < 0 else f"exit code {ran.returncode}"
        return f"a tiny model ended its process with {how}"
    reason = str(json.loads(lines[-1]))
    missing = _MISSING.search(ran.stderr.decode("utf-8", "replace"))  # the engine's own word, where it has one
    return (missing.group(1) if reason and missing else reason).strip()[:_LONGEST]


def main() -> None:
    """Print why the tiny model does not run, as JSON; ends by itself also when nobody waits any more."""
    signal.alarm(2 * _LONGEST_S)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probe.onnx"
        path.write_bytes(MODEL)
        reason = _tried(path, json.loads(sys.argv[1]))
    sys.stdout.write(f"\n{json.dumps(reason)}\n")  # a provider may have printed something


def _tried(path: Path, knobs: Mapping[str, Any]) -> str:
    import numpy as np

    values = np.random.default_rng(0).random(_SHAPE, np.float32)
    try:
        session = opened(path, knobs)
        (output,) = session.run(None, {"x": values})
        (expected,) = opened(path, {}).run(None, {"x": values})
        taken = placement(session, path, knobs).get(str(knobs.get("provider", CPU)), 0)
    except ModelError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the engine's errors share no base class below it
        return f"it loads a tiny model but cannot run it: {error}"
    if knobs.get("provider", CPU) != CPU and not taken:
        return "it takes no operator of a tiny model"
    return "" if np.allclose(output, expected, rtol=0, atol=_CLOSE) else "it computes a tiny model wrongly"
