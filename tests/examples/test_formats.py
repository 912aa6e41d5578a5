"""The digits in three formats: one front over all runtimes, and bundles that run in environments of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
QUICK = "{preset: quick, warmup_seconds: 0.05 s, latency_seconds: 0.1 s, latency_calls: 64}"
# Of each runtime a model, and what its bundle needs besides numpy.
WINNERS = {"onnxruntime": ".onnx", "litert": ".tflite", "openvino": ".onnx"}


@pytest.fixture
def select(tmp_path: Path) -> Callable[..., Path]:
    """Runs ``autoedge select`` on the example with a small budget and further limits; gives the run folder."""

    def run(budget: int, strategy: str = "surrogate", **knobs: Any) -> Path:
        text = (DIGITS / "formats.yaml").read_text()
        text = text.replace("models/", f"{DIGITS}/models/").replace("data/", f"{DIGITS}/data/")
        text = text.replace("protocol: quick", f"protocol: {QUICK}")
        text = text.replace("budget: {measurements: 90, time: 15 min}", f"budget: {{measurements: {budget}}}")
        text = text.replace("seed: 0", f"seed: 0, strategy: {strategy}")
        text = text.replace("knobs: {batch: [1]}", f"knobs: {json.dumps({'batch': [1], 'threads': [1], **knobs})}")
        intent = tmp_path / "intent.yaml"
        intent.write_text(text)
        own = {"AUTOEDGE_CACHE": "cache", "XDG_STATE_HOME": "state", "AUTOEDGE_TARGETS": "targets.yaml"}
        environment = {**os.environ, **{name: str(tmp_path / place) for name, place in own.items()}}
        command = [sys.executable, "-m", "autoedge_cli.main", "select", "--intent", str(intent)]
        command += ["--out", str(tmp_path / "run"), "--json", str(tmp_path / "verdict.json")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
        assert done.returncode in (0, 4), done.stderr  # a noisy machine may leave a latency open
        return tmp_path / "run"

    return run


@pytest.mark.timeout(600)
def test_one_front_over_all_runtimes(select: Callable[..., Path], tmp_path: Path) -> None:
    """One select measures the net in both formats and the pipeline, on every runtime, at its sizes, on one front."""
    run = select(40, "random", precision=["fp32", "fp64", "fp16", "int8-static"], graph_level=["all"], hint=["latency"])
    measured = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    runtimes = {row["configuration"]["runtime"] for row in measured if row["status"] == "ok"}
    assert runtimes >= {"onnxruntime", "litert", "openvino", "scikit-learn"}
    front = json.loads((run / "front.json").read_text())
    assert front
    sizes = {row["configuration"]["knobs"].get("image_size") for row in measured}
    assert len(sizes) >= 2
    assert json.loads((tmp_path / "verdict.json").read_text())["chosen"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("runtime", WINNERS)
def test_a_winner_runs_with_its_own_requirements_alone(
    runtime: str, select: Callable[..., Path], tmp_path: Path
) -> None:
    """The bundle of the best candidate of a runtime gives the recorded accuracy where nothing else is installed."""
    run = select(26, runtime=[runtime], image_size=[12, 8], precision=["fp32", "fp16", "int8-static"])
    bundle = run / "bundle"
    record = json.loads((bundle / "bundle.json").read_text())
    assert record["configuration"]["runtime"] == runtime
    venv.create(tmp_path / "alone", with_pip=True)
    python = str(tmp_path / "alone" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    subprocess.run([*install, str(bundle / "requirements.txt")], check=True, capture_output=True)
    data = np.load(DIGITS / "data" / "eval.npz")
    assert not {"autoedge", "onnx"} & _installed(python)
    output = tmp_path / "answers.npz"
    command = [python, str(bundle / "run.py"), "--input", str(DIGITS / "data" / "eval.npz"), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    share = float((np.load(output)["classes"] == data["y"]).mean())
    assert share == pytest.approx(record["result"]["metrics"]["accuracy"]["value"], abs=1e-9)


def _installed(python: str) -> set[str]:
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True)
    return {package["name"] for package in json.loads(listed.stdout)}
