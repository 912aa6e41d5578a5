"""Small real models, data and intents for runs that end in seconds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.bench.presets import protocol_for
from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.measurement import Phase, Result, Source, Value
from autoedge.models.info import Tensor
from autoedge.registry import places
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.device import Device


def classifier(path: Path, *, hidden: int, seed: int, nan: bool = False) -> Path:
    """A two-layer classifier of four features into three classes, free batch."""
    generator = np.random.default_rng(seed)
    first = generator.standard_normal((4, hidden)).astype(np.float32)
    # The first layer spreads the features, the second gathers them again: all such models agree on most samples.
    second = np.linalg.pinv(first)[:, :3].astype(np.float32)
    if nan:
        second[:] = np.nan
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["scores"])],
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor("a", TensorProto.FLOAT, first.shape, first.tobytes(), raw=True),
            helper.make_tensor("b", TensorProto.FLOAT, second.shape, second.tobytes(), raw=True),
        ],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, path)
    return path


@pytest.fixture(scope="session")
def furnish() -> Callable[[Path], Path]:
    """Puts two models, evaluation and calibration data into a folder."""

    def put(folder: Path) -> Path:
        classifier(folder / "large.onnx", hidden=256, seed=0)
        classifier(folder / "small.onnx", hidden=8, seed=1)
        generator = np.random.default_rng(2)
        for name, count in (("eval", 120), ("calib", 60)):
            x = generator.standard_normal((count, 4)).astype(np.float32)
            np.savez(folder / f"{name}.npz", x=x, y=x[:, :3].argmax(axis=1))
        return folder

    return put


@pytest.fixture(scope="session")
def intent_in() -> Callable[..., Path]:
    """Writes an intent into a folder; keys given replace lines of the default one, None leaves a line out."""

    def write(folder: Path, **changes: str | None) -> Path:
        # These models are too small for weights alone in few bits, so that those precisions are left out.
        lines: dict[str, str | None] = {
            "version": "1",
            "task": "{type: classification}",
            "name": "small",
            "models": "[large.onnx, small.onnx]",
            "data": "{evaluation: eval.npz, calibration: calib.npz}",
            "constraints": "[accuracy >= 90 %, size <= 50 % of baseline]",
            "objectives": "[latency_p50, accuracy]",
            "protocol": "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64}",
            "budget": "{measurements: 26}",
            "search": "{space: onnxruntime-cpu, strategy: random, seed: 0, "
            "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on'], batch: [1, 4]}}",
        }
        lines.update(changes)
        path = folder / "intent.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None))
        return path

    return write


@pytest.fixture
def place(tmp_path: Path, furnish: Callable[[Path], Path]) -> Path:
    """A folder with two models, evaluation and calibration data."""
    return furnish(tmp_path)


@pytest.fixture
def nan_model(place: Path) -> Callable[[str], Path]:
    """Writes a model whose outputs are NaN."""
    return lambda name: classifier(place / name, hidden=8, seed=3, nan=True)


@pytest.fixture
def write_intent(place: Path, intent_in: Callable[..., Path]) -> Callable[..., Path]:
    """Writes an intent into this test's folder."""
    return partial(intent_in, place)


@pytest.fixture(scope="session")
def declare_in() -> Callable[..., Path]:
    """Writes a targets file into a folder: ``declare_in(folder, one={"wrap": ["taskset", "-c", "0"]}, two={})``."""

    def write(folder: Path, **targets: dict[str, object]) -> Path:
        path = folder / "targets.yaml"
        path.write_text(json.dumps({"version": 1, "targets": targets}))  # JSON is YAML
        return path

    return write


@pytest.fixture
def environment(place: Path) -> dict[str, str]:
    """The environment of a command with a cache and a targets file of its own."""
    own = {"AUTOEDGE_CACHE": "cache", "XDG_STATE_HOME": "state", "AUTOEDGE_TARGETS": "targets.yaml"}
    own["AUTOEDGE_POWER_MODELS"] = "power"  # a developer's own calibration says nothing here
    return {**os.environ, **{name: str(place / path) for name, path in own.items()}}


@pytest.fixture
def autoedge(environment: dict[str, str], place: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line as a process of its own."""

    def call(*arguments: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "autoedge_cli.main", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=place, timeout=timeout, check=False
        )

    return call


@pytest.fixture(scope="session")
def gate_intent() -> str:
    """An intent that a gate asks by: limits that any machine keeps, and short processes."""
    return """\
version: 1
name: small
task: {type: classification}
models: [model.onnx]
constraints: [latency_p50 <= 10 s, memory_peak <= 4 GiB]
objectives: [latency_p50, size]
protocol: {preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64}
budget: {measurements: 40}
"""


@pytest.fixture(scope="session")
def this_device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """This machine as the agent sees it."""
    place = tmp_path_factory.mktemp("probe")
    with LocalTarget(places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as target:
        assert target.device is not None
        return target.device


@pytest.fixture
def gate_bundle(tmp_path: Path, this_device: Device, gate_intent: str) -> Callable[..., Path]:
    """Builds a bundle of a net with so many inner layers, chosen by an intent."""

    def build(name: str, layers: int, intent: str = gate_intent, runtime: str = "onnxruntime") -> Path:
        model = layered(tmp_path / f"{name}.onnx", layers)
        candidate = Candidate(Configuration("net", {"precision": "fp32"}, runtime, {"batch": 1, "threads": 1}), "local")
        short = {"warmup_seconds": 0.02, "latency_seconds": 0.02, "latency_calls": 64}
        latency = Value(1.0, 0.9, 1.1, Source.MEASURED, "recorded", 6)
        spec = BundleSpec(
            candidate=candidate,
            model_file=model,
            suffix=".onnx",
            model_hash=hashlib.sha256(model.read_bytes()).hexdigest(),
            inputs=(Tensor("x", "float32", ("n", 4)),),
            outputs=(Tensor("scores", "float32", ("n", 3)),),
            scores="scores",
            device=this_device,
            result=Result(candidate.candidate_id, Phase.CONFIRM, 6, {"latency_p50_ms": latency}, ()),
            protocol=protocol_for("quick", short, [], {}),
            runtime_version=this_device.runtimes["onnxruntime"],
            verdict={"outcome": "met", "decisions": []},
            intent=intent,
            tools={"autoedge": "0.1.0"},
            data_hash="",
        )
        build_bundle(spec, tmp_path / name)
        return tmp_path / name

    return build


def layered(path: Path, layers: int) -> Path:
    """A classifier that spreads its features, works on them, and gathers them again unchanged."""
    first = np.zeros((4, 128), np.float32)
    first[:, :4] = np.eye(4)
    weights = {
        "first": first,
        "inner": np.eye(128, dtype=np.float32),
        "last": np.eye(128, 3, dtype=np.float32),
    }
    names = ["x", *(f"h{i}" for i in range(layers + 1)), "scores"]
    used = ["first", *["inner"] * layers, "last"]
    nodes = [
        helper.make_node("MatMul", [names[i], weight], [names[i + 1]], f"layer{i}") for i, weight in enumerate(used)
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path
