"""What runtimes offer on a machine: asked in processes of their own, and told with the device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from autoedge.agent import offers
from autoedge.agent.offers import offers_of
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
FOUND = {"device": {"CPU": "", "GPU": "no driver"}}
_SOON_S = 10.0


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.syspath_prepend(HERE)


def places(*names: str) -> dict[str, str]:
    """Runtimes of the file beside this one."""
    return {name: f"offering_runtimes:{name}" for name in names}


def test_each_runtime_is_asked() -> None:
    """What a runtime says stands under its name; one that depends on nothing is not even asked."""
    assert offers_of(places("Offering", "Indifferent")) == {"Offering": FOUND}
    assert offers_of({}) == {}


def test_a_runtime_that_breaks_offers_nothing() -> None:
    """A crash or nonsense costs that runtime's knobs, and neither the agent nor another runtime's."""
    found = offers_of(places("Crashing", "Nonsense", "Offering"))
    assert found == {"Crashing": {}, "Nonsense": {}, "Offering": FOUND}


def test_a_runtime_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After the time for all runtimes it is killed with what it started, and signs of life were given until then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(offers, "LONGEST_S", 6.0)
    monkeypatch.setattr(offers, "_BEAT_S", 0.2)
    beats: list[None] = []
    assert offers_of(places("Hanging", "Offering"), lambda: beats.append(None)) == {"Hanging": {}, "Offering": {}}
    assert len(beats) > 1
    pid = int((tmp_path / "grandchild").read_text(encoding="ascii"))
    end = time.monotonic() + _SOON_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "its child lives on"
        time.sleep(0.05)


def _local(tmp_path: Path, runtimes: Mapping[str, str]) -> LocalTarget:
    return LocalTarget(runtimes, blobs=tmp_path / "blobs", jobs=tmp_path / "jobs")


def test_the_device_tells(tmp_path: Path) -> None:
    """A probe of a target brings what its runtimes offer, and the fingerprint is the same without."""
    with _local(tmp_path, places("Offering", "Crashing")) as target, _local(tmp_path, {}) as bare:
        assert target.device is not None
        assert bare.device is not None
        assert target.device.offers == {"Offering": FOUND, "Crashing": {}}
        assert (bare.device.offers, bare.device.fingerprint) == ({}, target.device.fingerprint)


def test_placement_comes_with_the_reply(tmp_path: Path, job: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Where an engine says which device executes how many operators, the reply has it; else it has nothing of it."""
    runtimes = {**places("Placing"), "onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"}
    with _local(tmp_path, runtimes) as target:
        target.send_files(files)
        told = target.run({**job, "runtime": "Placing"}, {}).body["done"]
        silent = target.run(job, {}).body["done"]
    assert told["placement"] == {"gpu": 2, "cpu": 1}
    assert "placement" not in silent


def test_a_provider_that_is_not_there_fails_the_job(
    tmp_path: Path, job: Mapping[str, Any], files: Mapping[str, Path]
) -> None:
    """A job for a provider that the build lacks ends with the reason, and the next one runs."""
    runtimes = {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime"}
    with _local(tmp_path, runtimes) as target:
        target.send_files(files)
        failed = target.run({**job, "knobs": {"threads": 1, "provider": "qnn"}}, {}).body
        assert failed["failed"].startswith("this build of ONNX Runtime has no provider qnn")
        assert "done" in target.run({**job, "knobs": {"threads": 1, "provider": "cpu"}}, {}).body
