"""Tasks beside classification, from the intent to the bundle, on small real models."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import autoedge
from autoedge.errors import DataError, IntentError
from autoedge.metric import METRICS
from autoedge.store.store import Store
from autoedge.workflows.bundle import run_bundle, verify_bundle
from autoedge.workflows.events import Measured
from autoedge.workflows.opening import reopened_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Intent = Callable[..., Path]

SAMPLES, FEATURES, THINGS = 90, 4, 5
KNOBS = "threads: [1], provider: [cpu], arena: ['on'], batch: [1, 4], graph_level: [all]"
QUICK = {
    "models": "[model.onnx]",
    "budget": "{measurements: 20}",
    "search": f"{{space: onnxruntime-cpu, strategy: exhaustive, knobs: {{precision: [fp32, int8-dynamic], {KNOBS}}}}}",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))


def _save(
    path: Path,
    nodes: Sequence[Any],
    given: Sequence[int | str],
    outputs: Mapping[str, Sequence[int | str]],
    **stored: Any,
) -> None:
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)


def _linear(folder: Path, width: int) -> np.ndarray[Any, Any]:
    """A linear model of four features, evaluation and calibration samples; gives what the model says of them."""
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((FEATURES, width)).astype(np.float32)
    _save(
        folder / "model.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["out"])],
        ["n", FEATURES],
        {"out": ["n", width]},
        w=weights,
    )
    x = generator.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
    np.savez(folder / "calib.npz", x=generator.standard_normal((SAMPLES, FEATURES)).astype(np.float32))
    np.savez(folder / "eval.npz", x=x)
    return x @ weights


def _labelled(folder: Path, y: np.ndarray[Any, Any]) -> None:
    with np.load(folder / "eval.npz") as arrays:
        x = arrays["x"]
    np.savez(folder / "eval.npz", x=x, y=y)


def _lines(**changes: str) -> dict[str, str | None]:
    return {**QUICK, "data": "{evaluation: eval.npz, calibration: calib.npz}", "constraints": None, **changes}


def _rows(folder: Path) -> list[Any]:
    return [row for row in Store(folder / "run" / "study.db").measurements() if row.ok]


def _run_py(bundle: Path, data: Path) -> Any:
    command = [sys.executable, str(bundle / "run.py"), "--input", str(data), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_regression(tmp_path: Path, intent_in: Intent) -> None:
    """Targets are met with a MAE of the noise put on them; the front, the decisions and the bundle tell it."""
    exact = _linear(tmp_path, 2)
    noise = np.random.default_rng(5).normal(0, 0.1, exact.shape)
    _labelled(tmp_path, exact + noise)
    limits = "[mae <= 0.12, r2 >= 0.9, rmse <= 130 % of baseline]"
    lines = _lines(task="{type: regression}", constraints=limits, objectives="[latency_p50, mae]")
    selection = autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "run")
    assert selection.outcome == "met"
    figures = selection.chosen["metrics"]
    assert figures["mae"]["low"] < figures["mae"]["value"] < figures["mae"]["high"]
    if selection.chosen["configuration"]["recipe"] == {"precision": "fp32"}:
        assert figures["mae"]["value"] == pytest.approx(np.abs(noise).mean(), rel=1e-4)
    kinds = {row.metrics["mae"].value for row in _rows(tmp_path)}
    assert len(kinds) > 1  # the int8 variants are worse, and told so
    outputs = run_bundle(selection.bundle, tmp_path / "eval.npz")
    assert list(outputs) == ["out"]
    told = _run_py(selection.bundle, tmp_path / "eval.npz")
    np.testing.assert_allclose(told["out"], outputs["out"], rtol=1e-5)
    verified = verify_bundle(selection.bundle, data=tmp_path / "eval.npz", processes=2)
    checks = {check.key: check for check in verified.checks}
    assert checks["mae"].outcome == checks["r2"].outcome == "inside"
    assert checks["mae"].now is not None
    assert checks["mae"].now.value == pytest.approx(figures["mae"]["value"])


def test_embedding(tmp_path: Path, intent_in: Intent) -> None:
    """Recall of neighbours is a share of samples, whose drop is paired; the cosine with the reference stands beside."""
    exact = _linear(tmp_path, 8)
    _labelled(tmp_path, exact[:, :3].argmax(axis=1))
    lines = _lines(
        task="{type: embedding}", constraints="[recall_at_5 drop <= 20 %]", objectives="[latency_p50, recall_at_1]"
    )
    selection = autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "run")
    assert selection.outcome == "met"
    figures, reference = selection.chosen["metrics"], selection.verdict["reference"]["metrics"]
    assert {"recall_at_1", "recall_at_5", "recall_at_10", "cosine_similarity"} <= figures.keys()
    assert reference["cosine_similarity"]["value"] == pytest.approx(1, abs=1e-6)
    lossy = [row for row in _rows(tmp_path) if row.metrics["cosine_similarity"].value < 0.99999]
    assert all(row.metrics["cosine_similarity"].value > 0.9 for row in lossy)
    assert lossy
    [decision] = selection.chosen["decisions"]
    chosen_is_reference = selection.chosen["candidate_id"] == selection.verdict["reference"]["candidate_id"]
    assert chosen_is_reference or decision["figure"]["estimator"] == "paired difference, Tango"


def test_embedding_without_labels(tmp_path: Path, intent_in: Intent) -> None:
    """Without labels the agreement with the reference is all there is; an objective on recall becomes that."""
    _linear(tmp_path, 8)
    lines = _lines(task="{type: embedding}", objectives="[latency_p50, recall_at_1]", budget="{measurements: 14}")
    selection = autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "run")
    figures = selection.chosen["metrics"]
    assert "cosine_similarity" in figures
    assert "recall_at_1" not in figures
    lines["constraints"] = "[recall_at_1 >= 0.5]"
    with pytest.raises(
        DataError, match=r"'recall_at_1 >= 0.5' cannot be seen in these data; .* or limit cosine_similar"
    ):
        autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "other")


def _detector(folder: Path) -> None:
    """A model whose samples hold its answers; it gives as many boxes as the fullest sample of a batch has."""
    pick = {f"at{place}": np.array(place, np.int64) for place in (4, 5)}
    nodes = [
        helper.make_node("Gather", ["x", "at4"], ["all_scores"], axis=2),
        helper.make_node("Greater", ["all_scores", "zero"], ["real"]),
        helper.make_node("Cast", ["real"], ["counted"], to=TensorProto.INT64),
        helper.make_node("ReduceSum", ["counted", "one"], ["many"], keepdims=0),
        helper.make_node("ReduceMax", ["many"], ["most"], keepdims=0),
        helper.make_node("Reshape", ["most", "one"], ["end"]),
        helper.make_node("Slice", ["x", "start", "end", "one"], ["kept"]),
        helper.make_node("Slice", ["kept", "start", "four", "two"], ["boxes"]),
        helper.make_node("Gather", ["kept", "at4"], ["sure"], axis=2),
        helper.make_node("Gather", ["kept", "at5"], ["kind"], axis=2),
    ]
    outputs = {"boxes": ["n", "m", 4], "sure": ["n", "m"], "kind": ["n", "m"]}
    constants = {"zero": np.float32(0), "one": [1], "start": [0], "four": [4], "two": [2]}
    _save(folder / "model.onnx", nodes, ["n", THINGS, 6], outputs, **constants, **pick)


def _scenes(folder: Path) -> None:
    """Images with one to four squares; nine of ten are found, each a little beside its place."""
    generator = np.random.default_rng(1)
    x = np.zeros((SAMPLES, THINGS, 6), np.float32)
    form: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1}, {"id": 5}]}
    for image in range(SAMPLES):
        form["images"].append({"id": image + 1, "width": 100, "height": 100})
        found = 0
        for _ in range(generator.integers(1, 5)):
            left, top, side = generator.uniform(0, 60), generator.uniform(0, 60), generator.uniform(10, 40)
            category = int(generator.choice([1, 5]))
            box = [left, top, side, side]
            form["annotations"].append({"image_id": image + 1, "category_id": category, "bbox": box})
            if generator.random() < 0.9:
                shift = generator.normal(0, 1, 2)
                x[image, found] = [
                    left + shift[0],
                    top + shift[1],
                    left + side,
                    top + side,
                    generator.uniform(0.2, 1),
                    category,
                ]
                found += 1
    np.savez(folder / "eval.npz", x=x)
    (folder / "boxes.json").write_text(json.dumps(form))


def test_detection(tmp_path: Path, intent_in: Intent) -> None:
    """Boxes of a count that varies from batch to batch come to one mAP, whatever the batch, and leave in the bundle."""
    _detector(tmp_path)
    _scenes(tmp_path)
    lines = _lines(
        task="{type: detection}",
        data="{evaluation: eval.npz, annotations: boxes.json}",
        outputs="{boxes: boxes, scores: sure, classes: kind}",
        constraints="[map50 >= 80 %, map >= 95 % of baseline]",
        objectives="[latency_p50, map]",
    )
    selection = autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "run")
    assert selection.outcome == "met"
    assert {row.metrics["map"].value for row in _rows(tmp_path)} == {selection.chosen["metrics"]["map"]["value"]}
    assert {row.details["scores"] for row in _rows(tmp_path)} != set()
    outputs = run_bundle(selection.bundle, tmp_path / "eval.npz")
    assert {name: array.ndim for name, array in outputs.items()} == {"boxes": 3, "sure": 2, "kind": 2}
    with np.load(tmp_path / "eval.npz") as arrays:
        real = arrays["x"][:, : outputs["sure"].shape[1]]
    seen = outputs["sure"] > 0
    assert (seen == (real[..., 4] > 0)).all()
    np.testing.assert_array_equal(outputs["boxes"][seen], real[seen][:, :4])
    verified = verify_bundle(selection.bundle, data=tmp_path / "eval.npz", processes=2)
    [check] = [check for check in verified.checks if check.key == "map"]
    assert (check.outcome, check.note) == ("not checked", "it takes the intent's annotations: run its intent again")


OWN = """
def worst(outputs, labels):
    assert outputs.shape == (90, 2, 1), outputs.shape
    return float(abs(outputs[:, :, 0] - labels).max())
worst.direction = "minimize"
"""


def test_custom(tmp_path: Path, intent_in: Intent) -> None:
    """A function of the user's judges outputs in the model's own shape, where both words of trust are given."""
    _linear(tmp_path, 2)
    weights = np.ones((FEATURES, 2), np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["flat"]), helper.make_node("Unsqueeze", ["flat", "last"], ["out"])]
    _save(tmp_path / "model.onnx", nodes, ["n", FEATURES], {"out": ["n", 2, 1]}, w=weights, last=[2])
    with np.load(tmp_path / "eval.npz") as arrays:
        x = arrays["x"]
    np.savez(tmp_path / "eval.npz", x=x, y=x @ weights + 0.25)
    (tmp_path / "own.py").write_text(OWN)
    lines = _lines(
        task="{type: custom, metric: 'own:worst', direction: minimize}",
        trust="true",
        constraints="[custom_loss <= 0.5]",
        objectives="[latency_p50, custom_loss]",
    )
    intent = intent_in(tmp_path, **lines)
    with pytest.raises(IntentError, match=f"is foreign code, and runs only where .* add --trust {tmp_path}"):
        autoedge.select(intent, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    selection = autoedge.select(intent, out=tmp_path / "run", trust=[tmp_path])
    assert selection.outcome == "met"
    reference = selection.verdict["reference"]["metrics"]["custom_loss"]
    assert reference["value"] == pytest.approx(0.25, abs=1e-5)
    assert "no interval" in reference["estimator"]
    (tmp_path / "own.py").write_text(OWN.replace("abs(", "2 * abs("))
    with reopened_run(tmp_path / "run") as run:  # without trust, and with another metric than the rows were told by
        assert run.prepared.task.evaluator.withheld
        assert run.measurements == []
    (tmp_path / "own.py").write_text(OWN)
    with reopened_run(tmp_path / "run") as run:
        evidence = run.explored(run.reference.candidate_id)
        assert evidence is not None
        [decision] = run.verdict(evidence, evidence).decisions
        assert decision.figure is not None
        assert decision.figure.value == reference["value"]


def test_more_is_asked_of_a_finished_run(tmp_path: Path, furnish: Callable[[Path], Path], intent_in: Intent) -> None:
    """Metrics first asked for after a run are told of its stored outputs: only confirm rounds are new."""
    furnish(tmp_path)
    lines = {"budget": "{measurements: 18}", "search": QUICK["search"], "constraints": "[accuracy >= 90 %]"}
    autoedge.select(intent_in(tmp_path, **lines), out=tmp_path / "run")
    before = _rows(tmp_path)
    assert not any("log_loss" in row.metrics for row in before)
    more = "[accuracy >= 90 %, log_loss <= 5, top3_accuracy drop <= 1 %]"
    task, objectives = "{type: classification, top_k: [1, 3]}", "[latency_p50, log_loss]"
    events: list[Any] = []
    intent = intent_in(tmp_path, **{**lines, "constraints": more, "task": task, "objectives": objectives})
    selection = autoedge.select(intent, out=tmp_path / "run", on_event=events.append)
    assert {event.measurement.phase for event in events if isinstance(event, Measured)} <= {"confirm"}
    assert selection.outcome == "met"
    with reopened_run(tmp_path / "run") as run:
        asked = {"accuracy", "f1_macro", "top3_accuracy", "log_loss"}
        assert all(asked <= row.metrics.keys() for row in run.measurements if row.ok)
        assert all(METRICS[key].key == key for key in asked)


@pytest.mark.parametrize(
    ("task", "lines", "said"),
    [
        ("regression", {}, "regression needs targets, but there is no 'y'"),
        ("regression", {"y": np.zeros((SAMPLES, 3))}, "'y' has 3 targets a sample, but 'out' gives 2; check 'y'"),
        (
            "regression",
            {"y": np.zeros(SAMPLES), "outputs": "{values: o}"},
            "outputs.values names 'o', but it gives out",
        ),
        ("embedding", {"y": np.zeros(SAMPLES)}, "'y' must hold one class number a sample"),
        ("custom, metric: gone", {}, "metric gone: is installed by no package"),
    ],
)
def test_what_does_not_fit_is_told_first(
    tmp_path: Path, intent_in: Intent, task: str, lines: dict[str, Any], said: str
) -> None:
    """Targets, labels, outputs and metrics that do not fit the task end before anything is measured."""
    _linear(tmp_path, 2)
    if "y" in lines:
        _labelled(tmp_path, lines["y"])
    text = {key: value for key, value in lines.items() if key != "y"}
    intent = intent_in(tmp_path, **_lines(task=f"{{type: {task}}}", objectives="[latency_p50]", **text))
    with pytest.raises(DataError, match=said):
        autoedge.select(intent, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
