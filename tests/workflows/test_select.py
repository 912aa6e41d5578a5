"""``select`` from end to end, in this process, on small real models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

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

    from autoedge.measurement import Measurement

    Intent = Callable[..., Path]


TWO_FINALISTS = "{measurements: 30, reserve: 60 %}"


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Intent) -> Finished:
    """One finished run that several tests look at, and none of them changes."""
    place = furnish(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
        return Finished(place, autoedge.select(intent_in(place, budget=TWO_FINALISTS), out=place / "run"))


class Finished(NamedTuple):
    """A folder with models, data, cache and a finished run, and what the run came to."""

    place: Path
    selection: autoedge.Selection

    @property
    def rows(self) -> list[Measurement]:
        """All that was measured."""
        return Store(self.place / "run" / "study.db").measurements()


def test_the_whole_line(finished: Finished) -> None:
    """One intent gives a front, a met verdict from fresh processes, and a bundle that runs without AutoEdge."""
    place, selection = finished
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


def test_the_files_of_a_run(finished: Finished) -> None:
    """Every file that the design names is there and tells the same story."""
    selection, run = finished.selection, finished.place / "run"
    verdict = json.loads((run / "verdict.json").read_text())
    front = json.loads((run / "front.json").read_text())
    table = pd.read_csv(run / "front.csv")
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    rows = finished.rows
    assert verdict["schema_version"] == front["schema_version"] == 1
    assert verdict["chosen"]["candidate_id"] == table.loc[table["chosen"], "candidate_id"].item()
    assert {row["candidate_id"] for row in front["rows"]} == set(table["candidate_id"])
    assert len(history) == len(rows) == verdict["used"]["measurements"]
    assert (run / "intent.resolved.yaml").exists()
    assert all((run / row.raw).exists() for row in rows if row.ok)
    estimated = table[[name for name in table if name.endswith("_source") and "energy" in name]]
    assert (estimated == "estimated").all(axis=None)
    assert selection.verdict == json.loads(json.dumps(verdict))


def test_a_finished_run_measures_nothing_again(finished: Finished) -> None:
    """The same command on a finished run decides the same from what is stored, and builds the same bundle."""
    manifest = finished.selection.bundle / "bundle.json"
    before = manifest.read_bytes()
    events: list[Any] = []
    second = autoedge.select(finished.place / "intent.yaml", out=finished.place / "run", on_event=events.append)
    assert not [event for event in events if isinstance(event, Measured)]
    assert second.chosen == finished.selection.chosen
    assert second.verdict["runners_up"] == finished.selection.verdict["runners_up"] != []
    assert manifest.read_bytes() == before


def test_changed_constraints_decide_anew(finished: Finished, intent_in: Intent, tmp_path: Path) -> None:
    """Other constraints over the same space reuse every baseline and search row; at most confirm rounds are new."""
    run = shutil.copytree(finished.place / "run", tmp_path / "run")
    before = {(row.candidate_id, row.phase, row.replicate) for row in finished.rows}
    changes = {"constraints": "[accuracy >= 80 %]", "budget": "{measurements: 60}", "prefer": "{latency_p50: 1}"}
    changed = shutil.copy(intent_in(finished.place, **changes), finished.place / "changed.yaml")
    intent_in(finished.place, budget=TWO_FINALISTS)
    autoedge.select(changed, out=run)
    after = [
        (row.candidate_id, row.phase, row.session, row.replicate) for row in Store(run / "study.db").measurements()
    ]
    assert len(after) == len(set(after))
    assert before <= {(name, phase, replicate) for name, phase, _, replicate in after}


def test_a_wish_taken_back_is_decided_as_before(finished: Finished, intent_in: Intent, tmp_path: Path) -> None:
    """A wish that the spent budget cannot confirm hides nothing: the first wish, asked again, is decided as before."""
    run = shutil.copytree(finished.place / "run", tmp_path / "run")
    used = finished.selection.verdict["used"]["measurements"]
    spent = f"{{measurements: {used}, reserve: 60 %}}"
    other = intent_in(finished.place, constraints="[accuracy >= 10 %]", prefer="{accuracy: 1}", budget=spent)
    between = autoedge.select(other, out=run)
    same = shutil.copy(intent_in(finished.place, budget=spent), finished.place / "same.yaml")
    intent_in(finished.place, budget=TWO_FINALISTS)
    again = autoedge.select(same, out=run)
    assert len(Store(run / "study.db").measurements()) == len(finished.rows)
    assert between.outcome in ("met", "undecided")
    assert again.outcome == "met"
    assert again.chosen["metrics"] == finished.selection.chosen["metrics"]


def test_a_finalist_whose_model_is_gone(finished: Finished, intent_in: Intent, tmp_path: Path) -> None:
    """A model taken out of the intent takes its candidates along, confirmed ones too; the rest is chosen among."""
    run = shutil.copytree(finished.place / "run", tmp_path / "run")
    changes = {"models": "[large.onnx]", "constraints": "[accuracy >= 50 %]", "budget": "{measurements: 40}"}
    fewer = shutil.copy(intent_in(finished.place, **changes), finished.place / "fewer.yaml")
    intent_in(finished.place, budget=TWO_FINALISTS)
    selection = autoedge.select(fewer, out=run)
    assert selection.chosen["configuration"]["model"] == "large"
    assert set(selection.front["model"]) == {"large"}


def test_another_protocol_is_measured_anew(finished: Finished, intent_in: Intent, tmp_path: Path) -> None:
    """Rows of another protocol never count: the budget and the front start afresh."""
    run = shutil.copytree(finished.place / "run", tmp_path / "run")
    protocol = "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.03 s, latency_calls: 64}"
    changes = {"protocol": protocol, "budget": "{measurements: 18}"}
    longer = shutil.copy(intent_in(finished.place, **changes), finished.place / "longer.yaml")
    intent_in(finished.place, budget=TWO_FINALISTS)
    selection = autoedge.select(longer, out=run)
    rows = Store(run / "study.db").measurements()
    assert len({row.protocol_id for row in rows}) == 2
    assert selection.verdict["used"]["measurements"] == len(rows) - len(finished.rows) <= 18


def test_budget_covers_everything(place: Path, write_intent: Intent) -> None:
    """Baselines, search and confirm together never take more processes than the budget."""
    selection = autoedge.select(write_intent(budget="{measurements: 20}"), out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    assert len(rows) <= 20
    assert selection.verdict["used"]["measurements"] == len(rows)
    assert sum(row.phase is Phase.CONFIRM for row in rows) >= 12


def test_finalists_are_measured_afresh(finished: Finished) -> None:
    """Reported figures of the chosen candidate rest on confirm processes alone, not on the run that found it."""
    chosen = finished.selection.chosen
    rows = [row for row in finished.rows if row.candidate_id == chosen["candidate_id"] and row.phase is Phase.CONFIRM]
    values = [row.metrics["latency_p50_ms"].value for row in rows]
    assert chosen["metrics"]["latency_p50_ms"]["value"] == pytest.approx(np.exp(np.mean(np.log(values))))


def test_accuracy_is_measured_once_a_variant(finished: Finished) -> None:
    """Candidates that share variant and graph level probe instead of evaluating again, and have the same accuracy."""
    rows = [row for row in finished.rows if row.ok]
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
    knobs = "{precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on']}"
    search = f"{{space: onnxruntime-cpu, strategy: {strategy}, seed: 1, knobs: {knobs}}}"
    selection = autoedge.select(write_intent(search=search, budget="{measurements: 22}"), out=place / "run")
    rows = Store(place / "run" / "study.db").measurements()
    searched = [row.candidate_id for row in rows if row.phase is Phase.SEARCH]
    assert len(searched) == len(set(searched))
    # One after the other, the first of the large model are not enough to meet anything.
    assert selection.outcome in (("not met",) if strategy == "exhaustive" else ("met", "undecided"))


def test_several_processes_a_result(place: Path, write_intent: Intent) -> None:
    """A protocol of two processes a result measures every searched candidate twice, where no race ends it early."""
    protocol = "{preset: quick, warmup_seconds: 0.02 s, latency_seconds: 0.02 s, processes: 2}"
    budget = "{measurements: 24, reserve: 10 %}"
    search = "{space: onnxruntime-cpu, racing: false, knobs: {precision: [fp32, fp16, int8-dynamic, int8-static]}}"
    autoedge.select(write_intent(protocol=protocol, budget=budget, search=search), out=place / "run")
    rows = [row for row in Store(place / "run" / "study.db").measurements() if row.phase is Phase.SEARCH]
    counts = {name: sum(row.candidate_id == name for row in rows) for name in {row.candidate_id for row in rows}}
    assert counts
    assert set(counts.values()) == {2}
