"""Power models on disk, and which one a device gets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autoedge.bench.board_power import BoardPower
from autoedge.bench.energy_estimate import PowerModel
from autoedge.bench.loads import IDLE, Load, LoadPower
from autoedge.bench.power_fit import FittedPower
from autoedge.bench.power_models import Calibration, calibrated, estimate_for, models_folder, read_calibration, shown
from autoedge.device import Device
from autoedge.errors import DataError
from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from pathlib import Path

SPEC = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004)
DEVICE = Device("0" * 16, "aarch64", "Raspberry Pi 5 Model B Rev 1.0", 4, 4, 8000, "Linux 6.6", "3.11.2")
MODEL = FittedPower(
    {"idle": 2.5, "linear": 6.0}, 0.01, 1.0, 1.0, 0.05, 0.1, 0.0015, 0.004, "um25c", "board-input", "2026-01-02"
)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_POWER_MODELS", str(tmp_path / "power"))


def made(model: FittedPower | None = MODEL) -> Calibration:
    """A calibration of the device."""
    loads = [LoadPower(IDLE, 0.01, 1.0, 2.5, 0.001), LoadPower(Load("copy", 4, 1.0), 1.0, 1.0, 8.5, 0.01)]
    return Calibration(DEVICE.fingerprint, DEVICE.cpu, SPEC, 1e9, loads, model)


def test_a_calibration_is_kept() -> None:
    """What was stored is read again, by the device's fingerprint; other devices have none."""
    path = made().save()
    assert path == models_folder() / f"{DEVICE.fingerprint}.json"
    assert read_calibration(DEVICE.fingerprint) == made()
    assert calibrated(DEVICE) == MODEL
    assert calibrated(replace(DEVICE, memory_mib=4000)) is None


def test_an_unfinished_one_lies_beside_and_ends_with_the_finished_one() -> None:
    """Loads of an interrupted calibration do not touch the model in force, and go when a new one is."""
    made().save()
    made(None).save()
    assert calibrated(DEVICE) == MODEL
    assert read_calibration(DEVICE.fingerprint, finished=False) == made(None)
    made().save()
    assert read_calibration(DEVICE.fingerprint, finished=False) is None


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("{", "is no power model"),
        ("[]", "is no power model"),
        ('{"schema_version": 2}', "has schema_version 2, this AutoEdge reads 1"),
        ('{"schema_version": 1}', "is no power model"),
        ('"fingerprint"', "is of another device"),
        ('"meter"', "is no power model"),
    ],
)
def test_a_damaged_file_is_told(change: str, problem: str) -> None:
    """Whatever is wrong with the file, the message names it and says what to do."""
    path = made().save()
    form = json.loads(path.read_text())
    path.write_text(json.dumps({**form, json.loads(change): "f" * 16}) if change.startswith('"') else change)
    with pytest.raises(DataError, match=rf"{DEVICE.fingerprint}.json: {problem}.*delete it, and calibrate again"):
        calibrated(DEVICE)


def test_the_best_model_is_used() -> None:
    """A calibration comes before the table of boards, and that before generic constants."""
    assert estimate_for(DEVICE, None, MODEL) is MODEL
    assert isinstance(estimate_for(DEVICE, None, None), BoardPower)
    assert estimate_for(replace(DEVICE, cpu="unknown"), 0.4, None) == PowerModel.generic("aarch64", 0.4)


def test_models_are_told_by_id_origin_and_band() -> None:
    """Each model has an id of its own, words for where it comes from, and its band; the generic one has no id."""
    models = [MODEL, estimate_for(DEVICE, None, None), PowerModel(2.0, 1.0)]
    told = [shown(model) for model in models]
    assert len({one["id"] for one in told}) == 3
    assert told[0]["id"].startswith("calibrated 2026-01-02 ")
    assert told[0]["work_error"] == 0.1
    assert [one["band"] for one in told[1:]] == [0.3, 0.5]
    assert told[2]["id"] == ""
