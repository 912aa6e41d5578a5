"""Bundles whose samples are prepared: the same answers from run.py alone as from the agent, and nothing believed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import build_bundle
from autoedge.deploy.read import read_bundle
from autoedge.errors import BundleError
from autoedge.intent.inputs import InputSpec
from autoedge.models.info import Tensor
from autoedge.models.model_inputs import ModelInputs
from autoedge.workflows.bundle import run_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec

ENTRY = InputSpec("image", "image", size=(4, 6), colour="RGB", scale=1 / 255, mean=(0.5, 0.4, 0.3), padding=9.0)
INPUT = Tensor("pixels", "float32", ("n", 3, "h", "w"))
# Answers must not come from the installed AutoEdge.
ALONE = """
import runpy, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("autoedge", "onnx", "psutil"):
            raise ImportError(name + " is not needed by a bundle")
sys.meta_path.insert(0, Wall())
folder, *sys.argv = sys.argv[1:]
sys.path.insert(0, folder)
runpy.run_path(folder + "/run.py", run_name="__main__")
"""


def run_alone(folder: Path, data: Path, cwd: Path) -> np.ndarray:
    """The scores that run.py prints in a Python without AutoEdge."""
    command = [sys.executable, "-I", "-B", "-c", ALONE, str(folder), "run.py", "--input", str(data), "--json"]
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return np.array(json.loads(ran.stdout)["scores"])


@pytest.fixture
def pooling(tmp_path: Path) -> Path:
    """A model that averages each channel of images of any size."""
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["pixels"], ["m"]), helper.make_node("Flatten", ["m"], ["scores"])],
        "pooling",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3])],
    )
    path = tmp_path / "pooling.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def prepared_spec(spec: BundleSpec, pooling: Path) -> BundleSpec:
    """A candidate that takes images of 6 x 6 pixels, three at a time."""
    knobs = {"batch": 3, "threads": 1, "image_size": 6}
    candidate = Candidate(Configuration("pooling", {"precision": "fp32"}, "onnxruntime", knobs), "local")
    return replace(
        spec,
        candidate=candidate,
        result=replace(spec.result, candidate_id=candidate.candidate_id),
        model_file=pooling,
        model_hash=hashlib.sha256(pooling.read_bytes()).hexdigest(),
        inputs=(INPUT,),
        outputs=(Tensor("scores", "float32", ("n", 3)),),
        preprocessing=ModelInputs((INPUT,), (ENTRY,)).record(knobs, 3),
    )


@pytest.fixture
def bundle(prepared_spec: BundleSpec, tmp_path: Path) -> Path:
    """Its bundle."""
    build_bundle(prepared_spec, tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four images of different sizes."""
    (tmp_path / "pictures").mkdir()
    generator = np.random.default_rng(0)
    for number in range(4):
        pixels = generator.integers(0, 256, (5 + number, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path / "pictures"


def test_run_py_prepares_as_the_agent_does(
    bundle: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of images gives the same scores from run.py alone as from AutoEdge's agent, an image its own row."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path / "cache"))
    scores = run_bundle(bundle, pictures)["scores"]
    alone = run_alone(bundle, pictures, tmp_path)
    assert alone.shape == (4, 3)
    np.testing.assert_array_equal(alone.astype(np.float32), scores)
    np.testing.assert_array_equal(run_alone(bundle, pictures / "2.png", tmp_path), alone[2:3])


def test_arrays_are_prepared_too(bundle: Path, pictures: Path, tmp_path: Path) -> None:
    """Pixels in an npz file give what the image gives."""
    np.savez(tmp_path / "x.npz", x=np.asarray(Image.open(pictures / "1.png"))[np.newaxis])
    np.testing.assert_array_equal(
        run_alone(bundle, tmp_path / "x.npz", tmp_path), run_alone(bundle, pictures / "1.png", tmp_path)
    )


def test_the_bundle_says_how(bundle: Path) -> None:
    """bundle.json holds the steps of the chosen size, its knob and the shape of a call; pip installs Pillow."""
    read = read_bundle(bundle)
    assert read.preprocessing is not None
    assert read.preprocessing["steps"]["pixels"]["size"] == [6, 6]
    assert (read.preprocessing["knobs"], read.preprocessing["shapes"]) == (["image_size"], {"pixels": [3, 3, 6, 6]})
    assert "pillow" in (bundle / "requirements.txt").read_text(encoding="utf-8")


def test_older_bundles_are_read(spec: BundleSpec, tmp_path: Path) -> None:
    """A bundle of a release that knew no preprocessing has none, and needs no Pillow."""
    build_bundle(spec, tmp_path / "old")
    manifest = json.loads((tmp_path / "old" / "bundle.json").read_text(encoding="utf-8"))
    del manifest["preprocessing"]
    for tensor in (*manifest["inputs"], *manifest["outputs"]):
        del tensor["scale"], tensor["zero_point"]
    (tmp_path / "old" / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert read_bundle(tmp_path / "old").preprocessing is None
    assert "pillow" not in (tmp_path / "old" / "requirements.txt").read_text(encoding="utf-8")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 2, 4), np.float32))
    assert run_alone(tmp_path / "old", tmp_path / "x.npz", tmp_path).shape == (1, 3)


def _steps(**changes: Any) -> Callable[[Any], None]:
    return lambda record: record["steps"]["pixels"].update(changes)


@pytest.mark.parametrize(
    "spoil",
    [
        _steps(size=[10**6, 10**6]),
        _steps(kind="sound"),
        _steps(of="elsewhere"),
        _steps(evil=1),
        lambda record: record["steps"].update(other={"kind": "image"}),
        lambda record: record["knobs"].append("batches"),
        lambda record: record["shapes"].update(pixels=[0, 1]),
        lambda record: record["shapes"].update(pixels=[1] * 99),
        lambda record: record.update(code="import os"),
    ],
)
def test_nothing_of_it_is_believed(bundle: Path, spoil: Callable[[Any], None]) -> None:
    """A bundle.json whose preprocessing is nonsense is no bundle."""
    manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    spoil(manifest["preprocessing"])
    (bundle / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match="preprocessing"):
        read_bundle(bundle)
