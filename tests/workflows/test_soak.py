"""``autoedge soak`` and sustained limits, from the command line to the files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.errors import IntentError, StoreError
from autoedge.measurement import Phase, Source
from autoedge.store.store import Store
from autoedge.targets.base import Target
from autoedge.workflows import soak as soaking
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.soak_subject import subject_of
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.agent.frames import Frame

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


@pytest.fixture
def here(environment: dict[str, str], place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process runs in the folder of the test, with its environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place)
    return place


def _soaked(*arguments: str | Path, minutes: str = "0.01") -> int:
    return run(["soak", "--minutes", minutes, *map(str, arguments)])


def _strictly(file: Path) -> dict[str, Any]:
    """A JSON file that holds no NaN and no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    document: dict[str, Any] = json.loads(file.read_text(), parse_constant=refuse)
    return document


@pytest.mark.parametrize(("limits", "codes"), [(None, (1, 4)), ("{memory: 1 MiB}", (1,))])
def test_a_reply_stays_until_it_is_stored(
    here: Path, write_intent: Intent, limits: str | None, codes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device drops its reply, also of a failed soak, once the report is written and no sooner."""
    kept = here / "kept"
    kept.mkdir()
    temporary = SimpleNamespace(TemporaryDirectory=lambda **_: nullcontext(str(kept)))
    monkeypatch.setattr(soaking, "tempfile", temporary)
    intent = write_intent(limits=limits)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(soaking, "write_whole", full)
        assert _soaked("--intent", intent, "--out", here / "lost") == 5
    assert len(list(kept.rglob("*.reply"))) == 1
    assert _soaked("--intent", intent, "--out", here / "stored") in codes
    assert len(list(kept.rglob("*.reply"))) == 1  # of the soak before
    assert len((next(kept.rglob("finished.jsonl"))).read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda reply: reply.body["done"]["soak"].update(calls=float("inf")),
        lambda reply: reply.body["done"]["soak"].update(end_ns=10**400),
        lambda reply: reply.body["done"]["soak"].update(cpu_s=float("nan")),
        lambda reply: reply.body.update(conditions={"before": 7}),
    ],
)
def test_a_reply_that_makes_no_sense(
    here: Path,
    write_intent: Intent,
    spoil: Callable[[Frame], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever a device makes up, the soak failed: the report says why, there are no series, and the exit code is 3."""
    honest = Target.run

    def lied(self: Target, *arguments: Any) -> Frame:
        reply = honest(self, *arguments)
        spoil(reply)
        return reply

    monkeypatch.setattr(Target, "run", lied)
    assert _soaked("--intent", write_intent(), "--out", here / "s") == 3
    assert "makes no sense" in capsys.readouterr().err
    document = _strictly(here / "s" / "soak.json")
    assert document["behaviour"] == "failed"
    assert "makes no sense" in document["reasons"][0]
    assert not (here / "s" / "soak.npz").exists()


@pytest.mark.parametrize("there", ["soak.json", "soak.npz"])
def test_a_soak_is_never_overwritten(
    here: Path, write_intent: Intent, there: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds a soak is refused before anything is measured, with what to do, and stays as it is."""
    (here / "s").mkdir()
    (here / "s" / there).write_text("earlier")
    assert _soaked("--intent", write_intent(), "--out", here / "s") == 2
    said = capsys.readouterr().err
    assert "holds a soak already; name another folder with --out" in said
    assert "cold start" not in said
    assert (here / "s" / there).read_text() == "earlier"


def test_one_soak_at_a_time_in_a_folder(here: Path, write_intent: Intent, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that another soak is to write to is refused too."""
    with RunFolder(here / "s").locked():
        assert _soaked("--intent", write_intent(), "--out", here / "s") == 5
    assert "--out" in capsys.readouterr().err


def test_folders_of_one_second_differ(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soaks of one name that begin within a second get a folder each."""
    monkeypatch.setattr(soaking, "time", SimpleNamespace(strftime=lambda _: "now"))
    subject: Any = SimpleNamespace(name="small", about={"run": str(here)})
    folders = []
    for _ in range(3):
        with soaking._results(subject, None) as folder:
            folders.append(folder)
    assert folders == [here / "soaks" / name for name in ("small-now", "small-now-2", "small-now-3")]


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "1441"])
def test_minutes_are_a_number(
    here: Path, write_intent: Intent, minutes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no length of time, or more than a day, is refused before anything is looked for; by the library too."""
    assert _soaked("--intent", write_intent(), minutes=minutes) == 2
    assert "--minutes" in capsys.readouterr().err
    subject: Any = None
    if minutes != "1441":
        with pytest.raises(IntentError, match="a soak lasts more than 0 minutes, but got"):
            soaking.soak(subject, float(minutes))
    assert not (here / "soaks").exists()


def test_an_estimate_is_not_told_as_measured(here: Path, write_intent: Intent, declare_in: Callable[..., Path]) -> None:
    """Without a meter the power of the moment, the timeline and the series say that they are estimated."""
    targets = declare_in(here, board={"meter": {"type": "estimate", "idle_w": 2, "max_w": 6}})
    states: list[soaking.SoakState] = []
    soaked = soaking.soak(
        subject_of(intent=write_intent()), 0.04, target="board", targets=targets, on_state=states.append
    )
    powered = [state for state in states if state.tick is not None and state.tick.power_w is not None]
    assert powered
    assert {state.power_source for state in powered} == {Source.ESTIMATED}
    assert soaked.document["timeline"]["power_source"] == "estimated"
    with np.load(soaked.folder / "soak.npz") as series:
        assert str(series["power0_source"]) == "estimated"
