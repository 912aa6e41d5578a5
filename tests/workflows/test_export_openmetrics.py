"""``export openmetrics``: a run that is going on, and one that is done, read by Prometheus' own parsers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from autoedge.candidate import Candidate, Configuration
from autoedge.errors import StoreError
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store.store import Store
from autoedge.workflows.export_openmetrics import export_openmetrics
from autoedge.workflows.found_so_far import current_rows, found_so_far
from autoedge.workflows.opening import reopened_run
from autoedge.workflows.openmetrics_text import Family, exposition
from autoedge.workflows.watched_store import WatchedStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Samples = dict[str, list[tuple[dict[str, str], float]]]

HOSTILE = 'evil"} 1\nautoedge_run_finished 1 \\ \x1b[31m'


def _read(text: str) -> Samples:
    """Samples by name, as both of Prometheus' formats have them."""
    found: Samples = {}
    for family in openmetrics_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    older = [sample for family in prometheus_families(text) for sample in family.samples]
    assert {sample.name for sample in older} == set(found)
    assert sum(map(len, found.values())) == len(older)
    return found


def _one(samples: Samples, name: str, **labels: str) -> float:
    (value,) = [value for about, value in samples[name] if labels.items() <= about.items()]
    return value


def _total(samples: Samples) -> float:
    return sum(value for _, value in samples.get("autoedge_measurements_total", []))


@pytest.mark.timeout(600)
def test_a_run_that_is_going_on(place: Path, write_intent: Callable[..., Path], environment: dict[str, str]) -> None:
    """Watched all the time, a run ends as if nobody had; counts grow to what its verdict and its front then say."""
    limits = "[accuracy >= 90 %, size <= 50 % of baseline, accuracy drop <= 10 %, latency_p50 at rate <= 10 s]"
    intent = write_intent(constraints=limits, workload="{rate: 2 / s}", budget="{measurements: 26, time: 2 h}")
    words = ["select", "--intent", str(intent), "--out", str(place / "run")]
    seen: list[Samples] = []
    with subprocess.Popen(
        [sys.executable, "-m", "autoedge_cli.main", *words], env=environment, cwd=place, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            with suppress(StoreError) if not seen else nullcontext():  # before the run has a store
                seen.append(_read(export_openmetrics(place / "run")))
    assert process.returncode in {0, 1, 4}
    going = [samples for samples in seen if not _one(samples, "autoedge_run_finished")]
    totals = [_total(samples) for samples in going]
    assert len(set(totals)) > 3
    assert totals == sorted(totals)
    assert {_one(samples, "autoedge_processes_allowed") for samples in going} == {26.0}
    assert all(_one(samples, "autoedge_target_up", target="local") == 1 for samples in going)
    _agrees(place / "run", _read(export_openmetrics(place / "run")))
    _as_the_search_saw_it(place / "run")


def _agrees(run: Path, samples: Samples) -> None:
    """What is told of a finished run is what its verdict, its front and its store say."""
    verdict = json.loads((run / "verdict.json").read_text())
    rows = json.loads((run / "front.json").read_text())["rows"]
    store = Store(run / "study.db")
    measured, standings = store.measurements(), store.fact("standings")["rows"]
    store.close()
    assert _one(samples, "autoedge_run_finished") == 1
    assert _one(samples, "autoedge_run_info", run="run", outcome=verdict["outcome"], phase="confirm") == 1
    assert _total(samples) == len(measured)
    for phase in {row.phase for row in measured}:
        ok = sum(row.ok for row in measured if row.phase is phase)
        assert _one(samples, "autoedge_measurements_total", phase=phase, status="ok", target="local") == ok
    assert _one(samples, "autoedge_processes_used") == verdict["used"]["measurements"]
    assert _one(samples, "autoedge_time_used_seconds") == pytest.approx(verdict["used"]["seconds"], abs=1)
    assert _one(samples, "autoedge_time_allowed_seconds") == 7200
    last = measured[-1].started + measured[-1].duration_s
    assert _one(samples, "autoedge_last_measurement_timestamp_seconds") == last
    assert _one(samples, "autoedge_candidates", state="explored") == verdict["used"]["explored"]
    assert _one(samples, "autoedge_candidates", state="feasible") == sum(row["feasible"] for row in standings)
    assert _one(samples, "autoedge_candidates", state="front") == sum(row["front"] for row in rows)
    good = [row["metrics"] for row in standings if row["feasible"]]
    fastest = min((one["latency_p50_ms"]["value"] for one in good), default=None)
    assert [value for about, value in samples["autoedge_best"] if about["metric"] == "latency_p50_ms"] == [fastest]


def _as_the_search_saw_it(run: Path) -> None:
    """What keeps the limits so far is what the search itself takes for feasible."""
    with reopened_run(run) as opened:
        judged = {evidence.candidate_id for evidence, verdict in opened.judged() if opened.feasible(verdict)}
        rows, candidates = opened.store.measurements(), opened.store.candidates()
        found = found_so_far(current_rows(rows), candidates, opened.intent)
    assert found.feasible == len(judged) > 0
    assert {one.candidate_id for one in found.best} <= judged


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., Path]:
    """``stored(*changes)`` makes a run folder whose store holds a measurement for each set of changes."""

    def make(*several: dict[str, Any], facts: dict[str, Any] | None = None) -> Path:
        folder = tmp_path / "runs" / "night"
        folder.mkdir(parents=True)
        store = Store(folder / "study.db")
        for key, value in (facts or {}).items():
            store.set_fact(key, value)
        for number, changes in enumerate(several):
            model = changes.pop("model", "digits")
            candidate = Candidate(Configuration(model, {}, "onnxruntime", {"batch": 1}), changes.pop("target", "pi4"))
            fields: dict[str, Any] = {
                "candidate_id": candidate.candidate_id,
                "config_id": candidate.configuration.config_id,
                "target": candidate.target,
                "fingerprint": "f",
                "runtime_version": "1",
                "variant_hash": "a",
                "data_hash": "d",
                "protocol_id": "quick-1-aaaaaaaa",
                "session": "",
                "phase": Phase.SEARCH,
                "replicate": number,
                "status": Status.OK,
                "metrics": {"latency_p50_ms": Value(2.0, 1.0, 3.0, Source.ESTIMATED, "made up", 1)},
                "started": 1.7e9 + number,
                "duration_s": 0.5,
            }
            assert store.add(Measurement(**{**fields, **changes}), candidate)
        store.close()
        return folder

    return make


def test_what_devices_say(stored: Callable[..., Path]) -> None:
    """Lost targets are down, the last temperature that was told stands, and failures are counted by their kind."""
    hot = {"conditions": {"after": {"thermal": {"zones": [{"temp_c": 61.5}, {"temp_c": 48}, {"temp_c": None}]}}}}
    run = stored(
        {"details": hot},
        {"status": Status.FAILED, "metrics": {}},
        {"target": "pi5", "status": Status.STOPPED},
        {"target": "pi5", "phase": Phase.BASELINE, "details": {"processes": 3}},
        facts={"devices": {"pi4": {}, "pi5": {}}, "away": {"pi5": "unplugged"}, "elapsed quick-1-aaaaaaaa d": 12.5},
    )
    samples = _read(export_openmetrics(run))
    assert _one(samples, "autoedge_target_up", target="pi4", run="night") == 1
    assert _one(samples, "autoedge_target_up", target="pi5") == 0
    assert samples["autoedge_target_temperature_celsius"] == [({"run": "night", "target": "pi4"}, 61.5)]
    assert _one(samples, "autoedge_measurements_total", target="pi4", status="failed") == 1
    assert _one(samples, "autoedge_measurements_total", target="pi5", status="stopped") == 1
    assert _one(samples, "autoedge_last_measurement_timestamp_seconds", target="pi4") == 1.7e9 + 1.5
    assert _one(samples, "autoedge_processes_used") == 6
    assert _one(samples, "autoedge_time_used_seconds") == 12.5


def test_without_the_intent(stored: Callable[..., Path]) -> None:
    """Where the intent cannot be read, what needs its limits and its budget is left out, and never made up."""
    samples = _read(export_openmetrics(stored({})))
    assert [about["state"] for about, _ in samples["autoedge_candidates"]] == ["explored"]
    assert not {"autoedge_best", "autoedge_processes_allowed", "autoedge_time_allowed_seconds"} & set(samples)
    assert _one(samples, "autoedge_run_finished") == 0


def test_names_from_outside(stored: Callable[..., Path], place: Path, write_intent: Callable[..., Path]) -> None:
    """A model's name that looks like a sample stays a label; an estimate is labelled as one."""
    run = stored({"model": HOSTILE, "target": "local"})
    intent = write_intent(constraints=None, objectives="[latency_p50]", models=f"[{place}/large.onnx]", data=None)
    (run / "intent.resolved.yaml").write_text(intent.read_text().replace("data: null\n", ""))
    samples = _read(export_openmetrics(run))
    ((about, _),) = samples["autoedge_best_info"]
    assert about["model"] == r'evil"} 1\nautoedge_run_finished 1 \ \x1b[31m'
    assert samples["autoedge_best"] == [
        ({"run": "night", "metric": "latency_p50_ms", "source": "estimated"}, 2.0),
    ]
    assert _one(samples, "autoedge_run_finished") == 0


@pytest.mark.parametrize("text", [HOSTILE, "\\", '"', "\n", "", "\\n", "{}=,", "ü ★"])
def test_labels_come_back(text: str) -> None:
    """Any printable label is read back as it was, by both parsers; of others every control character is spelled out."""
    family = Family("one", "gauge", "A number.", (({"name": text}, 1.0),))
    ((about, value),) = _read(exposition([family]))["one"]
    spelled = text.replace("\n", r"\n").replace("\x1b", r"\x1b")
    assert (about, value) == ({"name": spelled}, 1.0)


def test_a_run_that_has_measured_nothing(stored: Callable[..., Path]) -> None:
    """Before the first measurement the text is valid and says so."""
    samples = _read(export_openmetrics(stored()))
    assert _one(samples, "autoedge_candidates", state="explored") == 0
    assert _one(samples, "autoedge_processes_used") == 0
    assert _total(samples) == 0


def test_the_store_is_only_looked_at(stored: Callable[..., Path]) -> None:
    """Not a byte of the folder changes, no file comes, and the way by which it is opened cannot write."""
    run = stored({}, {"status": Status.FAILED, "metrics": {}})
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in run.iterdir()}
    export_openmetrics(run)
    assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in run.iterdir()} == before
    store = WatchedStore(run / "study.db")
    with pytest.raises(StoreError, match="readonly"):
        store.set_fact("away", {})
    store.close()


def test_no_run(tmp_path: Path) -> None:
    """A folder without a run, and a file that is no store, are refused; nothing is made."""
    with pytest.raises(StoreError, match="holds no run"):
        export_openmetrics(tmp_path)
    (tmp_path / "study.db").write_bytes(b"")
    with pytest.raises(StoreError, match="is no store"):
        export_openmetrics(tmp_path)
    assert (tmp_path / "study.db").read_bytes() == b""


def test_command(stored: Callable[..., Path], autoedge: Any, place: Path) -> None:
    """The command prints the text, or writes the same to a file with nothing beside it; no run ends it with 5."""
    run = stored({})
    printed = autoedge("export", "openmetrics", run)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout == export_openmetrics(run)
    (place / "metrics").mkdir()
    done = autoedge("export", "openmetrics", run, "--out", "metrics/night.prom")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [path.name for path in (place / "metrics").iterdir()] == ["night.prom"]
    assert (place / "metrics" / "night.prom").read_text() == printed.stdout
    assert autoedge("export", "openmetrics", "nowhere").returncode == 5
