"""``campaign export``: from a store to a campaign whose figures are those of the run."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from autoedge.campaign.campaign import read_campaign
from autoedge.campaign.results import results_of
from autoedge.campaign.table import Table
from autoedge.candidate import Candidate, Configuration
from autoedge.catalog import catalog_folder
from autoedge.device import Device
from autoedge.errors import DataError, StoreError
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.metric import METRICS
from autoedge.space.declaration import read_space_file
from autoedge.space.facts import ModelFacts
from autoedge.space.space import Space
from autoedge.store.store import Store
from autoedge.workflows.campaign_columns import device_features
from autoedge.workflows.export import campaign_of, export_campaign, opened_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

DEVICE = {
    "machine": "m",
    "arch": "aarch64",
    "cpu": "Raspberry Pi 4",
    "cores": 4,
    "physical_cores": 4,
    "memory_mib": 4096,
    "os": "Linux 6",
    "python": "3.11",
    "runtimes": {"onnxruntime": "1.2.3"},
    "wrap": "",
}
FINGERPRINT = Device(**DEVICE).fingerprint


def _candidate(batch: int = 1, target: str = "pi4", **recipe: str) -> Candidate:
    made = Configuration("digits", {"precision": "fp32", **recipe}, "onnxruntime", {"batch": batch, "arena": "on"})
    return Candidate(made, target)


def _measurement(candidate: Candidate, latency: float, **changes: Any) -> Measurement:
    metrics = {
        "latency_p50_ms": Value(latency, latency * 0.9, latency * 1.1, Source.MEASURED, "median", 100),
        "energy_mj": Value(8.0, 4.0, 12.0, Source.ESTIMATED, "software estimate", 1),
        "accuracy": Value(0.9, 0.8, 0.95, Source.MEASURED, "share", 500),
    }
    fields: dict[str, Any] = {
        "candidate_id": candidate.candidate_id,
        "config_id": candidate.configuration.config_id,
        "target": candidate.target,
        "fingerprint": FINGERPRINT,
        "runtime_version": "1.2.3",
        "variant_hash": "a" * 64,
        "variant_key": "v1",
        "data_hash": "d1",
        "protocol_id": "quick-1-aaaaaaaa",
        "session": "",
        "phase": Phase.SEARCH,
        "replicate": 0,
        "status": Status.OK,
        "metrics": metrics,
        "started": 1.7e9,
    }
    return Measurement(**{**fields, **changes})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "study.db"


@pytest.fixture
def put(database: Path) -> Iterator[Callable[..., None]]:
    """``put(candidate, latency, **changes)`` stores a measurement; facts of a run are there."""
    store = Store(database)
    store.set_fact("devices", {"pi4": DEVICE})
    store.set_fact("models", {"digits": {"log_macs": 6.5}})
    store.set_fact("objectives", ["latency_p50_ms", "energy_mj", "accuracy"])

    def stored(candidate: Candidate, latency: float, **changes: Any) -> None:
        assert store.add(_measurement(candidate, latency, **changes), candidate)

    yield stored
    store.close()


def test_figures_of_the_run(autoedge: Command, write_intent: Callable[..., Path], place: Path) -> None:
    """Every figure of front.csv stands in the campaign unchanged, whatever phase it is from, with its source."""
    done = autoedge("select", "--intent", write_intent(), "--out", "run")
    assert done.returncode in {0, 1, 4}, done.stderr
    done = autoedge("campaign", "export", "run", "boards", "--device", "local=pi", "--licence", "MIT")
    assert done.returncode == 0, done.stderr
    campaign = read_campaign(place / "boards")
    rows = campaign.frame.set_index("candidate_id")
    front = pd.read_csv(place / "run" / "front.csv").set_index("candidate_id")
    assert set(front["phase"]) >= {"confirm"}
    for metric in METRICS.values():
        for column in (metric.key, f"{metric.key}_lo", f"{metric.key}_hi"):
            if column in front:
                np.testing.assert_array_equal(front[column], rows.loc[front.index, column], column)
        if metric.key in front:
            sources = front[f"{metric.key}_source"].dropna()
            assert (sources == rows.loc[sources.index, f"{metric.key}_source"]).all()
    assert set(rows["energy_mj_source"]) == {"estimated"}
    assert list(campaign.card.objectives) == ["latency_p50_ms", "accuracy"]
    assert campaign.targets == ["pi"]
    assert {"log_macs", "log_parameters", "device_log_cores"} <= set(campaign.card.features)
    assert campaign.frame[["log_macs", "fingerprint", "runtime_version", "date"]].notna().all(axis=None)
    explored = json.loads((place / "run" / "verdict.json").read_text())["used"]["explored"]
    assert len(rows) == explored
    assert len(results_of(Table(campaign, "pi"))) == explored


def test_roles_of_columns(put: Callable[..., None], database: Path) -> None:
    """Knobs that do not apply are ``none``, numbers are ordered, and an estimated objective is only a column."""
    put(_candidate(1), 2.0)
    put(_candidate(4, precision="int8-static", calibration="minmax"), 1.0)
    exported = campaign_of(str(database))
    card, frame = exported.campaign.card, exported.campaign.frame
    assert {name: knob.type for name, knob in card.knobs.items()} == {
        "model": "categorical",
        "runtime": "categorical",
        "precision": "categorical",
        "calibration": "categorical",
        "arena": "categorical",
        "batch": "int",
    }
    assert sorted(frame["calibration"]) == ["minmax", "none"]
    assert list(card.objectives) == ["latency_p50_ms", "accuracy"]
    assert "energy_mj is estimated: a column of the rows, but no objective" in exported.notes
    assert set(frame["energy_mj_source"]) == {"estimated"}
    assert "Raspberry Pi 4" in card.source
    assert frame["log_macs"].tolist() == [6.5, 6.5]
    without = campaign_of(str(database), estimates=False, objectives=["latency_p50"]).campaign
    assert not [column for column in without.frame if column.startswith("energy")]
    assert list(without.card.objectives) == ["latency_p50_ms"]


def test_several_processes_are_one_result(put: Callable[..., None], database: Path) -> None:
    """Processes of one candidate are one row with their number; failures and early ends have no part in it."""
    for replicate, latency in enumerate((1.0, 4.0)):
        put(_candidate(), latency, replicate=replicate)
    put(_candidate(), 100.0, replicate=2, status=Status.INVALID, reason="throttled")
    put(_candidate(4), 50.0, status=Status.STOPPED, reason="surely dominated")
    put(_candidate(8), 1.0, status=Status.FAILED, reason="out of memory", metrics={})
    frame = campaign_of(str(database)).campaign.frame
    assert len(frame) == 1
    assert frame.loc[0, "n_processes"] == 2
    assert frame.loc[0, "latency_p50_ms"] == pytest.approx(2.0)  # their geometric mean


def test_protocols_are_kept_apart(put: Callable[..., None], database: Path) -> None:
    """Results of two protocols are refused with a list of both; one that is named is taken alone."""
    put(_candidate(1), 2.0)
    put(_candidate(2), 3.0, protocol_id="strict-1-bbbbbbbb")
    with pytest.raises(DataError, match="never share a campaign") as caught:
        campaign_of(str(database))
    assert "quick-1-aaaaaaaa on pi4: 1 measurements of 1 candidates" in str(caught.value)
    assert "strict-1-bbbbbbbb on pi4" in str(caught.value)
    frame = campaign_of(str(database), protocols=["strict"]).campaign.frame
    assert frame["batch"].tolist() == [2]
    with pytest.raises(DataError, match="no result has that protocol"):
        campaign_of(str(database), protocols=["standard"])


def test_targets_with_their_own_idle_power(put: Callable[..., None], database: Path) -> None:
    """Protocols of two targets that differ in the meter and the idle power alone are one; in all else they are not."""
    put(_candidate(1), 2.0)
    put(_candidate(1, target="pi5"), 1.0, protocol_id="quick-1-bbbbbbbb", fingerprint="f" * 16)
    store = Store(database)
    shared = {"latency_calls": 64, "meter": "um25c at usb"}
    store.set_fact(
        "protocols", {"quick-1-aaaaaaaa": shared, "quick-1-bbbbbbbb": {"latency_calls": 64, "idle_w pi5": 2}}
    )
    assert campaign_of(str(database)).campaign.targets == ["pi4", "pi5"]
    store.set_fact("protocols", {"quick-1-aaaaaaaa": shared, "quick-1-bbbbbbbb": {"latency_calls": 99}})
    with pytest.raises(DataError, match="never share"):
        campaign_of(str(database))
    store.close()


def test_newest_files_and_data(put: Callable[..., None], database: Path) -> None:
    """Where a model's file was replaced, only what was measured of the newest counts, and that is told."""
    put(_candidate(1), 9.0, variant_key="old", started=1.6e9)
    put(_candidate(2), 9.0, data_hash="d0", started=1.6e9)
    put(_candidate(1), 2.0, replicate=1)
    exported = campaign_of(str(database))
    assert exported.campaign.frame["latency_p50_ms"].tolist() == [2.0]
    assert any("2 measurements of model files or data that were replaced" in note for note in exported.notes)


def test_two_devices_of_one_name(put: Callable[..., None], database: Path) -> None:
    """A target that was two devices is two targets; what is not known of the earlier one is left open."""
    put(_candidate(1), 2.0)
    put(_candidate(1), 5.0, fingerprint="0123456789abcdef", started=1.6e9)
    frame = campaign_of(str(database)).campaign.frame.set_index("device")
    assert sorted(frame.index) == sorted(["pi4-01234567", f"pi4-{FINGERPRINT[:8]}"])
    assert np.isnan(frame.loc["pi4-01234567", "device_log_cores"])
    assert frame.loc[f"pi4-{FINGERPRINT[:8]}", "device_log_cores"] == 2.0


def test_runtime_versions(put: Callable[..., None], database: Path) -> None:
    """Where several versions of a runtime were measured, the version is one more knob."""
    put(_candidate(1), 2.0)
    put(_candidate(1), 1.0, runtime_version="1.3.0")
    campaign = campaign_of(str(database)).campaign
    assert campaign.card.knobs["runtime_version"].type == "categorical"
    assert sorted(campaign.frame["latency_p50_ms"]) == [1.0, 2.0]


def test_every_input_size_has_its_own_newest_file(put: Callable[..., None], database: Path) -> None:
    """What is fed to a model is part of its file's key: one size does not make another one's rows old."""
    for level, key in ((8, "key at 8"), (12, "key at 12")):
        sized = Configuration("digits", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "image_size": level})
        put(Candidate(sized, "pi4"), float(level), variant_key=key)
    assert sorted(campaign_of(str(database)).campaign.frame["latency_p50_ms"]) == [8.0, 12.0]


def test_versions_of_several_runtimes_are_no_knob(put: Callable[..., None], database: Path) -> None:
    """Each runtime has a version of its own; only several versions of one tell candidates apart."""
    put(_candidate(1), 2.0)
    other = Candidate(Configuration("digits", {"precision": "fp32"}, "openvino", {"batch": 1}), "pi4")
    put(other, 1.0, runtime_version="2026.4")
    card = campaign_of(str(database)).campaign.card
    assert "runtime_version" not in card.knobs
    assert "runtime" in card.knobs


def test_device_features_as_in_a_space() -> None:
    """What a campaign tells of devices has the names and numbers that a space of several devices has."""
    devices = {"one": Device(**DEVICE), "two": Device(**{**DEVICE, "cores": 2, "physical_cores": 1, "memory_mib": 512})}
    file = read_space_file(catalog_folder("search_spaces") / "onnxruntime-cpu.yaml")
    space = Space([file], [ModelFacts("m")], devices, {"batch": [1], "threads": [1]})
    names, values = space.features()
    assert names
    for name, device in devices.items():
        ours = device_features(device)
        row = values[np.flatnonzero(space.rows_on(name))[0]]
        assert {feature: ours[feature] for feature in names} == dict(zip(names, row, strict=True))


def test_bad_places(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """What is no store is refused and not made; a store without results, and a folder that is taken, are refused."""
    with pytest.raises(StoreError, match="holds no measurements"):
        opened_store(str(tmp_path / "nowhere"))
    missing = tmp_path / "missing.db"
    with pytest.raises(StoreError, match="is no store"):
        opened_store(f"sqlite:///{missing}")
    assert not missing.exists()
    (tmp_path / "other.db").write_bytes(b"")
    with pytest.raises(StoreError, match="is no store"):
        opened_store(str(tmp_path / "other.db"))
    assert (tmp_path / "other.db").read_bytes() == b""
    with pytest.raises(DataError, match="holds no valid measurement yet"):
        campaign_of(str(database))
    put(_candidate(), 1.0)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "campaign.json").write_text("{}")
    with pytest.raises(DataError, match="nothing is overwritten"):
        export_campaign(str(database), taken)
    assert (taken / "campaign.json").read_text() == "{}"


def test_no_password_in_messages() -> None:
    """A store's URL is shown without its password."""
    with pytest.raises(StoreError) as caught:
        opened_store("nosuchdatabase://me:secret@host/db")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"), [({"pi9": "x"}, "there is no target pi9; there are pi4"), ({"pi4": "pi5"}, "two targets get")]
)
def test_bad_names(put: Callable[..., None], database: Path, names: dict[str, str], message: str) -> None:
    """Only targets that are there get other names, and no two the same."""
    put(_candidate(1), 2.0)
    put(_candidate(1, target="pi5"), 1.0, fingerprint="f" * 16)
    with pytest.raises(DataError, match=message):
        campaign_of(str(database), names=names)


def test_knob_named_as_a_column(put: Callable[..., None], database: Path) -> None:
    """A knob whose name is that of another column would hide it: it is refused."""
    made = Configuration("digits", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "date": "today"})
    put(Candidate(made, "pi4"), 1.0)
    with pytest.raises(DataError, match="a knob is named date"):
        campaign_of(str(database))


_WRITER = """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_export import _candidate, _measurement
    from autoedge.store.store import Store
    store = Store(Path({database!r}))
    print("ready", flush=True)
    for replicate in range(100_000):
        candidate = _candidate(1 + replicate % 50)
        store.add(_measurement(candidate, 1.0 + replicate, replicate=replicate), candidate)
"""


def test_while_another_process_writes(put: Callable[..., None], database: Path, request: pytest.FixtureRequest) -> None:
    """A store that another process adds to all the time is exported whole: every row has all its figures."""
    put(_candidate(60), 3.0)
    code = textwrap.dedent(_WRITER).format(tests=str(request.path.parent), database=str(database))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        sizes = []
        try:
            while len(set(sizes)) < 3:
                frame = campaign_of(str(database)).campaign.frame
                assert frame[["latency_p50_ms", "accuracy", "latency_p50_ms_lo"]].notna().all(axis=None)
                sizes.append(int(frame["n_processes"].sum()))
        finally:
            writer.kill()
    assert sizes == sorted(sizes)
