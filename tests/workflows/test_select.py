"""``select`` from end to end, in this process, on small real models."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import autoedge
from autoedge.measurement import Phase
from autoedge.store.store import Store
from autoedge.workflows.events import Measured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Intent = Callable[..., Path]


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))


def test_the_whole_line(place: Path, write_intent: Intent) -> None:
    """One intent gives a front, a met verdict from fresh processes, and a bundle that runs without AutoEdge."""
    selection = autoedge.select(write_intent(), out=place / "run")
    assert selection.outcome == "met"
    assert selection.exit_code == 0
    assert selection.chosen["n_processes"] >= 6
    assert selection.chosen["phase"] == "confirm"
    assert all(decision["outcome"] == "met" for decision in selection.chosen["decisions"])
    assert selection.front["chosen"].sum() == 1
    assert selection.front["reference"].sum() == 1
    code = "import runpy, sys; sys.modules['autoedge'] = None; sys.path[0] = sys.argv[1].rpartition('/')[0];"
    code += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(selection.bundle / "run.py")
    command = [sys.executable, "-c", code, script, "--input", str(place / "eval.npz"), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert ran.returncode == 0, ran.stderr


def test_the_files_of_a_run(place: Path, write_intent: Intent) -> None:
    """Every file that the design names is there and tells the same story."""
    selection = autoedge.select(write_intent(), out=place / "run")
    run = place / "run"
    verdict = json.loads((run / "verdict.json").read_text())
    front = json.loads((run / "front.json").read_text())
    table = pd.read_csv(run / "front.csv")
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    rows = Store(run / "study.db").measurements()
    assert verdict["schema_version"] == front["schema_version"] == 1
    assert verdict["chosen"]["candidate_id"] == table.loc[table["chosen"], "candidate_id"].item()
    assert {row["candidate_id"] for row in front["rows"]} == set(table["candidate_id"])
    assert len(history) == len(rows) == verdict["used"]["measurements"]
    assert (run / "intent.resolved.yaml").exists()
    assert all((run / row.raw).exists() for row in rows if row.ok)
    estimated = table[[name for name in table if name.endswith("_source") and "energy" in name]]
    assert (estimated == "estimated").all(axis=None)
    assert selection.verdict == json.loads(json.dumps(verdict))


def test_a_finished_run_measures_nothing_again(place: Path, write_intent: Intent) -> None:
    """The same command on a finished run decides the same from what is stored."""
    first = autoedge.select(write_intent(), out=place / "run")
    events: list[Any] = []
    second = autoedge.select(write_intent(), out=place / "run", on_event=events.append)
    assert not [event for event in events if isinstance(event, Measured)]
    assert second.chosen == first.chosen
    assert (first.bundle / "bundle.json").read_bytes() == (second.bundle / "bundle.json").read_bytes()


def test_changed_constraints_decide_anew(place: Path, write_intent: Intent) -> None:
    """Other constraints over the same space reuse every baseline and search row; at most confirm rounds are new."""
    autoedge.select(write_intent(), out=place / "run")
    before = {(row.candidate_id, row.phase, row.replicate) for row in Store(place / "run" / "study.db").measurements()}
    changed = write_intent(constraints="[accuracy >= 80 %]", budget="{measurements: 60}", prefer="{latency_p50: 1}")
    autoedge.select(changed, out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    after = [(row.candidate_id, row.phase, row.session, row.replicate) for row in rows]
    assert len(after) == len(set(after))
    assert before <= {(name, phase, replicate) for name, phase, _, replicate in after}


def test_another_protocol_is_measured_anew(place: Path, write_intent: Intent) -> None:
    """Rows of another protocol never count: the budget and the front start afresh."""
    autoedge.select(write_intent(), out=place / "run")
    longer = write_intent(protocol="{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.03 s}")
    selection = autoedge.select(longer, out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    protocols = {row.protocol_id for row in rows}
    assert len(protocols) == 2
    assert selection.verdict["used"]["measurements"] < len(rows)


def test_budget_covers_everything(place: Path, write_intent: Intent) -> None:
    """Baselines, search and confirm together never take more processes than the budget."""
    selection = autoedge.select(write_intent(budget="{measurements: 20}"), out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    assert len(rows) <= 20
    assert selection.verdict["used"]["measurements"] == len(rows)
    assert sum(row.phase is Phase.CONFIRM for row in rows) >= 12


def test_finalists_are_measured_afresh(place: Path, write_intent: Intent) -> None:
    """Reported figures of the chosen candidate rest on confirm processes alone, not on the run that found it."""
    selection = autoedge.select(write_intent(), out=place / "run")
    rows = [
        row
        for row in Store(place / "run" / "study.db").measurements()
        if row.candidate_id == selection.chosen["candidate_id"] and row.phase is Phase.CONFIRM
    ]
    values = [row.metrics["latency_p50_ms"].value for row in rows]
    assert selection.chosen["metrics"]["latency_p50_ms"]["value"] == pytest.approx(np.exp(np.mean(np.log(values))))


def test_accuracy_is_measured_once_a_variant(place: Path, write_intent: Intent) -> None:
    """Candidates that share variant and graph level probe instead of evaluating again, and have the same accuracy."""
    autoedge.select(write_intent(), out=place / "run")
    rows = [row for row in Store(place / "run" / "study.db").measurements() if row.ok]
    files: dict[str, set[float]] = {}
    for row in rows:
        files.setdefault(row.details["scores"], set()).add(row.metrics["accuracy"].value)
    assert all(len(values) == 1 for values in files.values())
    assert [row.details["evaluated"] for row in rows].count("probe") > len(rows) / 2


def test_unlabelled_data_gives_agreement(place: Path, write_intent: Intent) -> None:
    """Without labels quality is agreement with the reference, which agrees with itself."""
    with np.load(place / "eval.npz") as data:
        np.savez(place / "eval.npz", x=data["x"])
    selection = autoedge.select(
        write_intent(
            constraints="[agreement >= 90 %, size <= 50 % of baseline]", objectives="[latency_p50, agreement]"
        ),
        out=place / "run",
    )
    assert selection.verdict["reference"]["metrics"]["agreement"]["value"] == 1.0
    assert "accuracy" not in selection.chosen["metrics"]


def test_without_data_lossy_variants_are_left_out(place: Path, write_intent: Intent) -> None:
    """Without data there is no quality and nothing lossy, and the plan says why."""
    selection = autoedge.select(
        write_intent(data=None, constraints="[size <= 50 % of baseline]", objectives="[latency_p50, size]"),
        out=place / "run",
    )
    assert {"accuracy", "agreement"}.isdisjoint(selection.chosen["metrics"])
    assert selection.chosen["configuration"]["recipe"] == {"precision": "fp32"}
    assert any("lossy: allow" in left["reason"] for left in selection.verdict["left_out"])


@pytest.mark.parametrize("strategy", ["surrogate", "tpe", "nsga2", "random", "exhaustive"])
def test_every_strategy_runs(place: Path, write_intent: Intent, strategy: str) -> None:
    """Every strategy proposes distinct candidates of the space and ends with a verdict."""
    search = f"{{strategy: {strategy}, seed: 1, knobs: {{threads: [1], arena: ['on']}}}}"
    selection = autoedge.select(write_intent(search=search), out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    searched = [row.candidate_id for row in rows if row.phase is Phase.SEARCH]
    assert len(searched) == len(set(searched))
    assert selection.outcome in ("met", "undecided")


def test_several_processes_a_result(place: Path, write_intent: Intent) -> None:
    """A protocol of two processes a result measures every searched candidate twice."""
    protocol = "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, processes: 2}"
    autoedge.select(write_intent(protocol=protocol, budget="{measurements: 40}"), out=place / "run")
    rows = [row for row in Store(place / "run" / "study.db").measurements() if row.phase is Phase.SEARCH]
    counts = {name: sum(row.candidate_id == name for row in rows) for name in {row.candidate_id for row in rows}}
    assert counts
    assert set(counts.values()) == {2}
