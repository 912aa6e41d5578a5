"""``autoedge report``: the files that people read, from a real run, and again from what it left."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import autoedge
from autoedge.errors import StoreError
from autoedge.store.store import Store
from autoedge.workflows.report import report

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

FILES = ("report.html", "report.md", "front.csv", "front.json")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Callable[..., Path]
) -> Path:
    """A folder with models, data, an intent and its finished run."""
    place = furnish(tmp_path_factory.mktemp("report"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
        patch.setenv("AUTOEDGE_TARGETS", str(place / "targets.yaml"))
        patch.setenv("AUTOEDGE_POWER_MODELS", str(place / "power"))
        autoedge.select(intent_in(place), out=place / "run")
    return place


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run, far from its models and data."""
    return shutil.copytree(finished / "run", tmp_path / "run")


def _texts(run: Path) -> dict[str, str]:
    return {name: (run / name).read_text(encoding="utf-8") for name in FILES}


def test_select_writes_the_reports(finished: Path) -> None:
    """A finished run holds the page and the text, which tell its outcome and its chosen candidate."""
    verdict = json.loads((finished / "run" / "verdict.json").read_text())
    chosen = verdict["chosen"]["candidate_id"].partition("@")[0]
    for name in ("report.html", "report.md"):
        text = (finished / "run" / name).read_text(encoding="utf-8")
        assert verdict["outcome"] in text
        assert chosen in text


def test_the_same_files_are_made_again(run: Path) -> None:
    """From the stored run alone, without models, data or target, every file comes out as it was."""
    before = _texts(run)
    for name in FILES:
        (run / name).unlink()
    report(run)
    assert _texts(run) == before


def test_the_document_holds_what_was_measured(run: Path) -> None:
    """Every explored candidate, every process, the protocol and the device are in it, and it is strict JSON."""
    document = report(run)
    verdict = document["verdict"]
    assert document["schema_version"] == 1
    assert len(document["candidates"]) == verdict["used"]["explored"]
    assert document["candidates"][0]["candidate_id"] == verdict["chosen"]["candidate_id"]
    assert document["history"]["points"][-1]["n"] == verdict["used"]["measurements"]
    assert [one["phase"] for one in document["history"]["phases"]] == ["baseline", "search", "confirm"]
    about = document["surroundings"]
    assert about["targets"][0]["runtimes"]
    assert about["protocols"][verdict["protocol"]]["latency_calls"] == 64
    assert json.loads(json.dumps(document, allow_nan=False))["verdict"] == json.loads(
        (run / "verdict.json").read_text()
    )


def test_a_relative_limit_lies_where_the_reference_puts_it(run: Path) -> None:
    """On the metric's own axis a share of the baseline is a share of the reference's figure."""
    document = report(run)
    limits = {one["metric"]: one for one in document["limits"]}
    reference = document["verdict"]["reference"]["metrics"]["size_mib"]["value"]
    assert limits["size_mib"]["value"] == pytest.approx(reference / 2)
    assert limits["size_mib"]["refused"] == "above"
    assert limits["accuracy"] | {"value": 0.9, "refused": "below"} == limits["accuracy"]


def test_an_older_run_is_stood_again(finished: Path, tmp_path: Path) -> None:
    """A run that did not keep how its candidates stand gets the same report while its models and data are there."""
    run = shutil.copytree(finished / "run", tmp_path / "run")
    store = Store(run / "study.db")
    store.set_fact("standings", None)
    store.close()
    before = _texts(run)
    report(run)
    assert _texts(run) == before


def test_the_chosen_one_leads_an_older_run_too(finished: Path, tmp_path: Path) -> None:
    """What was confirmed may look worse than a lucky single measurement: the front is headed by what was chosen."""
    run = shutil.copytree(finished / "run", tmp_path / "run")
    verdict = json.loads((run / "verdict.json").read_text())
    last = json.loads((run / "front.json").read_text())["rows"][-1]
    (run / "verdict.json").write_text(json.dumps(verdict | {"chosen": last}))
    store = Store(run / "study.db")
    store.set_fact("standings", None)
    store.close()
    report(run)
    assert json.loads((run / "front.json").read_text())["rows"][0]["candidate_id"] == last["candidate_id"]


def test_damaged_samples_leave_the_report(run: Path) -> None:
    """Raw files that are gone or make no sense cost a picture at most."""
    for path in (run / "raw").glob("*.npz"):
        path.write_bytes(b"no archive")
    assert report(run)["traces"] == []


def test_an_unfinished_run_has_no_report(run: Path, tmp_path: Path) -> None:
    """Without a verdict there is nothing to report, and nothing is made in a folder that holds no run."""
    (run / "verdict.json").unlink()
    with pytest.raises(StoreError, match="holds no finished run; run `autoedge select`"):
        report(run)
    with pytest.raises(StoreError, match="holds no finished run; name a run"):
        report(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_the_command_names_what_it_wrote(run: Path, autoedge: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """It lists the files; with --json it prints the document instead."""
    listed = autoedge("report", run)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.split() == [str(run / name) for name in FILES]
    printed = autoedge("report", run, "--json")
    document: dict[str, Any] = json.loads(printed.stdout)
    assert document["verdict"]["name"] == "small"
    assert autoedge("report", run / "raw").returncode == 5


@pytest.mark.parametrize("name", ["=1+1", "<img src=x onerror=alert(1)>", "a|b`c*d_", "\x1b[31mred"])
def test_hostile_names_stay_names(finished: Path, tmp_path: Path, name: str) -> None:
    """A model whose name is markup, a formula or a terminal code is shown as that name in every file."""
    run = shutil.copytree(finished / "run", tmp_path / "run")
    store = Store(run / "study.db")
    kept = store.fact("standings")
    verdict = json.loads((run / "verdict.json").read_text())
    for row in (*kept["rows"], verdict["chosen"], verdict["reference"]):
        row["configuration"]["model"] = name
    store.set_fact("standings", kept)
    store.close()
    (run / "verdict.json").write_text(json.dumps(verdict))
    report(run)
    texts = _texts(run)
    assert "<img src=x" not in texts["report.html"] + texts["report.md"]
    assert not any("\x1b" in text for text in texts.values())
    assert ",=1+1" not in texts["front.csv"]
