"""``export measurements``: every process of a store as a row of a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from autoedge.candidate import Candidate, Configuration
from autoedge.errors import DataError, StoreError
from autoedge.measurement import Measurement, Phase, Source, Status, Value
from autoedge.store.store import Store
from autoedge.workflows.export_measurements import export_measurements

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

FP32 = Candidate(Configuration("digits", {"precision": "fp32"}, "onnxruntime", {"batch": 1, "arena": "on"}), "pi4")
STATIC = Candidate(
    Configuration("digits", {"precision": "int8-static", "calibration": "minmax"}, "onnxruntime", {"batch": 4}), "pi4"
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the store of a test lies."""
    return tmp_path / "study.db"


@pytest.fixture
def put(database: Path) -> Iterator[Callable[..., None]]:
    """``put(candidate, **changes)`` stores a measurement."""
    store = Store(database)

    def stored(candidate: Candidate, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "candidate_id": candidate.candidate_id,
            "config_id": candidate.configuration.config_id,
            "target": candidate.target,
            "fingerprint": "0123456789abcdef",
            "runtime_version": "1.2.3",
            "variant_hash": "a" * 64,
            "variant_key": "v1",
            "data_hash": "d1",
            "protocol_id": "quick-1-aaaaaaaa",
            "session": "",
            "phase": Phase.SEARCH,
            "replicate": 0,
            "status": Status.OK,
            "started": 1.7e9,
            "duration_s": 0.5,
        }
        assert store.add(Measurement(**{**fields, **changes}), candidate)

    yield stored
    store.close()


def _figures(latency: float) -> dict[str, Value]:
    return {
        "latency_p50_ms": Value(latency, latency - 0.1, latency + 0.1, Source.MEASURED, "median", 100),
        "energy_mj": Value(8.0, 4.0, 12.0, Source.ESTIMATED, "software estimate", 1),
    }


def test_every_process_is_a_row(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """Processes of one candidate, failures and early ends are rows of their own, with figures, sources and reasons."""
    put(FP32, phase=Phase.BASELINE, metrics=_figures(2.0), flags=("unsteady", "throttled"))
    put(FP32, phase=Phase.BASELINE, replicate=1, metrics=_figures(2.5))
    put(STATIC, status=Status.FAILED, reason="out of memory")
    put(STATIC, replicate=1, status=Status.STOPPED, reason="surely dominated", metrics=_figures(9.0))
    document = export_measurements(str(database), tmp_path / "all.parquet")
    frame = pd.read_parquet(tmp_path / "all.parquet")
    assert document["statuses"] == {"ok": 2, "failed": 1, "stopped": 1}
    assert document["columns"] == list(frame.columns)
    assert frame["status"].tolist() == ["ok", "ok", "failed", "stopped"]
    assert frame["reason"].tolist() == ["", "", "out of memory", "surely dominated"]
    assert frame["replicate"].tolist() == [0, 1, 0, 1]
    assert frame["flags"].tolist() == ["unsteady throttled", "", "", ""]
    assert frame["latency_p50_ms"].dropna().tolist() == [2.0, 2.5, 9.0]
    assert frame["latency_p50_ms_lo"].tolist()[0] == pytest.approx(1.9)
    assert frame["energy_mj_source"].dropna().unique().tolist() == ["estimated"]
    assert frame["latency_p50_ms"].isna().tolist() == [False, False, True, False]
    assert frame["fingerprint"].unique().tolist() == ["0123456789abcdef"]
    assert frame["protocol_id"].unique().tolist() == ["quick-1-aaaaaaaa"]
    assert frame["started"].iloc[0] == pd.Timestamp("2023-11-14T22:13:20Z")


def test_knobs_are_columns(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """Each knob is a column of one type, empty where it does not apply."""
    put(FP32, metrics=_figures(2.0))
    put(STATIC, metrics=_figures(1.0))
    export_measurements(str(database), tmp_path / "all.parquet")
    frame = pd.read_parquet(tmp_path / "all.parquet")
    assert frame["batch"].tolist() == [1, 4]
    assert pd.api.types.is_integer_dtype(frame["batch"])
    assert frame["precision"].tolist() == ["fp32", "int8-static"]
    assert frame["calibration"].isna().tolist() == [True, False]
    assert frame["arena"].isna().tolist() == [False, True]


def test_both_forms_hold_the_same(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """CSV and Parquet have the same columns and figures."""
    put(FP32, metrics=_figures(2.0))
    put(STATIC, metrics=_figures(1.0))
    for name in ("all.csv", "all.parquet"):
        export_measurements(str(database), tmp_path / name)
    one, other = pd.read_csv(tmp_path / "all.csv"), pd.read_parquet(tmp_path / "all.parquet")
    assert list(one.columns) == list(other.columns)
    for column in ("latency_p50_ms", "latency_p50_ms_hi", "energy_mj", "batch", "duration_s"):
        assert one[column].tolist() == other[column].tolist()
    assert pd.to_datetime(one["started"]).tolist() == other["started"].tolist()


def test_text_from_outside_is_harmless(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """In a CSV no text begins a formula or ends a line; Parquet, which nobody executes, keeps it as it is."""
    reason = "=HYPERLINK(1)\nnext\x1b[31m"
    hostile = Candidate(Configuration("@digits", {"precision": "-fp32"}, "onnxruntime", {"batch": 1}), "pi4")
    put(hostile, status=Status.FAILED, reason=reason)
    put(FP32, status=Status.FAILED, flags=("half \ud800",))
    for name in ("all.csv", "all.parquet"):
        export_measurements(str(database), tmp_path / name)
    row = pd.read_csv(tmp_path / "all.csv").iloc[0]
    assert row["reason"] == r"'=HYPERLINK(1)\nnext\x1b[31m"
    assert row["model"] == "'@digits"
    assert row["precision"] == "'-fp32"
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 3
    kept = pd.read_parquet(tmp_path / "all.parquet")
    assert kept["reason"].iloc[0] == reason
    assert kept["model"].tolist() == ["@digits", "digits"]
    assert kept["flags"].tolist() == ["", "half ?"]


def test_bad_input(put: Callable[..., None], database: Path, tmp_path: Path) -> None:
    """Another ending, no store, an empty one, and a knob that would hide a column are refused; nothing is written."""
    for name in ("all.xlsx", "all"):
        with pytest.raises(DataError, match=r"\.csv or \.parquet"):
            export_measurements(str(database), tmp_path / name)
    with pytest.raises(StoreError, match="holds no measurements"):
        export_measurements(str(tmp_path / "nowhere"), tmp_path / "all.csv")
    with pytest.raises(DataError, match="holds no measurement yet"):
        export_measurements(str(database), tmp_path / "all.csv")
    put(Candidate(Configuration("digits", {}, "onnxruntime", {"status": "on"}), "pi4"))
    with pytest.raises(DataError, match="a knob is named status"):
        export_measurements(str(database), tmp_path / "all.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.db"]


def test_command(put: Callable[..., None], database: Path, place: Path, autoedge: Command) -> None:
    """The command tells how many measurements ended how, as text or JSON, and ends with 2 on bad input."""
    put(FP32, metrics=_figures(2.0))
    done = autoedge("export", "measurements", database, "all.csv")
    assert (done.returncode, done.stdout) == (0, "1 measurements (1 ok) written to all.csv\n"), done.stderr
    done = autoedge("export", "measurements", database, "all.csv", "--json")
    assert json.loads(done.stdout)["rows"] == len(pd.read_csv(place / "all.csv")) == 1
    done = autoedge("export", "measurements", database, "all.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "as the file's name ends" in done.stderr
