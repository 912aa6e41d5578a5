"""A small real model and real data for real workers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONNX_RUNTIME = "autoedge.runtimes.onnxruntime:OnnxRuntime"


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """A model of three classes over four features, free batch."""
    weights = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "linear.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """Thirty samples of four features."""
    path = tmp_path / "samples.npz"
    generator = np.random.default_rng(1)
    np.savez(path, x=generator.standard_normal((30, 4)).astype(np.float32), y=np.zeros(30, np.int64))
    return path


def sha256(path: Path) -> str:
    """A file's content hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def protocol() -> dict[str, float]:
    """As short as a measurement can be."""
    return {
        "warmup_calls": 2,
        "warmup_seconds": 0.0,
        "warmup_cap_seconds": 0.2,
        "block_calls": 2,
        "block_seconds": 0.0,
        "block_tolerance": 10.0,
        "latency_calls": 20,
        "latency_seconds": 0.0,
        "cap_seconds": 30.0,
    }


@pytest.fixture
def runtimes() -> dict[str, str]:
    """Runtimes by name; tests add their own."""
    return {"onnxruntime": ONNX_RUNTIME}


@pytest.fixture
def target(tmp_path: Path, runtimes: dict[str, str]) -> Iterator[LocalTarget]:
    """An open local target with folders of its own."""
    with LocalTarget(runtimes, blobs=tmp_path / "blobs", jobs=tmp_path / "jobs") as opened:
        yield opened


@pytest.fixture
def job(linear: Path, samples: Path, protocol: dict[str, float]) -> dict[str, object]:
    """A complete job for the linear model."""
    return {
        "runtime": "onnxruntime",
        "model": sha256(linear),
        "data": sha256(samples),
        "knobs": {"threads": 1},
        "batch": 4,
        "seed": 0,
        "scores": "scores",
        "evaluate": "full",
        "tolerance": 1e-4,
        "protocol": protocol,
        "limits": {"time_s": 30.0, "memory_mib": 2000.0},
        "key": {"candidate": "c"},
    }


@pytest.fixture
def files(linear: Path, samples: Path) -> dict[str, Path]:
    """Files by content hash."""
    return {sha256(path): path for path in (linear, samples)}
