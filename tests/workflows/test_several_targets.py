"""``select`` over several targets: three agents on this machine, told apart by what stands in front of them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import psutil
import pytest

import autoedge
from autoedge.errors import IntentError, TargetError
from autoedge.measurement import Phase, Status
from autoedge.store.store import Store
from autoedge.workflows.events import Lost, Measured
from autoedge.workflows.show import show_candidate, show_run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.measurement import Measurement

    Command = Callable[..., subprocess.CompletedProcess[str]]
    Declare = Callable[..., Path]
    Intent = Callable[..., Path]

ONE = {"wrap": ["taskset", "-c", "0"], "host": "alpha"}
TWO = {"host": "alpha", "idle_power": "2 W"}
THREE = {"wrap": ["taskset", "-c", "1"], "host": "beta"}
SEARCH = (
    "{space: onnxruntime-cpu, strategy: surrogate, seed: 0, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on'], batch: [1, 4]}}"
)
GONE = "ssh://pi@127.0.0.1:1"  # nothing listens there


class Finished(NamedTuple):
    """A folder with models, data, cache and a finished run, and what the run came to."""

    place: Path
    selection: autoedge.Selection
    events: list[Any]

    @property
    def rows(self) -> list[Measurement]:
        """All that was measured."""
        return _rows(self.place / "run")


def _rows(run: Path) -> list[Measurement]:
    store = Store(run / "study.db")
    try:
        return store.measurements()
    finally:
        store.close()


def _target(name: str) -> Callable[[Any], bool]:
    return lambda row: bool(row.target == name)


@pytest.fixture(autouse=True)
def _own_places(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(place / "targets.yaml"))


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    furnish: Callable[[Path], Path],
    intent_in: Intent,
    declare_in: Declare,
) -> Finished:
    """One finished run on three targets that several tests look at, and none of them changes."""
    place = furnish(tmp_path_factory.mktemp("finished"))
    declared = declare_in(place, one=ONE, two=TWO, three=THREE)
    intent = intent_in(place, targets="[one, two, three]", search=SEARCH, budget="{measurements: 54, reserve: 45 %}")
    events: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
        selection = autoedge.select(intent, out=place / "run", targets=declared, on_event=events.append)
    return Finished(place, selection, events)


def test_one_front_over_all_targets(finished: Finished) -> None:
    """Every target has its baselines and was searched; front and verdict name the target of each row."""
    place, selection, events = finished
    assert selection.outcome in ("met", "undecided")
    assert not [event for event in events if isinstance(event, Lost)]
    baselines = Counter(row.target for row in finished.rows if row.phase is Phase.BASELINE)
    assert baselines == {"one": 4, "two": 4, "three": 4}
    assert {row.target for row in finished.rows if row.phase is Phase.SEARCH} == {"one", "two", "three"}
    verdict = json.loads((place / "run" / "verdict.json").read_text())
    table = pd.read_csv(place / "run" / "front.csv")
    assert (table["candidate_id"].str.rpartition("@")[2] == table["target"]).all()
    assert sorted(table.loc[table["reference"], "target"]) == ["one", "three", "two"]
    assert [one["name"] for one in verdict["targets"]] == ["one", "two", "three"]
    assert verdict["best_by_target"] == {one["name"]: one["best"]["candidate_id"] for one in verdict["targets"]}
    assert all(best.endswith(f"@{name}") for name, best in verdict["best_by_target"].items())
    chosen = verdict["chosen"]
    assert verdict["best_by_target"][chosen["target"]] == chosen["candidate_id"]
    assert len(finished.rows) == verdict["used"]["measurements"] <= 54


def test_the_bundle_is_that_of_the_chosen_target(finished: Finished) -> None:
    """The manifest describes the device that the chosen candidate was measured on."""
    verdict = finished.selection.verdict
    manifest = json.loads((finished.selection.bundle / "bundle.json").read_text())
    target = next(one for one in verdict["targets"] if one["name"] == verdict["chosen"]["target"])
    assert manifest["target"]["name"] == target["name"]
    assert manifest["target"]["fingerprint"] == target["fingerprint"]
    assert manifest["target"]["device"]["cores"] == target["cores"]


def test_everything_is_told_against_the_same_target(finished: Finished) -> None:
    """The reference of the verdict stands on the chosen target, and was confirmed in the same rounds."""
    verdict = finished.selection.verdict
    assert verdict["reference"]["target"] == verdict["chosen"]["target"]
    confirmed = [row for row in finished.rows if row.phase is Phase.CONFIRM]
    assert len({row.session for row in confirmed}) == 1
    for target in {row.target for row in confirmed}:
        reference = next(row.candidate_id for row in finished.rows if row.target == target)
        processes = Counter(row.candidate_id for row in confirmed if row.target == target)
        assert reference in processes
        assert min(processes.values()) >= 6


def test_targets_of_one_machine_never_measure_at_once(finished: Finished) -> None:
    """Two targets on one host take turns: no two of their measurements overlap."""
    windows = sorted((row.started, row.started + row.duration_s) for row in finished.rows if row.target != "three")
    assert len(windows) > 12
    assert all(end <= begin for (_, end), (begin, _) in pairwise(windows))


def test_idle_power_belongs_to_its_target(finished: Finished) -> None:
    """What is known of one target changes the protocol of that target alone."""
    protocols = {one["name"]: one["protocol"] for one in finished.selection.verdict["targets"]}
    assert protocols["one"] == protocols["three"] != protocols["two"]
    assert {row.protocol_id for row in finished.rows if row.target == "two"} == {protocols["two"]}


def test_the_stored_run_tells_the_same(finished: Finished) -> None:
    """A run is read again without its targets: the verdict, and each candidate by its id."""
    root = finished.place / "run"
    verdict, front = show_run(root)
    assert verdict == json.loads(json.dumps(finished.selection.verdict))
    assert len(front) == len(finished.selection.front)
    for best in verdict["best_by_target"].values():
        found = show_candidate(root, best)
        assert found["target"] == best.rpartition("@")[2]
        assert found["processes"]


def test_a_finished_run_measures_nothing_again(finished: Finished) -> None:
    """The same command on a finished run decides the same from what is stored."""
    events: list[Any] = []
    intent, declared = finished.place / "intent.yaml", finished.place / "targets.yaml"
    again = autoedge.select(intent, out=finished.place / "run", targets=declared, on_event=events.append)
    assert not [event for event in events if isinstance(event, Measured)]
    assert again.chosen == finished.selection.chosen
    assert again.verdict["best_by_target"] == finished.selection.verdict["best_by_target"]


def test_a_target_more_and_a_target_fewer(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """Whoever comes or goes, what the others gave stays and is not measured again."""
    declare_in(place, one=ONE, two=TWO)
    budget = {"search": SEARCH}
    autoedge.select(write_intent(targets="[one]", budget="{measurements: 18}", **budget), out=place / "run")
    before = [row for row in _rows(place / "run") if row.phase is not Phase.CONFIRM]
    both = autoedge.select(write_intent(targets="[two, one]", budget="{measurements: 40}", **budget), out=place / "run")
    rows = _rows(place / "run")
    assert rows[: len(before)] == before
    assert {row.target for row in rows} == {"one", "two"}
    assert set(both.verdict["best_by_target"]) == {"one", "two"}
    keys = [(row.candidate_id, row.phase, row.session, row.replicate) for row in rows]
    assert len(keys) == len(set(keys))
    fewer = autoedge.select(write_intent(targets="[two]", budget="{measurements: 40}", **budget), out=place / "run")
    assert set(fewer.verdict["best_by_target"]) == {"two"}
    assert fewer.verdict["used"]["measurements"] == len([row for row in _rows(place / "run") if row.target == "two"])
    assert set(fewer.front["target"]) == {"two"}


def test_a_target_that_cannot_be_reached(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """It is told of with the reason, and the run goes on with the others."""
    declare_in(place, dead={"wrap": ["false"]}, one=ONE)
    events: list[Any] = []
    intent = write_intent(targets="[dead, one]", search=SEARCH, budget="{measurements: 18}")
    selection = autoedge.select(intent, out=place / "run", on_event=events.append)
    assert [event.target for event in events if isinstance(event, Lost)] == ["dead"]
    assert "target 'dead'" in next(event.reason for event in events if isinstance(event, Lost))
    assert selection.chosen["target"] == "one"
    assert [left["target"] for left in selection.verdict["left_out"] if left["target"]] == ["dead"]


def test_a_known_target_that_is_away_keeps_its_place(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """At a later start without it, what a target gave still counts, and nothing is measured there."""
    declare_in(place, one=ONE, two=TWO)
    changes = {"targets": "[one, two]", "search": SEARCH}
    autoedge.select(write_intent(budget="{measurements: 32}", **changes), out=place / "run")
    before = Counter(row.target for row in _rows(place / "run"))
    declare_in(place, one={"wrap": ["false"]}, two=TWO)
    other = write_intent(budget="{measurements: 48}", prefer="{latency_p50: 1}", **changes)
    events: list[Any] = []
    selection = autoedge.select(other, out=place / "run", on_event=events.append)
    after = Counter(row.target for row in _rows(place / "run"))
    assert [event.target for event in events if isinstance(event, Lost)] == ["one"]
    assert after["one"] == before["one"]
    assert set(selection.verdict["best_by_target"]) == {"one", "two"}
    assert next(one["lost"] for one in selection.verdict["targets"] if one["name"] == "one")


def test_a_target_without_the_runtime(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """It is left out, and what to do is said."""
    (place / "bare").mkdir()
    (place / "bare" / "sitecustomize.py").write_text(
        "from importlib.metadata import Distribution\n"
        "discover = Distribution.discover.__func__\n"
        "hidden = lambda one: 'onnxruntime' in (one.metadata['Name'] or '')\n"
        "Distribution.discover = classmethod(lambda cls, **how: (d for d in discover(cls, **how) if not hidden(d)))\n"
    )
    declare_in(place, bare={"wrap": ["env", f"PYTHONPATH={place / 'bare'}"]}, one=ONE)
    events: list[Any] = []
    intent = write_intent(targets="[bare, one]", search=SEARCH, budget="{measurements: 18}")
    selection = autoedge.select(intent, out=place / "run", on_event=events.append)
    [lost] = [event for event in events if isinstance(event, Lost)]
    assert lost.target == "bare"
    assert "has no onnxruntime" in lost.reason
    assert "autoedge targets setup bare" in lost.reason
    assert selection.chosen["target"] == "one"


class Power:
    """The power supply of a local target: cut, its agent dies and no new one starts."""

    def __init__(self, place: Path, name: str) -> None:
        self._name = name
        self._on = place / f"power-{name}"
        self._gate = place / "gate.py"
        self._gate.write_text(
            "import os, sys\n"
            "if not os.path.exists(sys.argv[1]):\n"
            "    sys.exit('the power was cut')\n"
            "os.execvp(sys.argv[2], sys.argv[2:])\n"
        )
        self.restore()

    @property
    def target(self) -> dict[str, Any]:
        """How the target is declared; a machine of its own."""
        return {"wrap": [sys.executable, str(self._gate), str(self._on)], "host": self._name}

    def restore(self) -> None:
        """Switch it on again."""
        self._on.touch()

    def cut(self) -> None:
        """Switch it off, once."""
        if not self._on.exists():
            return
        self._on.unlink()
        for child in psutil.Process().children():
            with suppress(psutil.Error):  # it ended by itself meanwhile
                if any(f"agent-{self._name}" in word for word in child.cmdline()):
                    child.kill()


def test_a_target_that_dies_midway(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """What was measured there stays, the others go on to a verdict, and a later start with it goes on there too."""
    power = Power(place, "mortal")
    declare_in(place, one=ONE, mortal=power.target)
    events: list[Any] = []

    def listen(event: Any) -> None:
        events.append(event)
        done = [one for one in events if isinstance(one, Measured) and one.candidate.target == "mortal"]
        if len(done) == 6:
            power.cut()

    intent = write_intent(targets="[one, mortal]", search=SEARCH, budget="{measurements: 40}")
    selection = autoedge.select(intent, out=place / "run", on_event=listen)
    rows = _rows(place / "run")
    assert [event.target for event in events if isinstance(event, Lost)] == ["mortal"]
    kept = [row for row in rows if row.target == "mortal" and row.status is not Status.FAILED]
    assert len(kept) >= 6  # a race may have ended some of them
    assert selection.chosen["target"] == "one"
    assert selection.chosen["phase"] == "confirm"
    assert selection.verdict["best_by_target"].keys() == {"one", "mortal"}
    assert "mortal" in next(one["lost"] for one in selection.verdict["targets"] if one["name"] == "mortal")
    power.restore()
    more = write_intent(targets="[one, mortal]", search=SEARCH, budget="{measurements: 60}", prefer="{accuracy: 1}")
    again = autoedge.select(more, out=place / "run")
    assert not any(one["lost"] for one in again.verdict["targets"])
    assert sum(row.target == "mortal" for row in _rows(place / "run")) > sum(row.target == "mortal" for row in rows)


def test_a_finalist_whose_target_dies_is_replaced(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """When the only finalist's target is lost during the confirm rounds, the best of the others is confirmed."""
    powers = {name: Power(place, name) for name in ("ada", "bob")}
    declare_in(place, **{name: power.target for name, power in powers.items()})
    lost: list[str] = []

    def listen(event: Any) -> None:
        if isinstance(event, Measured) and event.measurement.phase is Phase.CONFIRM and not lost:
            lost.append(event.candidate.target)
            powers[event.candidate.target].cut()

    knobs = "{threads: [1], arena: ['on'], batch: [1], graph_level: all, precision: fp32}"
    few = f"{{space: onnxruntime-cpu, strategy: random, knobs: {knobs}}}"
    intent = write_intent(targets="[ada, bob]", search=few, budget="{measurements: 40, reserve: 10 %}")
    selection = autoedge.select(intent, out=place / "run", on_event=listen)
    assert lost
    assert selection.outcome == "met"
    assert selection.chosen["target"] not in lost
    assert selection.chosen["phase"] == "confirm"
    assert set(selection.verdict["best_by_target"]) == {"ada", "bob"}


def test_the_last_target_that_dies_ends_the_run(place: Path, write_intent: Intent, declare_in: Declare) -> None:
    """With no target left the run ends with the reasons of all; what was measured is kept, and it can go on."""
    powers = {name: Power(place, name) for name in ("ada", "bob")}
    declare_in(place, **{name: power.target for name, power in powers.items()})
    done: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, Measured):
            done.append(event)
        if len(done) == 4:
            for power in powers.values():
                power.cut()

    intent = write_intent(targets="[ada, bob]", search=SEARCH, budget="{measurements: 30}")
    with pytest.raises(TargetError, match="no target is left to measure on: target '"):
        autoedge.select(intent, out=place / "run", on_event=listen)
    before = _rows(place / "run")
    assert len(before) >= 4
    for power in powers.values():
        power.restore()
    autoedge.select(intent, out=place / "run")
    assert _rows(place / "run")[: len(before)] == before


def test_a_reference_that_runs_nowhere_is_bad_input(
    place: Path, write_intent: Intent, declare_in: Declare, nan_model: Callable[[str], Path], autoedge: Command
) -> None:
    """Where the reference fails on every target, the model is to blame: exit code 2 with the reason of each."""
    declare_in(place, one=ONE, three=THREE)
    nan_model("nan.onnx")
    ended = autoedge("select", "--intent", write_intent(targets="[one, three]", models="[nan.onnx, small.onnx]"))
    assert ended.returncode == 2, ended.stderr
    assert "the reference 'nan' cannot be measured on 'one'" in ended.stderr
    assert "the reference 'nan' cannot be measured on 'three'" in ended.stderr


def test_a_run_of_the_first_release_is_read(place: Path, write_intent: Intent) -> None:
    """A run that stored its only device in the old way is shown as ever."""
    autoedge.select(write_intent(budget="{measurements: 16}"), out=place / "run")
    store = Store(place / "run" / "study.db")
    store.set_fact("device", store.fact("devices")["local"])
    store.set_fact("devices", None)
    store.close()
    name = show_run(place / "run")[0]["chosen"]["candidate_id"]
    assert show_candidate(place / "run", name)["target"] == "local"


def test_no_target_at_all(place: Path, write_intent: Intent, declare_in: Declare, autoedge: Command) -> None:
    """Nothing left to measure on is exit code 3, with the reason of each target and no traceback."""
    declare_in(place, dead={"wrap": ["false"]}, gone={"address": GONE})
    intent = write_intent(targets="[dead, gone]")
    for command in (("select", "--intent", intent), ("space", "--intent", intent)):
        ended = autoedge(*command)
        assert ended.returncode == 3, ended.stderr
        assert "no target is left to measure on" in ended.stderr
        assert "target 'dead'" in ended.stderr
        assert "gone" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_unknown_names_come_at_once(write_intent: Intent, declare_in: Declare, place: Path) -> None:
    """Names that nobody declared are told together, each with what is known, before anything is written."""
    declare_in(place, pi4=ONE)
    with pytest.raises(IntentError) as caught:
        autoedge.select(write_intent(targets="[pi5, pi4, jetson]"), out=place / "run")
    first, second = caught.value.problems
    assert "pi5" in first
    assert "did you mean pi4?" in first
    assert "jetson" in second
    assert not (place / "run").exists()


def test_the_plan_shows_every_target(place: Path, write_intent: Intent, declare_in: Declare, autoedge: Command) -> None:
    """``space`` counts candidates by target, with the time of a call on each; an own targets file can be named."""
    named = declare_in(place, one=ONE, two=TWO).rename(place / "own.yaml")
    intent = write_intent(targets="[one, two]", search=None)
    text = autoedge("space", "--intent", intent, "--targets", named)
    assert text.returncode == 0, text.stderr
    assert "2 targets" in text.stdout
    planned = autoedge("space", "--intent", intent, "--targets", named, "--json")
    document = json.loads(planned.stdout)
    assert document["targets"] == ["one", "two"]
    assert {row["target"] for row in document["by_model"]} == {"one", "two"}
    assert set(document["call_ms"]) == {"one", "two"}
    assert set(document["call_ms"]["one"]) == {"large", "small"}
    assert document["baselines"] == 8
