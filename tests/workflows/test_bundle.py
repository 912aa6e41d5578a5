"""Bundles verified and run through AutoEdge's own agent, on real models."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from autoedge.bench.presets import VERSION
from autoedge.candidate import Candidate, Configuration
from autoedge.deploy import template_run
from autoedge.deploy.bundle import BundleSpec, build_bundle
from autoedge.deploy.compare import Kept
from autoedge.errors import BundleError, DataError, ModelError
from autoedge.measurement import Phase, Protocol, Result, Source, Value
from autoedge.models.info import Tensor
from autoedge.registry import places
from autoedge.targets.local import LocalTarget
from autoedge.workflows.bundle import run_bundle, verify_bundle
from autoedge.workflows.events import Began, Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.device import Device
    from autoedge.workflows.events import Event

SAMPLES, CLASSES = 50, 3
PROTOCOL = {
    "warmup_calls": 2,
    "warmup_seconds": 0.01,
    "warmup_cap_seconds": 0.2,
    "block_calls": 2,
    "block_seconds": 0.01,
    "block_tolerance": 0.5,
    "latency_calls": 64,
    "latency_seconds": 0.02,
    "cap_seconds": 5.0,
}
NOISE = ("background_load", "unsteady_warmup", "warming", "slowdown", "shifted")


def measured(value: float, low: float, high: float) -> Value:
    """A recorded figure."""
    return Value(value, low, high, Source.MEASURED, "recorded", 6)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """This machine as the agent sees it."""
    place = tmp_path_factory.mktemp("probe")
    with LocalTarget(places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as target:
        assert target.device is not None
        return target.device


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluation data in double precision, labels included."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "eval.npz"
    x, y = generator.standard_normal((SAMPLES, 8)), generator.integers(0, CLASSES, SAMPLES)
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture
def spec(tmp_path: Path, device: Device, data: Path) -> BundleSpec:
    """A linear classifier whose record any machine keeps."""
    weights = np.random.default_rng(1).standard_normal((8, CLASSES)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["scores"])]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, [numpy_helper.from_array(weights, "w")])
    path = tmp_path / "variant"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with np.load(data) as arrays:
        right = float(((arrays["x"].astype(np.float32) @ weights).argmax(axis=1) == arrays["y"]).mean())
    candidate = Candidate(Configuration("toy", {"precision": "fp32"}, "onnxruntime", {"batch": 4}), "local")
    metrics = {
        "latency_p50_ms": measured(10, 1e-6, 1e6),
        "throughput_ips": measured(10, 1e-6, 1e9),
        "memory_peak_mib": measured(100, 1, 1e6),
        "size_mib": measured(*[path.stat().st_size / 2**20] * 3),
        "accuracy": measured(right, right - 0.01, right + 0.01),
        "agreement": measured(1, 1, 1),
        "energy_mj": Value(1, 0.5, 1.5, Source.ESTIMATED, "software estimate", 6),
    }
    return BundleSpec(
        candidate=candidate,
        model_file=path,
        suffix=".onnx",
        model_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        inputs=(Tensor("x", "float32", ("N", 8)),),
        outputs=(Tensor("scores", "float32", ("N", CLASSES)),),
        scores="scores",
        device=device,
        result=Result(candidate.candidate_id, Phase.CONFIRM, 6, metrics, NOISE),
        protocol=Protocol("quick", VERSION, PROTOCOL),
        runtime_version=device.runtimes["onnxruntime"],
        verdict={"outcome": "met", "decisions": []},
        intent="version: 1\n",
        tools={"autoedge": "0.1.0"},
        data_hash=hashlib.sha256(data.read_bytes()).hexdigest(),
    )


@pytest.fixture
def built(spec: BundleSpec, tmp_path: Path) -> Callable[..., Path]:
    """Builds the spec with other values."""

    def build(**changes: Any) -> Path:
        if "candidate" in changes:
            changes["result"] = replace(spec.result, candidate_id=changes["candidate"].candidate_id)
        build_bundle(replace(spec, **changes), tmp_path / "bundle")
        return tmp_path / "bundle"

    return build


def with_figure(spec: BundleSpec, **figures: Value) -> Result:
    """The spec's result with other figures."""
    return replace(spec.result, metrics={**spec.result.metrics, **figures})


def outcomes(verification: Any) -> dict[str, Kept]:
    """Outcome by metric key."""
    return {check.key: check.outcome for check in verification.checks}


def test_a_sound_bundle_is_measured_again_and_ok(
    built: Callable[..., Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every measured figure is checked in fresh processes, accuracy on the recorded data; nothing is left behind."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    events: list[Event] = []
    verification = verify_bundle(built(), data=data, on_event=events.append, processes=2)
    assert verification.outcome == "ok"
    assert verification.notes == ()
    assert outcomes(verification) == {
        "latency_p50_ms": Kept.INSIDE,
        "throughput_ips": Kept.INSIDE,
        "accuracy": Kept.INSIDE,
        "agreement": Kept.UNCHECKED,
        "energy_mj": Kept.UNCHECKED,
        "memory_peak_mib": Kept.INSIDE,
        "size_mib": Kept.INSIDE,
    }
    accuracy = next(check for check in verification.checks if check.key == "accuracy")
    assert accuracy.now is not None
    assert accuracy.now.value == accuracy.recorded.value
    assert sum(isinstance(event, Began) for event in events) == 2
    assert [(event.used, event.budget) for event in events if isinstance(event, Measured)] == [(1, 2), (2, 2)]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_promises_that_are_not_kept_are_outside(
    built: Callable[..., Path], spec: BundleSpec, data: Path, tmp_path: Path
) -> None:
    """A latency, a memory and an accuracy that nothing reaches are each found; without data accuracy is not checked."""
    too_good = {
        "latency_p50_ms": measured(1e-7, 1e-7, 1e-7),
        "memory_peak_mib": measured(0.1, 0.1, 0.1),
        "accuracy": measured(1, 1, 1),
    }
    verification = verify_bundle(built(result=with_figure(spec, **too_good)), data=data, processes=2)
    assert verification.outcome == "outside"
    assert {outcomes(verification)[key] for key in too_good} == {Kept.OUTSIDE}
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros((4, 8)), y=np.zeros(4, np.int64))
    verification = verify_bundle(tmp_path / "bundle", data=other, processes=2)
    assert outcomes(verification)["accuracy"] is Kept.UNCHECKED
    assert verification.notes[0] == "other.npz is not the file that the bundle was measured on: quality is not checked"


def test_another_device_is_said_and_not_judged(built: Callable[..., Path], device: Device, data: Path) -> None:
    """The figures are there for the reader; accuracy is judged all the same."""
    verification = verify_bundle(built(device=replace(device, machine="another")), data=data, processes=2)
    assert (verification.outcome, verification.comparable) == ("undecided", False)
    latency = next(check for check in verification.checks if check.key == "latency_p50_ms")
    assert latency.now is not None
    assert outcomes(verification)["accuracy"] is Kept.INSIDE
    assert "not the device" in verification.notes[0]


def test_the_workloads_rate_counts_as_when_recorded(built: Callable[..., Path]) -> None:
    """With 2 items a second, a batch of four takes 1.5 s to fill, which is part of its latency."""
    folder = built(protocol=Protocol("quick", VERSION, {**PROTOCOL, "rate": 2.0}))
    verification = verify_bundle(folder, processes=2)
    assert verification.now.figures["latency_p50_ms"].value > 1500


def test_a_model_that_fails_is_undecided_with_the_reason(built: Callable[..., Path]) -> None:
    """A knob that the runtime does not know fails each measurement, and the reason is told once."""
    knobs = {"batch": 4, "graph_level": "magic"}
    candidate = Candidate(Configuration("toy", {"precision": "fp32"}, "onnxruntime", knobs), "local")
    verification = verify_bundle(built(candidate=candidate), processes=2)
    assert verification.outcome == "undecided"
    assert verification.now.processes == 0
    assert [note for note in verification.notes if note.startswith("2 of 2 measurements failed") and "magic" in note]


@pytest.mark.parametrize(
    ("version", "parameters", "message"),
    [
        (VERSION + 1, {}, "version"),
        (VERSION, {"latency_seconds": 1e9}, "protocol.latency_seconds lies above 0, up to 3600, but is"),
        (VERSION, {"latency_calls": -1}, "protocol.latency_calls"),
        (VERSION, {"cap_seconds": "long"}, "protocol.cap_seconds"),
        (VERSION, {"block_tolerance": None}, "protocol.block_tolerance"),
        (VERSION, {"rate": 0}, "protocol.rate"),
    ],
)
def test_a_protocol_that_cannot_be_measured_is_refused(
    built: Callable[..., Path], version: int, parameters: dict[str, Any], message: str
) -> None:
    """Unknown versions, absent parameters and windows that never end are found before anything runs."""
    changed = {name: value for name, value in {**PROTOCOL, **parameters}.items() if value is not None}
    folder = built(protocol=Protocol("quick", version, changed))
    with pytest.raises(BundleError, match=message):
        verify_bundle(folder)


def rewrite(folder: Path, place: str, data: bytes) -> None:
    """Replace a file and its hash, as a forger would."""
    (folder / place).write_bytes(data)
    record = json.loads((folder / "bundle.json").read_text())
    record["files"][place] = hashlib.sha256(data).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(record))


def test_nothing_of_a_bundle_is_executed(built: Callable[..., Path], data: Path, tmp_path: Path) -> None:
    """Programs with hashes that agree are read and never run."""
    folder, marker = built(), tmp_path / "ran"
    program = f"open({str(marker)!r}, 'w')\n".encode()
    for place in ("run.py", "bundle_parts/__init__.py", "bundle_parts/errors.py"):
        rewrite(folder, place, program)
    assert verify_bundle(folder, processes=2).outcome == "ok"
    run_bundle(folder, data)
    assert not marker.exists()


def test_a_forged_model_never_reaches_the_runtime(built: Callable[..., Path], data: Path) -> None:
    """A file that is no sound model ends in the inspector, for both commands."""
    folder = built()
    rewrite(folder, "model.onnx", b"no model")
    with pytest.raises(ModelError):
        verify_bundle(folder, processes=2)
    with pytest.raises(ModelError):
        run_bundle(folder, data)


def test_an_altered_bundle_is_not_measured(built: Callable[..., Path], data: Path) -> None:
    """Hashes come first, for both commands."""
    folder = built()
    (folder / "README.md").write_text("improved")
    with pytest.raises(BundleError, match=r"README\.md: is not the file that was bundled"):
        verify_bundle(folder)
    with pytest.raises(BundleError, match=r"README\.md: is not the file that was bundled"):
        run_bundle(folder, data)


def test_running_gives_what_the_bundle_itself_gives(built: Callable[..., Path], data: Path) -> None:
    """The agent's scores and classes are those of run.py's code."""
    folder = built()
    answers = run_bundle(folder, data)
    with np.load(data) as arrays:
        own = template_run.load(folder)({"x": arrays["x"]})
    assert answers["scores"].shape == (SAMPLES, CLASSES)
    np.testing.assert_array_equal(answers["scores"], own["scores"])
    np.testing.assert_array_equal(answers["classes"], own["classes"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 7))}, r"array 'x': a sample must fit.*takes \(8\), the data have \(7\)"),
        ({"x": np.zeros((0, 8))}, "holds no samples"),
        ({"z": np.zeros((3, 8))}, "needs 'x'"),
    ],
)
def test_data_that_do_not_fit_are_refused(
    built: Callable[..., Path], tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    """Before any process is started."""
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=message):
        run_bundle(built(), tmp_path / "bad.npz")


def test_without_scores_there_is_nothing_to_run(built: Callable[..., Path], data: Path) -> None:
    """A bundle that names no scores says how to run it instead."""
    with pytest.raises(BundleError, match=r"run it with its own run\.py"):
        run_bundle(built(scores=None, data_hash=""), data)


def test_one_process_makes_no_interval(built: Callable[..., Path]) -> None:
    """Fewer than two processes are refused."""
    with pytest.raises(ValueError, match="at least 2 processes"):
        verify_bundle(built(), processes=1)
