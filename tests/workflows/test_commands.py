"""The command line from a newcomer's side: init, schema, space, show, bundle, interruption."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Intent
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """One finished run by the command line, and what it printed."""
    place = furnish(tmp_path_factory.mktemp("done"))
    command = [
        sys.executable,
        "-m",
        "autoedge_cli.main",
        "select",
        "--intent",
        str(intent_in(place)),
        "--json",
        "v.json",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=place, check=False)
    assert ran.returncode == 0, ran.stderr
    return place, ran


def test_init_writes_an_intent_that_runs(place: Path, autoedge: Command) -> None:
    """What init writes is accepted by space as it is, and never overwrites a file."""
    files = ["large.onnx", "small.onnx", "--evaluation", "eval.npz", "--calibration", "calib.npz"]
    assert autoedge("init", *files).returncode == 0
    planned = autoedge("space", "--intent", "intent.yaml", "--json")
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["candidates"] > 100
    before = (place / "intent.yaml").read_bytes()
    again = autoedge("init", *files)
    assert again.returncode == 2
    assert "--out" in again.stderr
    assert (place / "intent.yaml").read_bytes() == before


def test_the_schema_is_json(autoedge: Command) -> None:
    """The schema is a JSON Schema that knows the intent's keys."""
    schema = json.loads(autoedge("schema", "intent").stdout)
    assert {"models", "constraints", "budget", "search"} <= schema["properties"].keys()


def test_select_prints_everything_that_matters(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Front, verdict by constraint, rule, and where everything lies are on standard output; progress is not."""
    place, ran = done
    for part in ("met", "accuracy >= 90 %", "size <= 50 % of baseline", "knee", "front.csv", "runs/small"):
        assert part in ran.stdout, part
    assert "estimated" in ran.stdout
    assert json.loads((place / "v.json").read_text())["outcome"] == "met"


def test_show_tells_the_same_story(done: tuple[Path, subprocess.CompletedProcess[str]], autoedge: Command) -> None:
    """Show prints the stored verdict again; for one candidate, all its processes."""
    place, _ = done
    shown = autoedge("show", place / "runs" / "small", "--json")
    verdict = json.loads(shown.stdout)
    assert verdict == json.loads((place / "v.json").read_text())
    name = verdict["reference"]["candidate_id"]
    one = json.loads(autoedge("show", place / "runs" / "small", "--candidate", name[:6], "--json").stdout)
    assert one["candidate_id"] == name
    assert len(one["processes"]) >= 9
    missing = autoedge("show", place / "runs" / "small", "--candidate", "zzz")
    assert missing.returncode == 2
    assert "no measured candidate begins with 'zzz'" in missing.stderr
    nothing = autoedge("show", place / "nothing")
    assert nothing.returncode == 5
    assert "holds no finished run" in nothing.stderr


def test_bundle_commands(
    done: tuple[Path, subprocess.CompletedProcess[str]], autoedge: Command, tmp_path: Path
) -> None:
    """Another candidate's bundle carries its own verdict; bundles run samples; an altered one is exit 2."""
    place, _ = done
    run = place / "runs" / "small"
    reference = json.loads((place / "v.json").read_text())["reference"]["candidate_id"]
    out = tmp_path / "other"
    built = autoedge("bundle", "build", run, "--candidate", reference, "--out", out)
    assert built.returncode == 0, built.stderr
    assert json.loads((out / "bundle.json").read_text())["verdict"]["outcome"] == "not met"
    ran = autoedge(
        "bundle", "run", run / "bundle", "--input", place / "eval.npz", "--output", tmp_path / "y.npz", "--json"
    )
    classes = json.loads(ran.stdout)["classes"]
    with np.load(place / "eval.npz") as data, np.load(tmp_path / "y.npz") as written:
        assert np.mean(np.array(classes) == data["y"]) > 0.9
        np.testing.assert_array_equal(written["classes"], classes)
    altered = shutil.copytree(run / "bundle", tmp_path / "altered")
    (altered / "model.onnx").chmod(0o644)
    with (altered / "model.onnx").open("ab") as file:
        file.write(b"x")
    refused = autoedge("bundle", "verify", altered)
    assert refused.returncode == 2
    assert "model.onnx" in refused.stderr


def test_bundle_verify_measures_again(
    done: tuple[Path, subprocess.CompletedProcess[str]], autoedge: Command, tmp_path: Path
) -> None:
    """Verify ends with one of its three answers and shows both figures; accuracy agrees on the same data."""
    place, _ = done
    bundle = place / "runs" / "small" / "bundle"
    ran = autoedge("bundle", "verify", bundle, "--data", place / "eval.npz", "--json", tmp_path / "check.json")
    assert ran.returncode in (0, 1, 4), ran.stderr
    checks = {check["key"]: check for check in json.loads((tmp_path / "check.json").read_text())["checks"]}
    assert checks["accuracy"]["outcome"] == "inside"
    assert checks["size_mib"]["outcome"] == "inside"
    assert "latency_p50" in ran.stdout


@pytest.mark.parametrize("after", [0.1, 2.5, 5.0])
def test_ctrl_c_saves_the_state(place: Path, write_intent: Intent, environment: dict[str, str], after: float) -> None:
    """Ctrl-C ends the run with 130, a word about going on, and no traceback; the same command then finishes it."""
    command = [sys.executable, "-m", "autoedge_cli.main", "select", "--intent", str(write_intent())]
    process = subprocess.Popen(
        command, env=environment, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline()  # it has begun: before, an interrupt meets the interpreter's own start
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=30)
    assert process.returncode == 130, text
    assert "Traceback" not in text
    database = place / "runs" / "small" / "study.db"
    before = len(Store(database).measurements()) if database.exists() else 0
    again = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False)
    assert again.returncode in (0, 4), again.stderr
    rows = Store(database).measurements()
    assert len(rows) >= before
    assert len(rows) <= 26


def test_a_bug_is_70_and_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An error that nobody foresaw is exit 70, never 1, and the traceback lies where the message says."""
    from autoedge_cli import main

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def burst(**_: object) -> int:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(main.cli, "main", burst)
    assert main.run([]) == 70
    message = capsys.readouterr().err
    assert "bug" in message
    assert "nobody foresaw this" in Path(message.split()[-1]).read_text()
