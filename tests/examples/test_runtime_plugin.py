"""The worked example of a runtime as a plugin, installed by pip and measured by the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = "{preset: quick, warmup_seconds: 0.05 s, latency_seconds: 0.05 s, latency_calls: 64}"
SPACES = "space: [onnxruntime-cpu, onnx-reference]"
OF_ONNX_RUNTIME = ", graph_level: [all], arena: [on]"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the plugin is installed into."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLES / "runtime-plugin", folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture
def autoedge(site: Path, tmp_path: Path) -> Command:
    """Runs the command line where the plugin is installed."""

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        own = {"AUTOEDGE_CACHE": "cache", "XDG_STATE_HOME": "state", "AUTOEDGE_TARGETS": "targets.yaml"}
        environment = {**os.environ, **{name: str(tmp_path / place) for name, place in own.items()}}
        command = [sys.executable, "-m", "autoedge_cli.main", *map(str, arguments)]
        environment["PYTHONPATH"] = str(site)
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    return call


def _intent(folder: Path, space: str = SPACES) -> Path:
    """The example's intent with short measurements, in another folder."""
    text = (EXAMPLES / "runtime-plugin" / "intent.yaml").read_text()
    assert all(part in text for part in ("../digits/", "protocol: quick\n", SPACES, OF_ONNX_RUNTIME))
    text = text.replace("../digits/", f"{EXAMPLES}/digits/").replace("protocol: quick\n", f"protocol: {QUICK}\n")
    if space != SPACES:  # without ONNX Runtime there are none of its knobs to limit
        text = text.replace(SPACES, space).replace(OF_ONNX_RUNTIME, "")
    path = folder / "intent.yaml"
    path.write_text(text)
    return path


def test_select_measures_it_beside_onnx_runtime(autoedge: Command, tmp_path: Path) -> None:
    """Every candidate of both runtimes is measured, and both give the same accuracy for a model."""
    process = autoedge("select", "--intent", _intent(tmp_path), "--out", "run")
    assert process.returncode in (0, 4), process.stderr  # a noisy machine may leave a latency open
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    searched = [row for row in rows if row["phase"] == "search"]
    assert {row["status"] for row in searched} == {"ok"}
    told = {(row["configuration"]["model"], row["configuration"]["runtime"]) for row in searched}
    assert told == {(model, engine) for model in ("mlp", "conv-tiny") for engine in ("onnxruntime", "onnx-reference")}
    for model in ("mlp", "conv-tiny"):
        mine = [row for row in searched if row["configuration"]["model"] == model]
        assert len({round(row["metrics"]["accuracy"]["value"], 6) for row in mine}) == 1


def test_it_joins_the_default_space(autoedge: Command, tmp_path: Path) -> None:
    """Where the plugin is installed, `default` holds its space too, with threads up to the machine's cores."""
    planned = autoedge("space", "--intent", _intent(tmp_path, "space: default"), "--json")
    assert planned.returncode == 0, planned.stderr
    counts = {(each["model"], each["runtime"]): each["candidates"] for each in json.loads(planned.stdout)["by_model"]}
    assert counts["mlp", "onnx-reference"] == 2  # two batches, one thread
    assert counts["mlp", "onnxruntime"] > 2


def test_a_choice_that_cannot_be_bundled(autoedge: Command, tmp_path: Path) -> None:
    """Where the plugin's runtime wins there is a verdict and no bundle, not even an earlier one; a warning says why."""
    earlier = tmp_path / "run" / "bundle"
    earlier.mkdir(parents=True)
    (earlier / "bundle.json").write_text("{}")
    process = autoedge("select", "--intent", _intent(tmp_path, "space: onnx-reference"), "--out", "run")
    assert process.returncode in (0, 4), process.stderr
    assert "warning: there is no bundle: bundles are built for" in process.stderr
    assert "bundle verify" not in process.stdout
    assert not earlier.exists()
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert verdict["chosen"]["configuration"]["runtime"] == "onnx-reference"
    built = autoedge("bundle", "build", "run", "--candidate", verdict["chosen"]["candidate_id"])
    assert built.returncode == 2
    assert "the candidate runs on onnx-reference" in built.stderr


def test_what_the_plugin_refuses(autoedge: Command, tmp_path: Path) -> None:
    """A knob that the class does not know fails the measurement with the class's own words."""
    space = (EXAMPLES / "runtime-plugin" / "autoedge_onnx_reference" / "onnx-reference.yaml").read_text()
    (tmp_path / "more.yaml").write_text(f"{space}  speed:\n    levels: [slow]\n    default: slow\n")
    process = autoedge("select", "--intent", _intent(tmp_path, "space: more.yaml"), "--out", "run")
    assert process.returncode == 2
    assert "the reference evaluator has no knob speed; it has threads" in process.stderr
