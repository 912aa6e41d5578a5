"""Power and temperature over time: what was recorded, thinned, and nothing that was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.measurement import Measurement, Phase, Status
from autoedge.workflows.report_traces import MOST_POINTS, traces

if TYPE_CHECKING:
    from pathlib import Path


def _row(phase: Phase = Phase.CONFIRM, raw: str = "", **details: Any) -> Measurement:
    return Measurement(
        candidate_id="a@local", config_id="a", target="local", fingerprint="f", runtime_version="1", variant_hash="",
        data_hash="", protocol_id="p", session="s", phase=phase, replicate=0, status=Status.OK, started=100.0,
        duration_s=10.0, details=details, raw=raw,
    )  # fmt: skip


def _power(scope: str) -> dict[str, Any]:
    return {"meter": {"name": "um25c", "scope": scope}}


@pytest.mark.parametrize(("scope", "source"), [("board-input", "measured"), ("estimate", "estimated")])
def test_the_power_of_one_process_is_drawn(tmp_path: Path, scope: str, source: str) -> None:
    """A recording comes out as means of equal stretches from its first sample on; a model's is an estimate."""
    time = np.linspace(50.0, 60.0, 5000)
    np.savez(tmp_path / "r.npz", power0_time_s=time, power0_power_w=np.where(time < 55, 2.0, 4.0), latency_ns=[1])
    (found,) = traces(tmp_path, [_row(raw="r.npz", power=_power(scope))], ["a@local"])
    (series,) = found["series"]
    assert found["source"] == source
    assert len(series["x"]) == MOST_POINTS
    assert 0 <= series["x"][0] < 0.1
    assert set(series["y"]) <= {2.0, 4.0}


def test_a_gap_stays_a_gap(tmp_path: Path) -> None:
    """Between two recordings there is nothing, and nothing is drawn."""
    pieces = {}
    for i, start in enumerate((0.0, 90.0)):
        pieces |= {f"power{i}_time_s": start + np.linspace(0, 10, 3000), f"power{i}_power_w": np.full(3000, 2.0)}
    np.savez(tmp_path / "r.npz", **pieces)  # type: ignore[arg-type]
    (found,) = traces(tmp_path, [_row(raw="r.npz", power=_power("package"))], ["a@local"])
    assert found["series"][0]["y"].count(None) > MOST_POINTS / 2


def test_a_soak_shows_whatever_was_seen(tmp_path: Path) -> None:
    """Latency always, temperature and clock where the machine told them, the hottest zone at each moment."""
    looks = np.arange(5.0)
    np.savez(
        tmp_path / "s.npz", end_s=looks, duration_ns=np.full(5, 2_000_000), look_s=looks,
        look_temp_c=np.array([[40, 50], [41, np.nan], [np.nan, np.nan], [43, 20], [44, 45]], float),
        look_clock_khz=np.full(5, np.nan), zones=np.array(["a", "b"]),
    )  # fmt: skip
    (found,) = traces(tmp_path, [_row(Phase.SOAK, raw="s.npz")], [])
    told = {one["name"]: one for one in found["series"]}
    assert list(told) == ["latency", "temperature"]
    assert told["latency"]["y"] == [2.0] * 5
    assert told["temperature"]["y"] == [50.0, 41.0, 43.0, 45.0]


def test_temperatures_follow_the_run(tmp_path: Path) -> None:
    """Before and after each measurement the hottest zone is a point, in seconds since the first."""

    def look(*degrees: float) -> dict[str, Any]:
        return {"thermal": {"zones": [{"name": "z", "temp_c": degree} for degree in degrees]}}

    (found,) = traces(tmp_path, [_row(conditions={"before": look(40.0, 42.0), "after": look(47.0)})], [])
    assert found["series"] == [{"name": "temperature", "unit": "°C", "x": [0.0, 10.0], "y": [42.0, 47.0]}]


@pytest.mark.parametrize("raw", ["gone.npz", "../outside.npz", "junk.npz", "pickle.npz", "array.npy", "empty.npz", ""])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, raw: str) -> None:
    """A file that is gone, damaged, outside the run or full of objects is no picture, and nothing of it runs."""
    root = tmp_path / "run"
    root.mkdir()
    arrays = {"power0_time_s": np.arange(3.0), "power0_power_w": np.ones(3)}
    np.savez(tmp_path / "outside.npz", **arrays)  # type: ignore[arg-type]
    (root / "junk.npz").write_bytes(b"PK\x03\x04 no archive")
    objects = np.array([{}], dtype=object)
    np.save(root / "array.npy", np.ones(3))
    (root / "empty.npz").touch()
    np.savez(root / "pickle.npz", power0_time_s=objects, power0_power_w=objects)
    assert traces(root, [_row(raw=raw, power=_power("package"))], ["a@local"]) == []


@pytest.mark.parametrize(
    "arrays",
    [
        {"end_s": np.arange(3.0), "duration_ns": np.full(3, 1), "look_temp_c": np.ones(5)},
        {"end_s": np.array(3.0), "duration_ns": np.array(1)},
        {"end_s": np.array(["a"]), "duration_ns": np.array(["b"])},
        {"end_s": np.arange(3.0), "duration_ns": np.ones((3, 2))},
    ],
)
def test_a_soak_of_another_shape_is_left_out(tmp_path: Path, arrays: dict[str, Any]) -> None:
    """A recording that can be read but makes no sense costs its own picture, and the report goes on."""
    np.savez(tmp_path / "s.npz", **arrays)
    np.savez(tmp_path / "good.npz", end_s=np.arange(5.0), duration_ns=np.full(5, 2_000_000))
    rows = [_row(Phase.SOAK, raw="s.npz"), _row(Phase.SOAK, raw="good.npz")]
    assert len(traces(tmp_path, rows, [])) == 1
