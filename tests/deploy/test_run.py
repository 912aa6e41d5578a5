"""A bundle's run.py: by itself, without AutoEdge, and with the agent's answers."""

from __future__ import annotations

import importlib.util
import json
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.task import file_hash
from autoedge.deploy import template_run
from autoedge.deploy.bundle import build_bundle
from autoedge.errors import AutoEdgeError, BundleError, DataError
from autoedge.registry import places
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.deploy.bundle import BundleSpec

SAMPLES = 11

# Python as a user starts it (the program's folder first on the path), but where AutoEdge cannot be had.
ALONE = """
import runpy, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("autoedge", "onnx", "psutil"):
            raise ImportError(name + " is not needed by a bundle")
sys.meta_path.insert(0, Wall())
folder, *sys.argv = sys.argv[1:]
sys.path.insert(0, folder)
try:
    runpy.run_path(folder + "/run.py", run_name="__main__")
finally:
    assert not [name for name in sys.modules if name.split(".")[0] == "autoedge"]
"""


def run_alone(folder: Path, *arguments: object, cwd: Path, code: str = ALONE) -> subprocess.CompletedProcess[str]:
    """Start run.py in a Python of its own without AutoEdge, away from the checkout."""
    command = [sys.executable, "-I", "-B", "-c", code, str(folder), "run.py", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Samples in another shape and type than the model's, more than two batches of them."""
    x = np.random.default_rng(0).standard_normal((SAMPLES, 2, 4))
    np.savez(tmp_path / "x.npz", x=x, y=np.zeros(SAMPLES, np.int64))
    return tmp_path / "x.npz"


@pytest.fixture
def bundle(spec: BundleSpec, tmp_path: Path) -> Path:
    """A bundle with a free batch dimension."""
    build_bundle(spec, tmp_path / "bundle")
    return tmp_path / "bundle"


def agent_scores(spec: BundleSpec, data: Path, place: Path) -> np.ndarray:
    """What AutoEdge's agent gives for the same model, knobs and data."""
    zeros = ("warmup_seconds", "warmup_cap_seconds", "block_seconds", "latency_seconds", "cap_seconds")
    ones = ("warmup_calls", "block_calls", "latency_calls", "block_tolerance")
    knobs = dict(spec.candidate.configuration.knobs)
    job = {
        "runtime": "onnxruntime",
        "model": spec.model_hash,
        "data": file_hash(data),
        "batch": knobs.pop("batch"),
        "knobs": knobs,
        "seed": 0,
        "scores": spec.scores,
        "evaluate": "full",
        "tolerance": 0,
        "protocol": dict.fromkeys(zeros, 0) | dict.fromkeys(ones, 1),
        "limits": {"time_s": 60, "memory_mib": 4096},
        "key": {},
    }
    with LocalTarget(places("autoedge.runtimes"), blobs=place / "blobs", jobs=place / "jobs") as target:
        target.send_files({spec.model_hash: spec.model_file, file_hash(data): data})
        return target.run(job, {}).arrays["scores"]


def test_it_runs_without_autoedge_and_says_what_the_agent_says(
    spec: BundleSpec, bundle: Path, data: Path, tmp_path: Path
) -> None:
    """From another folder, with AutoEdge out of reach: the agent's scores to the last bit."""
    done = run_alone(bundle, "--input", data, "--output", tmp_path / "y.npz", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    scores = agent_scores(spec, data, tmp_path)
    assert scores.shape == (SAMPLES, 3)
    with np.load(tmp_path / "y.npz") as answers:
        np.testing.assert_array_equal(answers["scores"], scores)
        np.testing.assert_array_equal(answers["classes"], scores.argmax(axis=1))
    told = json.loads(done.stdout)
    assert told["classes"] == scores.argmax(axis=1).tolist()
    np.testing.assert_array_equal(np.array(told["scores"], np.float32), scores)


def test_compiled_files_that_were_slipped_in_are_not_run(bundle: Path, data: Path, tmp_path: Path) -> None:
    """What lies in __pycache__ is covered by no hash: run.py neither runs it nor leaves anything there."""
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'hacked')!r}, 'w')\nraise SystemExit(66)\n")
    for source in bundle.rglob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(source)))
        compiled.parent.mkdir(exist_ok=True)
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(evil), str(compiled), doraise=True, invalidation_mode=unchecked)
    before = sorted(bundle.rglob("*.pyc"))
    command = [sys.executable, str(bundle / "run.py"), "--input", str(data)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hacked").exists()
    assert sorted(bundle.rglob("*.pyc")) == before


def test_it_can_be_imported(bundle: Path, data: Path, tmp_path: Path) -> None:
    """``from run import load`` gives a function of arrays; by default a table of classes is printed."""
    code = ALONE.split("try:", maxsplit=1)[0] + (
        "import numpy as np; from run import load; predict = load()\n"
        "with np.load(sys.argv[1]) as data: print(predict({'x': data['x']})['classes'].tolist())\n"
        "assert 'autoedge' not in sys.modules"
    )
    imported = run_alone(bundle, data, cwd=tmp_path, code=code)
    assert imported.stderr == ""
    printed = run_alone(bundle, "--input", data, cwd=tmp_path)
    assert [int(line.split()[2].rstrip(",")) for line in printed.stdout.splitlines()] == json.loads(imported.stdout)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 9))}, "the model takes (1, 2, 4), the data have (9)"),
        ({"z": np.zeros((2, 2, 4))}, "needs 'x' (missing: pixels)"),
        ({"x": np.zeros((0, 2, 4))}, "at least one sample is needed"),
        ({"x": np.zeros((2, 2, 4), complex)}, "the model takes float32, but the data are complex128"),
    ],
)
def test_bad_data_are_told_in_one_line(
    bundle: Path, tmp_path: Path, arrays: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and a message that states both sides; no traceback."""
    np.savez(tmp_path / "bad.npz", **arrays)
    assert in_place(bundle, "--input", str(tmp_path / "bad.npz")) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def in_place(bundle: Path, *arguments: str) -> int:
    """The program's command line in this process, where it lies in AutoEdge, on a bundle's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(template_run.load, "__defaults__", (bundle,))
        return template_run.main(arguments)


def test_bad_files_are_told_in_one_line(bundle: Path, data: Path, tmp_path: Path) -> None:
    """A missing or hostile input, and a place where nothing can be written, end with exit code 2."""
    np.savez(tmp_path / "objects.npz", x=np.array([{}], object))
    (tmp_path / "text.npz").write_text("no zip")
    for wrong in ("none.npz", "objects.npz", "text.npz"):
        assert in_place(bundle, "--input", str(tmp_path / wrong)) == 2
    assert in_place(bundle, "--input", str(data), "--output", str(tmp_path / "no" / "y.npz")) == 2


def test_an_altered_model_is_not_run(bundle: Path, data: Path, tmp_path: Path) -> None:
    """The hash is checked before the runtime sees the file."""
    (bundle / "model.onnx").write_bytes(b"other")
    done = run_alone(bundle, "--input", data, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "model.onnx: is not the file that was bundled; copy the whole bundle again" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"files": {"model.onnx": 1}}', None])
def test_a_damaged_record_is_a_bundle_error(bundle: Path, record: str | None) -> None:
    """Whatever bundle.json holds, the message says to copy the bundle again."""
    (bundle / "bundle.json").unlink()
    if record is not None:
        (bundle / "bundle.json").write_text(record)
    with pytest.raises(BundleError, match="copy the whole bundle again"):
        template_run.load(bundle)


def test_another_runtime_version_is_a_warning(spec_of: Callable[..., BundleSpec], tmp_path: Path) -> None:
    """The model runs, but its figures were measured with another version."""
    build_bundle(spec_of(runtime_version="1.2.3"), tmp_path / "bundle")
    with pytest.warns(UserWarning, match=r"measured with onnxruntime 1\.2\.3, but .* is installed"):
        template_run.load(tmp_path / "bundle")


def test_a_missing_runtime_says_what_to_install(bundle: Path, data: Path, tmp_path: Path) -> None:
    """Before ``pip install`` the message is the command."""
    code = ALONE.replace('"psutil"', '"onnxruntime"').replace(
        "try:", "import importlib.metadata as m; m.distributions = lambda **_: iter(())\ntry:", 1
    )
    done = run_alone(bundle, "--input", data, cwd=tmp_path, code=code)
    assert done.returncode == 2
    assert done.stderr == "run.py: the runtime is not installed: pip install -r requirements.txt\n"


def test_a_fixed_batch_takes_any_number_of_samples(
    spec_of: Callable[..., BundleSpec], fixed_model_file: Path, tmp_path: Path
) -> None:
    """The last batch is filled and cut again, as the agent does; one sample or many give the same answers."""
    build_bundle(spec_of(fixed_model_file), tmp_path / "bundle")
    predict = template_run.load(tmp_path / "bundle")
    x = np.random.default_rng(0).standard_normal((SAMPLES, 2, 4)).astype(np.float32)
    many = predict({"x": x})
    assert many["scores"].shape == (SAMPLES, 3)
    single = np.concatenate([predict({"pixels": x[i : i + 1]})["scores"] for i in range(SAMPLES)])
    np.testing.assert_allclose(single, many["scores"], rtol=1e-6)


def test_without_scores_every_output_is_given(spec_of: Callable[..., BundleSpec], tmp_path: Path) -> None:
    """Where no output is known to hold scores, answers are the model's outputs by name."""
    build_bundle(spec_of(scores=None, data_hash=""), tmp_path / "bundle")
    outputs = template_run.load(tmp_path / "bundle")({"x": np.zeros((5, 2, 4), np.float32)})
    assert {name: array.shape for name, array in outputs.items()} == {"scores": (5, 3), "label": (5,)}


def test_scalars_and_strangers_are_data_errors(bundle: Path) -> None:
    """Arrays of the wrong kind are refused before the runtime sees them."""
    predict = template_run.load(bundle)
    with pytest.raises(DataError, match="first axis"):
        predict({"x": np.float32(1)})
    with pytest.raises(AutoEdgeError, match="missing: pixels"):
        predict({})
