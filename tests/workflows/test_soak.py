"""``autoedge soak`` and sustained limits, from the command line to the files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.errors import IntentError, StoreError
from autoedge.measurement import Phase
from autoedge.store.store import Store
from autoedge.workflows.soak_subject import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Intent = Callable[..., Path]

TWO_S = "0.04"
SUSTAINED = "[latency_p95 sustained <= 10 s, size <= 50 % of baseline]"
QUICK = "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, latency_calls: 64, soak_seconds: 1 s}"


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The machine's lock is this test's own."""
    return {**environment, "TMPDIR": str(tmp_path)}


def _only(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """The one soak below a folder."""
    [found] = folder.glob("*/soak.json")
    with np.load(found.parent / "soak.npz") as series:
        return json.loads(found.read_text()), dict(series)


def test_the_reference_of_an_intent(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Without a run the reference is soaked: report, raw series and a word for it, which is the exit code."""
    ran = autoedge("soak", "--minutes", TWO_S, "--intent", write_intent())
    document, series = _only(place / "soaks")
    codes = {"steady": 0, "slowed down": 1, "throttled": 1, "not settled": 4}
    assert ran.returncode == codes[document["behaviour"]], ran.stderr
    assert document["behaviour"] in ran.stdout
    assert "last third" in ran.stdout
    assert " s left" in ran.stderr
    assert document["candidate"]["configuration"]["model"] == "large"
    assert document["inputs"] == "evaluation data"
    assert document["seconds"] == pytest.approx(2.4, abs=1)
    assert len(series["duration_ns"]) == document["calls"]
    assert document["figures"]["latency_p50_ms"]["sustained"]["value"] > 0
    assert len(document["timeline"]["time_s"]) == len(document["timeline"]["latency_ms"])


def test_sustained_limits_are_decided_by_soaks(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """Finalists are soaked once, the verdict tells their sustained figure, and candidates of the run can be soaked."""
    intent = write_intent(constraints=SUSTAINED, protocol=QUICK, budget="{measurements: 20}")
    ran = autoedge("select", "--intent", intent, "--json", "v.json")
    assert ran.returncode == 0, ran.stderr
    verdict = json.loads((place / "v.json").read_text())
    [decided] = [one for one in verdict["chosen"]["decisions"] if one["metric"] == "latency_p95_sustained_ms"]
    assert decided["outcome"] == "met"
    assert decided["figure"]["source"] == "measured"
    assert "latency_p95_sustained_ms" in verdict["chosen"]["metrics"]
    assert verdict["used"]["measurements"] <= 20
    store = Store(place / "runs" / "small" / "study.db")
    soaks = [row for row in store.measurements() if row.phase is Phase.SOAK]
    store.close()
    assert verdict["chosen"]["candidate_id"] in {row.candidate_id for row in soaks}
    assert len(soaks) == len({row.candidate_id for row in soaks})
    assert all((place / "runs" / "small" / row.raw).is_file() for row in soaks)

    again = autoedge("select", "--intent", intent, "--json", "again.json")
    assert again.returncode == 0, again.stderr
    assert json.loads((place / "again.json").read_text())["used"]["measurements"] == verdict["used"]["measurements"]

    run = place / "runs" / "small"
    chosen = autoedge("soak", "--minutes", TWO_S, "--run", run, "--json")
    document, _ = _only(run / "soaks")
    assert json.loads(chosen.stdout) == document
    assert document["candidate"]["candidate_id"] == verdict["chosen"]["candidate_id"]
    reference = verdict["reference"]["candidate_id"]
    autoedge("soak", "--minutes", TWO_S, "--run", run, "--candidate", reference, "--out", place / "other")
    other = json.loads((place / "other" / "soak.json").read_text())
    assert other["candidate"]["candidate_id"] == reference
    autoedge("soak", "--minutes", TWO_S, "--bundle", run / "bundle", "--out", place / "bundled")
    bundled = json.loads((place / "bundled" / "soak.json").read_text())
    assert bundled["candidate"]["configuration"] == document["candidate"]["configuration"]
    assert bundled["inputs"] == "generated"


def test_a_sustained_limit_against_the_baseline(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A limit relative to the baseline soaks the reference too; one that nothing keeps is not met."""
    intent = write_intent(
        constraints="[latency_p50 sustained <= 0.001 % of baseline]", protocol=QUICK, budget="{measurements: 19}"
    )
    ran = autoedge("select", "--intent", intent, "--json", "v.json")
    assert ran.returncode == 1, ran.stderr
    verdict = json.loads((place / "v.json").read_text())
    [decided] = verdict["chosen"]["decisions"]
    assert decided["outcome"] == "not met"
    store = Store(place / "runs" / "small" / "study.db")
    soaked = {row.candidate_id for row in store.measurements() if row.phase is Phase.SOAK}
    store.close()
    assert verdict["reference"]["candidate_id"] in soaked


def test_ctrl_c_keeps_what_was_measured(place: Path, write_intent: Intent, environment: dict[str, str]) -> None:
    """Ctrl-C ends a soak of an hour with what it has: files, a report and exit code 130."""
    command = [sys.executable, "-m", "autoedge_cli.main", "soak", "--minutes", "60", "--intent", str(write_intent())]
    process = subprocess.Popen(
        command, env=environment, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "soak:" in line:
            break
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    os.kill(process.pid, signal.SIGINT)
    said, complained = process.communicate(timeout=60)
    assert process.returncode == 130, complained
    document, series = _only(place / "soaks")
    assert document["interrupted"]
    assert 1 < document["seconds"] < 600
    assert len(series["duration_ns"]) > 0
    assert "(interrupted)" in said
    assert "Traceback" not in complained


def test_ctrl_c_before_there_is_anything(place: Path, write_intent: Intent, environment: dict[str, str]) -> None:
    """Ctrl-C before the first call ends with 130 and a word, and leaves no report."""
    command = [sys.executable, "-m", "autoedge_cli.main", "soak", "--minutes", "60", "--intent", str(write_intent())]
    process = subprocess.Popen(
        command, env=environment, cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # the worker's first phase
    os.kill(process.pid, signal.SIGINT)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 130, complained
    assert not list(place.glob("soaks/*/soak.json")) or _only(place / "soaks")[0]["interrupted"]
    assert "Traceback" not in complained


def test_what_cannot_be_soaked(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """One subject, and one that exists: everything else is refused with what to do."""
    for arguments, code, said in (
        (("--minutes", "1"), 2, "--run FOLDER, --bundle FOLDER or --intent FILE"),
        (("--minutes", "0", "--intent", write_intent()), 2, "--minutes"),
        (("--intent", write_intent(), "--candidate", "x"), 2, "give --run too"),
        (("--run", place / "nothing"), 5, "holds no run"),
        (("--bundle", place / "nothing"), 2, "bundle"),
        (("--intent", write_intent(), "--target", "unheard-of"), 2, "unheard-of"),
    ):
        ran = autoedge("soak", *arguments)
        assert ran.returncode == code, ran.stderr
        assert said in ran.stderr


def test_subjects_are_one_of_three(tmp_path: Path) -> None:
    """A soak is of one thing."""
    with pytest.raises(IntentError, match="of one thing"):
        subject_of(run=tmp_path, intent=tmp_path)
    with pytest.raises(StoreError, match="holds no run"):
        subject_of(run=tmp_path)


def test_a_candidate_that_fails(place: Path, write_intent: Intent, autoedge: Command) -> None:
    """A candidate that needs more memory than it may have fails, with the reason in the report and exit code 1."""
    ran = autoedge("soak", "--minutes", TWO_S, "--intent", write_intent(limits="{memory: 1 MiB}"))
    assert ran.returncode == 1, ran.stderr
    [found] = place.glob("soaks/*/soak.json")
    document = json.loads(found.read_text())
    assert document["behaviour"] == "failed"
    assert "limits.memory" in document["reasons"][0]
    assert "limits.memory" in ran.stdout
