"""The whole command's work: candidates from a spec, once, by code that is trusted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest

from autoedge.compress import record
from autoedge.errors import IntentError, ModelError
from autoedge.workflows.compress import CompressState, compress

if TYPE_CHECKING:
    from collections.abc import Callable

    Written = Callable[..., Path]

DISTIL = "{kind: distil, student: 'nets:small', epochs: 4, batch: 8, rate: 0.05}"
ALL = (
    "{kind: prune, ratio: [0.5, 0.95], epochs: 2, batch: 8, rate: 0.01, alpha: 0.5}",
    DISTIL,
    "{kind: qat, epochs: 1, batch: 8}",
    "{kind: distil, student: 'nets:picky', epochs: 1}",
)


def accuracy(path: Path, data: Path) -> float:
    """Share of samples that ONNX Runtime gets right, one sample a call."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    samples = np.load(data)
    scores = [session.run(["scores"], {"image": x[None]})[0] for x in samples["x"]]
    return float((np.concatenate(scores).argmax(1) == samples["y"]).mean())


def test_candidates_are_made_once(written: Written, folder: Path) -> None:
    """Each step gives a file that runs, with its own holdout figure; what fails does not end the others.

    A second call trains only what failed, a changed net or file makes all anew, and a stranger's file is not replaced.
    """
    spec, out, said = written(*ALL), folder / "out", list[CompressState]()
    document = compress(spec, out, trust=[folder.parent], on_state=said.append)
    made = {one["name"]: one for one in document["candidates"]}
    assert list(made) == ["tiny-prune-50", "tiny-distil-small", "tiny-qat"]
    for name, one in made.items():
        assert one["path"] == f"out/{name}.onnx"
        assert one["holdout"] == pytest.approx(accuracy(out / f"{name}.onnx", folder / "holdout.npz"))
        assert one["size_bytes"] == (out / f"{name}.onnx").stat().st_size
        assert not one["reused"]
    assert [one["precision"] for one in made.values()] == ["fp32", "fp32", "int8"]
    assert made["tiny-prune-50"]["parameters"] < made["tiny-prune-50"]["given_parameters"]
    assert made["tiny-prune-50"]["macs"] * 2 < made["tiny-qat"]["macs"]
    assert made["tiny-distil-small"]["holdout"] > 0.9
    failed = {one["name"]: one["reason"] for one in document["failed"]}
    assert list(failed) == ["tiny-prune-95", "tiny-distil-picky"]
    assert "leaves none of the 8" in failed["tiny-prune-95"]
    assert failed["tiny-distil-picky"] == "training failed: ValueError: too many samples"
    assert [state.epoch for state in said if state.candidate == "tiny-distil-small" and state.epoch] == [1, 2, 3, 4]
    assert sorted(path.name for path in out.glob("*.onnx")) == sorted(f"{name}.onnx" for name in made)
    assert not list(out.glob(".new-*"))

    before = (out / "tiny-distil-small.onnx").read_bytes()
    said.clear()
    again = compress(written(DISTIL), out, trust=[folder], on_state=said.append)
    assert (again["candidates"][0]["reused"], said) == (True, [])
    (folder / "nets.py").write_text((folder / "nets.py").read_text() + "\n")
    anew = compress(written(DISTIL), out, trust=[folder])
    assert not anew["candidates"][0]["reused"]
    assert (out / "tiny-distil-small.onnx").read_bytes() == before  # one seed, one result
    (out / "tiny-distil-small.onnx").write_bytes(b"mine")
    with pytest.raises(IntentError, match=r"did not make, or that were changed since: tiny-distil-small\.onnx"):
        compress(written(DISTIL), out, trust=[folder])


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"seed": "1"}, "seed"),
        ({"threads": "2"}, "threads"),
        ({"model": "nets:small"}, "model"),
        ({"data": "{train: holdout.npz}"}, "train"),
    ],
)
def test_what_a_candidate_depends_on(written: Written, change: dict[str, str], key: str) -> None:
    """Another seed, model or file makes a candidate another one; its name alone does not."""
    from autoedge.compress.spec import load_spec

    one = load_spec(written(DISTIL))
    before = record.made_of(one, one.recipes[0])
    other = load_spec(written(DISTIL, **change))
    after = record.made_of(other, other.recipes[0])
    assert before[key] != after[key]
    renamed = load_spec(written(DISTIL, name="other"))
    assert record.made_of(renamed, renamed.recipes[0]) == before


@pytest.mark.parametrize(
    ("changed", "trusted", "said"),
    [
        ({"trust": "false"}, ["."], "only where the spec says trust: true"),
        ({}, [], "takes your word on the command line too"),
        ({}, ["elsewhere"], r"if you trust the code there, add --trust "),
    ],
)
def test_foreign_code_takes_two_words(
    written: Written, folder: Path, changed: dict[str, str], trusted: list[str], said: str
) -> None:
    """Without trust in the spec and on the command line, no line of the model's code runs."""
    (folder / "nets.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    with pytest.raises(IntentError, match=said):
        compress(written(DISTIL, **changed), folder / "out", trust=[folder / name for name in trusted])
    assert not (folder / "ran").exists()
    assert not (folder / "out").exists()


def test_without_pytorch(written: Written, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setattr(record, "PACKAGES", ("torch", "no-such-package"))
    with pytest.raises(IntentError, match=r"^compress takes no-such-package: pip install 'autoedge\[train\]'$"):
        compress(written(DISTIL), folder / "out", trust=[folder])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os, signal\n\ndef large():\n    os.kill(os.getpid(), signal.SIGSEGV)\n", "the training crashed"),
        ('def large():\n    print(\'{"event": "done"}\')\n    return 1\n', "a model is a torch.nn.Module"),
    ],
)
def test_code_that_misbehaves(written: Written, folder: Path, code: str, said: str) -> None:
    """What the model's code does to its process, or prints, costs nothing but a message."""
    (folder / "nets.py").write_text(code)
    with pytest.raises(ModelError, match=said):
        compress(written(DISTIL), folder / "out", trust=[folder])
    assert [path.name for path in (folder / "out").iterdir()] == [".lock"]


def test_an_interrupt_ends_it_and_keeps_what_is_finished(written: Written, folder: Path) -> None:
    """Ctrl-C ends the command with 130, nothing goes on behind it, and the same command makes only the rest."""
    spec = written(DISTIL, "{kind: qat, epochs: 100000, batch: 8}")
    out = folder / "out"
    command = [sys.executable, "-m", "autoedge_cli.main", "compress", "--spec", spec, "--out", out, "--trust", folder]
    places = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "cli")])
    environment = {**os.environ, "PYTHONPATH": places}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None and not (out / record.FILE).exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.endswith("what was finished is saved: the same command goes on from there\n")
    assert sorted(path.name for path in out.glob("*")) == [".lock", record.FILE, "tiny-distil-small.onnx"]
    entry: dict[str, Any] = json.loads((out / record.FILE).read_text())["candidates"]
    assert list(entry) == ["tiny-distil-small"]
    again = compress(written(DISTIL), out, trust=[folder])
    assert again["candidates"][0]["reused"]


def test_a_regression(written: Written, folder: Path) -> None:
    """A regression is trained on squared errors, which are what its holdout figure tells."""
    for name in ("train", "holdout"):
        x = np.load(folder / f"{name}.npz")["x"]
        np.savez(folder / f"{name}.npz", x=x, y=x.mean(axis=(1, 2, 3)))
    step = "{kind: prune, ratio: [0.5], epochs: 3, batch: 8, rate: 0.01}"
    document = compress(written(step, model="nets:values", task="regression"), folder / "out", trust=[folder])
    (made,) = document["candidates"]
    assert document["figure"] == "mse"
    session = ort.InferenceSession(folder / "out" / "tiny-prune-50.onnx", providers=["CPUExecutionProvider"])
    samples = np.load(folder / "holdout.npz")
    values = session.run(["values"], {"image": samples["x"]})[0][:, 0]
    assert made["holdout"] == pytest.approx(float(((values - samples["y"]) ** 2).mean()), rel=1e-3)
