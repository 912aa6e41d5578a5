"""Runs without a meter: they say that energy is estimated, from what, and by how much it may be off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import autoedge
from autoedge.bench.power_fit import FittedPower
from autoedge.bench.power_models import Calibration
from autoedge.errors import DataError
from autoedge.intent.load import load_intent
from autoedge.meters.spec import MeterSpec
from autoedge.workflows.compare_power import compare_run
from autoedge.workflows.events import Note
from autoedge.workflows.opening import opened_run, reopened_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Intent = Callable[..., Path]

SPEC = MeterSpec("um25c", "board-input", 0.5, 0.5, 0.001, 0.0015, 0.004)
MODEL = FittedPower(
    {"idle": 2.5, "linear": 6.0}, 0.01, 1.0, 1.0, 0.05, 0.2, 0.0015, 0.004, "um25c", "board-input", "2026-01-02"
)
QUICK = {
    "models": "[small.onnx]",
    "constraints": "[energy <= 1 J]",
    "objectives": "[energy, latency_p50]",
    "budget": "{measurements: 3}",
    "search": "{space: onnxruntime-cpu, strategy: random, seed: 0, "
    "knobs: {precision: [fp32, fp16, int8-dynamic, int8-static], threads: [1], arena: ['on'], batch: [1]}}",
}


@pytest.fixture(autouse=True)
def _own_folders(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOEDGE_CACHE", str(place / "cache"))
    monkeypatch.setenv("AUTOEDGE_POWER_MODELS", str(place / "power"))
    monkeypatch.setenv("AUTOEDGE_TARGETS", str(place / "no targets"))


def calibrate(fingerprint: str) -> Path:
    """Stores a model of a device."""
    return Calibration(fingerprint, "this one", SPEC, 1e9, (), MODEL).save()


def opened(intent: Path, run: Path) -> tuple[str, str, list[str]]:
    """A run's protocol, its device, and what is told when it is opened."""
    told: list[Any] = []
    with opened_run(load_intent(intent), run, told.append) as (found, _):
        notes = [one.text for one in told if isinstance(one, Note)]
        return found.protocol.protocol_id, found.first.device.fingerprint, notes


def test_another_estimate_is_another_protocol(place: Path, write_intent: Intent) -> None:
    """A calibrated model's rows share no front with those of others, and a stored run keeps the model it had."""
    intent = write_intent(**QUICK)
    generic, fingerprint, notes = opened(intent, place / "one")
    assert any("may be off by 50 % (generic constants)" in note and "power calibrate" in note for note in notes)
    path = calibrate(fingerprint)
    fitted, _, notes = opened(intent, place / "two")
    assert fitted != generic
    assert any("(calibrated 2026-01-02 with um25c at board-input)" in note for note in notes)
    path.unlink()
    with reopened_run(place / "two") as run:
        assert run.protocol.protocol_id == fitted
    assert opened(intent, place / "two")[0] == generic


def test_a_damaged_model_is_told(place: Path, write_intent: Intent) -> None:
    """A model that cannot be read stops the run with what to do, rather than change its figures silently."""
    intent = write_intent(**QUICK)
    _, fingerprint, _ = opened(intent, place / "one")
    calibrate(fingerprint).write_text("{}")
    with pytest.raises(DataError, match="is no power model"):
        opened(intent, place / "one")


def test_an_estimate_says_so_everywhere(place: Path, write_intent: Intent) -> None:
    """Notes, verdict, front and bundle say that energy is estimated, with what, and by how much it may be off."""
    intent = write_intent(**QUICK)
    _, fingerprint, _ = opened(intent, place / "run")
    calibrate(fingerprint)
    selection = autoedge.select(intent, out=place / "run")
    (decision,) = selection.chosen["decisions"]
    assert decision["figure"]["source"] == "estimated"
    assert "decided on an estimate that may be off by " in decision["note"]
    told = selection.chosen["metrics"]["energy_mj"]["estimator"]
    assert told.startswith("software estimate, calibrated 2026-01-02 with um25c at board-input, +/- ")
    for file in ("verdict.json", "front.json", "bundle/bundle.json"):
        text = (place / "run" / file).read_text()
        assert told in text
        assert decision["note"] in text
    assert json.loads((place / "run/bundle/bundle.json").read_text())["result"]["metrics"]["energy_mj"]["low"] > 0
    readme = (place / "run/bundle/README.md").read_text()
    assert "**estimated**" in readme
    assert "that may be off by" in readme
    with pytest.raises(autoedge.errors.MeterError, match="nothing in it was measured with a power meter"):
        compare_run(place / "run")
