"""What ``select`` starts from: a saved surrogate, campaigns, or nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import autoedge
from autoedge.campaign.campaign import Campaign, read_campaign
from autoedge.campaign.history import Recorded
from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.errors import DataError, SurrogateError
from autoedge.intent.load import load_intent
from autoedge.metric import METRICS
from autoedge.search.study import Board
from autoedge.space.declaration import read_space_file
from autoedge.space.facts import ModelFacts
from autoedge.space.space import Space
from autoedge.surrogate.saved.surrogate import load_surrogate
from autoedge.workflows import start as module
from autoedge.workflows.events import Note
from autoedge.workflows.export import export_campaign
from autoedge.workflows.retrain import retrain
from autoedge.workflows.space_results import space_results
from autoedge.workflows.start import Sources, read_sources
from autoedge.workflows.start_history import in_terms_of, measured_in

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Intent = Callable[..., Path]
    Command = Callable[..., subprocess.CompletedProcess[str]]

OBJECTIVES = "[latency_p50, size]"
KNOBS = (
    "space: onnxruntime-cpu, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on'], batch: [1, 4]}"
)


class Learned(NamedTuple):
    """A folder with a finished run, the campaign exported from it and the surrogate trained on it."""

    place: Path
    run: Path
    campaign: Path
    surrogate: Path


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Intent) -> Learned:
    """Made once: measured, exported and trained for real."""
    place = furnish(tmp_path_factory.mktemp("learned"))
    search = f"{{strategy: random, racing: false, {KNOBS}}}"
    intent = intent_in(place, budget="{measurements: 38, reserve: 20 %}", search=search, constraints="[]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
        autoedge.select(intent, out=place / "run")
    export_campaign(str(place / "run"), place / "camp", objectives=["latency_p50"])
    retrain([str(place / "run")], place / "mine")
    return Learned(place, place / "run", place / "camp", place / "mine")


@pytest.fixture(autouse=True)
def _own_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))


def _started(folder: Path) -> Any:
    return json.loads((folder / "verdict.json").read_text())["started_from"]


def test_a_run_starts_from_a_surrogate_and_a_campaign(learned: Learned, place: Path, write_intent: Intent) -> None:
    """The first proposal is informed, the start is told in one line and stored, and a resumed run keeps it."""
    search = f"{{surrogate: {learned.surrogate}, history: [{learned.campaign}], {KNOBS}}}"
    intent = write_intent(budget="{measurements: 18}", search=search, objectives=OBJECTIVES, constraints="[]")
    notes: list[Any] = []
    first = autoedge.select(intent, out=place / "run", on_event=notes.append)
    told = [event.text for event in notes if isinstance(event, Note) and "starts from" in event.text]
    surrogate = f"surrogate {learned.surrogate} (latency_p50, size)"
    assert told == [f"the search starts from {surrogate} and history camp:local (latency_p50, size)"]
    started = first.verdict["started_from"]
    assert started["surrogate"]["metrics"] == ["latency_p50_ms", "size_mib"]
    assert started["surrogate"]["sha256"] == json.loads((learned.surrogate / "card.json").read_text())["model_sha256"]
    assert [each["name"] for each in started["history"]] == ["camp:local"]
    assert started["history"][0]["rows"].keys() == {"latency_p50_ms", "size_mib"}
    resolved = load_intent(place / "run" / "intent.resolved.yaml").search
    assert (resolved.surrogate, resolved.history) == (str(learned.surrogate), (str(learned.campaign),))
    again = autoedge.select(write_intent(budget="{measurements: 40}", search=search, objectives=OBJECTIVES,
                                         constraints="[]"), out=place / "run")  # fmt: skip
    assert again.verdict["started_from"] == started
    assert again.verdict["used"]["measurements"] > first.verdict["used"]["measurements"]


def test_the_surrogate_is_believed_at_once(
    learned: Learned, place: Path, write_intent: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With size alone to make better, the first proposal is a candidate whose file is foretold to be smallest."""
    foretold: list[Any] = []
    proposed: list[int] = []
    informed, propose = module.informed, Board.propose

    def seen_informed(strategy: str, history: Any, said: Any) -> Any:
        foretold.append(said["size_mib"])
        return informed(strategy, history, said)

    def seen_propose(board: Board, *arguments: Any) -> Any:
        found = propose(board, *arguments)
        proposed.extend([] if found is None else [found[1]])
        return found

    monkeypatch.setattr(module, "informed", seen_informed)
    monkeypatch.setattr(Board, "propose", seen_propose)
    search = f"{{surrogate: {learned.surrogate}, {KNOBS}}}"
    intent = write_intent(budget="{measurements: 17}", search=search, objectives="[size]", constraints="[]")
    autoedge.select(intent, out=place / "run")
    (sizes,) = foretold
    assert np.isfinite(sizes).all()
    assert sizes.max() > 2 * sizes.min()
    assert sizes[proposed[0]] < 1.1 * sizes.min()


def test_columns_have_the_names_of_an_exported_campaign(learned: Learned) -> None:
    """Candidates of the same space, described for a surrogate, have every knob and feature that the export has."""
    campaign = read_campaign(learned.campaign)
    models = {
        str(row["model"]): {name: float(row[name]) for name in campaign.card.features if name.startswith("log_")}
        for _, row in campaign.frame.iterrows()
    }
    device = Device("m", "x86_64", "cpu", 2, 2, 4096, "Linux", "3.11", {"onnxruntime": "1"})
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    space = Space([file], [ModelFacts(name, features=facts) for name, facts in models.items()], {"local": device}, {})
    candidates = space_results(space, "local", device)
    assert set(campaign.card.knobs) <= set(candidates.knobs)
    assert set(campaign.card.features) <= set(candidates.features)
    assert len(candidates) == len(space)


@pytest.fixture
def space() -> Space:
    """Two models on two small devices."""
    device = Device("m", "x86_64", "cpu", 2, 2, 4096, "Linux", "3.11", {"onnxruntime": "1"})
    facts = [ModelFacts("small", features={"log_macs": 5.0}), ModelFacts("large", features={"log_macs": 7.0})]
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    return Space(
        [file], facts, {"one": device, "two": replace(device, machine="n")}, {"arena": ["on"], "batch": [1, 4]}
    )


def _campaign(learned: Learned, **columns: Any) -> Campaign:
    """The exported campaign with other columns."""
    campaign = read_campaign(learned.campaign)
    return Campaign(campaign.card, campaign.frame.assign(**columns))


def _recorded(campaign: Campaign) -> Recorded:
    return Recorded(campaign.card.name, campaign, "local", named=True)


def test_estimates_teach_nothing(learned: Learned) -> None:
    """Estimated figures are no history, and what a campaign does not know is left out."""
    metrics = [METRICS["latency_p50"], METRICS["energy"], METRICS["battery_life"]]
    found = measured_in(_recorded(read_campaign(learned.campaign)), metrics)
    assert [set(one.values) for one in found] == [{"latency_p50_ms"}]
    assert found[0].values["latency_p50_ms"].max() < 1.0  # ms as they are, not their logarithms
    estimated = _campaign(learned, latency_p50_ms_source="estimated")
    assert measured_in(_recorded(estimated), metrics) == []


def test_histories_of_one_name_are_told_apart(learned: Learned, place: Path, write_intent: Intent) -> None:
    """Two folders whose campaigns are named alike have names of their own, and one named twice counts once."""
    shutil.copytree(learned.campaign, place / "copy")
    search = f"{{history: [{learned.campaign}, {place / 'copy'}, '{learned.campaign}:local']}}"
    names = [recorded.name for recorded in read_sources(load_intent(write_intent(search=search))).history]
    assert len(names) == len(set(names)) == 2
    assert all(name.startswith("camp (") for name in names)


def test_a_model_of_the_same_name_is_not_mistaken(learned: Learned, space: Space) -> None:
    """History of other models counts by their features; of the very same models by their names too."""
    (results,) = measured_in(_recorded(_campaign(learned)), [METRICS["latency_p50"]])
    stranger = in_terms_of(space, results)
    assert stranger is not None
    assert "model" not in stranger.knobs
    macs = np.where(results.knobs["model"] == "small", 5.0, 8.0)
    half = replace(results, features={"log_macs": macs})
    known = in_terms_of(space, half)
    assert known is not None
    names = set(known.knobs["model"].tolist())
    assert "small" in names
    assert "large" not in names
    assert set(known.knobs["target"].tolist()) == {"one", "two"}
    assert "runtime" not in known.knobs
    of_another = np.full(len(results), "litert", dtype=object)
    assert in_terms_of(space, replace(results, knobs={**results.knobs, "runtime": of_another})) is None


def test_without_the_shipped_surrogate_a_run_is_cold(
    place: Path, write_intent: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing default is silently nothing to start from; so is ``none`` where there is one."""
    intent = load_intent(write_intent(search="{strategy: surrogate}"))
    monkeypatch.setattr(module, "catalog_folder", lambda _: place / "empty")
    assert read_sources(intent) == Sources()


def test_the_shipped_surrogate_is_the_default(
    learned: Learned, place: Path, write_intent: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is there it is used, but not for ``none`` and not for strategies that cannot learn."""
    shutil.copytree(learned.surrogate, place / "models" / "default")
    monkeypatch.setattr(module, "catalog_folder", lambda _: place / "models")
    found = read_sources(load_intent(write_intent(search="{strategy: surrogate}")))
    assert (found.name, found.surrogate is not None) == ("default", True)
    assert read_sources(load_intent(write_intent(search="{surrogate: none}"))) == Sources()
    assert read_sources(load_intent(write_intent(search="{strategy: tpe}"))) == Sources()
    asked = read_sources(load_intent(write_intent(search=f"{{strategy: tpe, surrogate: {learned.surrogate}}}")))
    assert "tpe starts from nothing" in asked.unused


@pytest.mark.parametrize("damage", ["gone", "cut", "hostile"])
def test_a_damaged_surrogate_is_bad_input(
    learned: Learned, place: Path, write_intent: Intent, autoedge: Command, damage: str
) -> None:
    """Exit 2 with one sentence before anything is measured; nothing in the files is believed."""
    folder = place / "bad"
    shutil.copytree(learned.surrogate, folder)
    if damage == "gone":
        (folder / "card.json").unlink()
    elif damage == "cut":
        (folder / "model.txt").write_bytes((folder / "model.txt").read_bytes()[:-200])
    else:
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps({**card, "metrics": {"x\u001b[31m": card["metrics"]}}))
    intent = write_intent(search="{surrogate: bad}")
    with pytest.raises(SurrogateError, match=r"search\.surrogate: "):
        read_sources(load_intent(intent))
    done = autoedge("select", "--intent", intent, "--out", place / "run")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "\x1b[31m" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "search.surrogate" in line]) == 1
    assert not (place / "run").exists()


def test_each_target_is_asked_about_with_its_own_facts(learned: Learned, space: Space) -> None:
    """On several targets every candidate is foretold, and its device's facts reach the surrogate.

    The shipped one is not asked about quality.
    """
    asked: list[Any] = []
    surrogate = load_surrogate(learned.surrogate)
    device = Device("m", "aarch64", "cpu", 4, 2, 1024, "Linux", "3.11", {"onnxruntime": "1"})

    class Listening:
        metrics = surrogate.metrics
        card = surrogate.card

        def predictions(self, candidates: Any) -> Any:
            asked.append(candidates)
            return surrogate.predictions(candidates)

    metrics = [METRICS["latency_p50"], METRICS["accuracy"], METRICS["throughput"]]
    run: Any = SimpleNamespace(
        space=space,
        sites={"one": SimpleNamespace(device=device), "two": SimpleNamespace(device=replace(device, cores=8))},
        reference=SimpleNamespace(configuration=SimpleNamespace(runtime="onnxruntime")),
        intent=SimpleNamespace(search=SimpleNamespace(strategy="surrogate"), objectives=metrics),
    )
    listening: Any = Listening()
    start = module.start_of(run, Sources("mine", listening))
    assert start.document["surrogate"]["metrics"] == ["latency_p50_ms", "accuracy", "throughput_ips"]
    assert [candidates.features["device_log_cores"].tolist()[0] for candidates in asked] == [2.0, 3.0]
    assert sum(len(candidates) for candidates in asked) == len(space)
    assert all("target" not in candidates.knobs for candidates in asked)
    assert start.digest == module.start_of(run, Sources("mine", listening)).digest != ""
    shipped = module.start_of(run, Sources("default", listening)).document["surrogate"]["metrics"]
    assert shipped == ["latency_p50_ms", "throughput_ips"], "the quality that it knows is that of other data"


def test_a_huge_space_is_searched_from_nothing(learned: Learned) -> None:
    """Beyond what can be described in reasonable time and memory, a note says so."""
    search = SimpleNamespace(strategy="surrogate")
    run: Any = SimpleNamespace(space=range(200_001), intent=SimpleNamespace(search=search))
    found = module.start_of(run, Sources("default", load_surrogate(learned.surrogate)))
    assert (found.strategy, found.digest) == ("surrogate", "")
    assert "up to 200,000 candidates" in found.told


def test_a_history_that_is_no_campaign_is_bad_input(place: Path, write_intent: Intent) -> None:
    """A folder without a card, and a target that a campaign does not have."""
    (place / "empty").mkdir()
    with pytest.raises(DataError, match=r"search\.history: "):
        read_sources(load_intent(write_intent(search="{history: [empty]}")))
