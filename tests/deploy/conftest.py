"""Small real models, and everything that a bundle is made of."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.bench.presets import VERSION
from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.device import Device
from autoedge.measurement import Phase, Protocol, Result, Source, Value
from autoedge.models.info import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CLASSES = 3
INTENT = """\
version: 1
name: toy
models:
- path: /home/alice/secret project/models/toy.onnx
  name: toy
data:
  evaluation: /home/alice/data/eval.npz
targets:
- name: local
workload:
  rate: 2 / s
search:
  space: /home/alice/space.yaml
"""


def make_model(path: Path, batch: str | int = "N", kind: int = TensorProto.FLOAT) -> Path:
    """A linear classifier of 2 x 4 samples into three classes; equal each time."""
    weights = np.random.default_rng(1).standard_normal((8, CLASSES)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], keepdims=0, axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("pixels", kind, [batch, 1, 2, 4])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, CLASSES]),
            helper.make_tensor_value_info("label", TensorProto.INT64, [batch]),
        ],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """The model of the specs below."""
    return make_model(tmp_path / "variant")


@pytest.fixture
def fixed_model_file(tmp_path: Path) -> Path:
    """The same model for exactly four samples a call."""
    return make_model(tmp_path / "fixed", batch=4)


@pytest.fixture
def spec(model_file: Path) -> BundleSpec:
    """A chosen candidate with measured, derived and estimated figures."""
    knobs = {"batch": 4, "threads": 1, "graph_level": "basic", "arena": "off"}
    candidate = Candidate(Configuration("toy", {"precision": "fp32"}, "onnxruntime", knobs), "local")
    metrics = {
        "latency_p50_ms": Value(1.5, 1.4, 1.6, Source.MEASURED, "mean of processes on logs, t", 6),
        "memory_peak_mib": Value(60.0, 59.5, 60.5, Source.MEASURED, "mean of processes on logs, t", 6),
        "accuracy": Value(0.95, 0.92, 0.97, Source.MEASURED, "share, Wilson", 300),
        "energy_mj": Value(8.0, 4.0, 12.0, Source.ESTIMATED, "software estimate", 6),
    }
    decision = {"constraint": "latency_p50 <= 2 ms", "outcome": "met", "slack": 0.25, "note": ""}
    return BundleSpec(
        candidate=candidate,
        model_file=model_file,
        suffix=".onnx",
        model_hash=hashlib.sha256(model_file.read_bytes()).hexdigest(),
        inputs=(Tensor("pixels", "float32", ("N", 1, 2, 4)),),
        outputs=(Tensor("scores", "float32", ("N", 3)), Tensor("label", "int64", ("N",))),
        scores="scores",
        device=Device("secretmachineid", "x86_64", "A CPU", 2, 2, 1024, "Linux 6", "3.11.7", {"onnxruntime": "1.2.3"}),
        result=Result(candidate.candidate_id, Phase.CONFIRM, 6, metrics, ("background_load",)),
        protocol=Protocol("quick", VERSION, {"latency_calls": 64, "cap_seconds": 1.0}),
        runtime_version=_installed(),
        verdict={"outcome": "met", "decisions": [decision]},
        intent=INTENT,
        tools={"autoedge": "0.1.0", "onnxruntime": "1.2.3"},
        data_hash="ab" * 32,
    )


def _installed() -> str:
    from importlib.metadata import version

    return version("onnxruntime")


@pytest.fixture
def spec_of(spec: BundleSpec) -> Callable[..., BundleSpec]:
    """The spec with other values, and another model file with its own hash."""

    def changed(model_file: Path | None = None, **changes: Any) -> BundleSpec:
        if model_file is not None:
            digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
            changes |= {"model_file": model_file, "model_hash": digest}
        return replace(spec, **changes)

    return changed


@pytest.fixture
def built(spec: BundleSpec, tmp_path: Path) -> Path:
    """A sound bundle's folder."""
    build_bundle(spec, tmp_path / "built" / "v1")
    return tmp_path / "built" / "v1"


@pytest.fixture
def another() -> Callable[..., Path]:
    """``another(folder, to, files, **record)``: a copy with other contents and hashes that agree, and other records.

    A content of None takes a file away.
    """

    def make(folder: Path, to: Path, files: Mapping[str, bytes | None] | None = None, **record: Any) -> Path:
        shutil.copytree(folder, to)
        document = json.loads((to / "bundle.json").read_text())
        for place, content in (files or {}).items():
            if content is None:
                (to / place).unlink()
                del document["files"][place]
                continue
            (to / place).parent.mkdir(parents=True, exist_ok=True)
            (to / place).write_bytes(content)
            document["files"][place] = hashlib.sha256(content).hexdigest()
        (to / "bundle.json").write_text(json.dumps({**document, **record}))
        return to

    return make


@pytest.fixture
def contents() -> Callable[[Path], dict[str, tuple[int, bytes]]]:
    """``contents(folder)``: mode and bytes of every file by its place."""

    def read(folder: Path) -> dict[str, tuple[int, bytes]]:
        return {
            str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read
