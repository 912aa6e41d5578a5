"""Small real models, data for them, and what the bench needs to measure them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.bench.presets import VERSION
from autoedge.bench.task import Task
from autoedge.measurement import Protocol
from autoedge.registry import places
from autoedge.store.store import Store
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SAMPLES, FEATURES, CLASSES = 90, 4, 3


@dataclass(frozen=True)
class File:
    """A model file that is ready to be sent."""

    path: Path
    sha256: str
    size_bytes: int


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., File]:
    """Writes a linear classifier with a free batch; ``bias`` is added to all scores, so NaN makes them NaN."""
    folder = tmp_path_factory.mktemp("models")

    def write(name: str = "linear", seed: int = 0, bias: float = 0.0) -> File:
        weights = np.random.default_rng(seed).standard_normal((FEATURES, CLASSES)).astype(np.float32)
        nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Add", ["z", "b"], ["scores"])]
        stored = [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.array([bias], np.float32), "b")]
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])]
        outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES])]
        graph = helper.make_graph(nodes, name, inputs, outputs, stored)
        model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
        path = folder / f"{name}.onnx"
        onnx.save(model, path)
        content = path.read_bytes()
        return File(path, hashlib.sha256(content).hexdigest(), len(content))

    return write


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety labelled samples."""
    generator = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("data") / "eval.npz"
    x = generator.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
    np.savez(path, x=x, y=generator.integers(0, CLASSES, SAMPLES))
    return path


@pytest.fixture
def make_task(data: Path) -> Callable[..., Task]:
    """The task of that data, with other fields where given."""

    def made(**changes: Any) -> Task:
        with np.load(data) as arrays:
            labels = arrays["y"].astype(np.int64)
        fields: dict[str, Any] = {
            "data": data,
            "data_hash": hashlib.sha256(data.read_bytes()).hexdigest(),
            "labels": labels,
            "scores": dict.fromkeys(("linear", "other", "broken", "unsent"), "scores"),
            "rate": None,
            "battery_wh": None,
            "idle_power": {"local": None},
            "reference": "linear",
            "seed": 0,
            "samples": SAMPLES,
        }
        return Task(**{**fields, **changes})

    return made


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    """A protocol that takes a moment."""
    return Protocol(
        "quick",
        VERSION,
        {
            "warmup_calls": 2,
            "warmup_seconds": 0.0,
            "warmup_cap_seconds": 0.2,
            "block_calls": 2,
            "block_seconds": 0.0,
            "block_tolerance": 10.0,
            "latency_calls": 64,
            "latency_seconds": 0.0,
            "cap_seconds": 30.0,
            "processes": 1,
        },
    )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    """An agent on this machine for all tests of a file; times do not matter here, so it waits for nobody."""
    place = tmp_path_factory.mktemp("agent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(place))  # where the machine's lock lies
        with LocalTarget(places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as opened:
            yield opened


@pytest.fixture
def store(tmp_path: Path, target: LocalTarget) -> Iterator[Store]:
    """The store of one run; replies that an earlier test left on the target are dropped."""
    for reply in target.unclaimed():
        target.acknowledge(reply.body["job"])
    opened = Store(tmp_path / "study.db")
    yield opened
    opened.close()
