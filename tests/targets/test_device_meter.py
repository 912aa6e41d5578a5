"""A sensor in a target's device is read by hand, and judged, through the agent there."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.errors import TargetError
from autoedge.meters.replay import load
from autoedge.registry import places
from autoedge.targets.device_meter import DeviceMeter
from autoedge.targets.file import write_target
from autoedge.workflows.meter_reading import read_meter
from autoedge_cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MICROWATTS = 2_500_000


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    """Root of a tree with one power sensor that shows 2.5 W."""
    folder = tmp_path / "root" / "sys" / "class" / "hwmon" / "hwmon0"
    folder.mkdir(parents=True)
    sensor = {"name": "ina226", "in1_input": 5000, "curr1_input": 500, "power1_input": MICROWATTS}
    for name, value in sensor.items():
        (folder / name).write_text(f"{value}\n")
    return tmp_path / "root"


@pytest.fixture
def declared_with(loopback: Any, tmp_path: Path) -> Callable[..., Path]:
    """A targets file with the device behind the ssh server and its meter."""

    def write(**meter: Any) -> Path:
        one = loopback.declared()
        fields = {"address": one.address, "python": one.python, "folder": one.folder, "ssh": list(one.ssh)}
        write_target(tmp_path / "targets.yaml", "device", {**fields, "meter": meter})
        return tmp_path / "targets.yaml"

    return write


def test_read_over_ssh(
    chip: Path, declared_with: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The meter that a target declares is read where it is; the recording can be replayed here."""
    file = declared_with(type="hwmon", root=str(chip))
    table = tmp_path / "power.csv"
    arguments = ["--target", "device", "--targets", str(file), "--seconds", "1.5", "--csv", str(table), "--json"]
    assert run(["meters", "read", *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["meter"]["name"] == "hwmon"
    assert document["summary"]["mean_w"] == pytest.approx(MICROWATTS / 1e6)
    assert document["counts"]["samples"] == document["summary"]["values"] > 5
    assert document["lost"] == ""
    block = load(table)
    assert len(block.time_s) == document["summary"]["values"]
    assert np.all(np.diff(block.time_s) > 0)


def test_check_over_ssh(chip: Path, declared_with: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """A sensor elsewhere is judged on its own clock; too short a window is exit 4."""
    file = declared_with(type="hwmon", root=str(chip))
    common = ["hwmon", "--target", "device", "--targets", str(file), "--json"]
    assert run(["meters", "check", *common, "--window", "0.5 s"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["window"]["seconds"] == pytest.approx(0.5)
    assert document["window"]["refused"]
    assert document["pace"]["values_hz"] > 1


def test_a_sensor_that_is_not_there(
    tmp_path: Path, declared_with: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The device says why its meter cannot be opened, and the exit code is that of a missing device."""
    file = declared_with(type="hwmon", root=str(tmp_path / "empty"))
    assert run(["meters", "read", "--target", "device", "--targets", str(file)]) == 3
    assert "target 'device'" in capsys.readouterr().err


def test_what_came_before_the_loss_is_kept(make: Any, chip: Path) -> None:
    """When the agent is lost in the middle of a recording, its values so far are handed over with the reason."""
    target = make()
    target.probe()
    meter = DeviceMeter(target, places("autoedge.meters")["hwmon"], {"root": str(chip)})
    assert meter.spec.name == "hwmon"
    seen: list[float] = []
    first = threading.Event()

    def watch(_: float, watts: float) -> None:
        if np.isfinite(watts):
            seen.append(watts)
        if len(seen) > 3 and not first.is_set():
            first.set()
            target._link._process.kill()

    trace = read_meter(meter, 30.0, watch)
    assert "target 'device'" in trace.lost
    assert trace.counts.samples == len(trace.time_s) > 0


def test_a_recording_needs_a_meter(make: Any) -> None:
    """An agent that has no meter open says so instead of recording nothing."""
    target = make()
    with pytest.raises(TargetError, match="no meter"):
        target.start_recording()


@pytest.mark.parametrize("spec", [{"scope": "moon"}, {"name": 3}, {}, "x", None])
def test_a_device_that_publishes_nonsense_is_no_meter(make: Any, spec: Any) -> None:
    """A device's word is checked: what is no spec, and what is no recording, is a target's error."""
    target = make()
    target._ask = lambda _, **__: Frame({"spec": spec, "trace": spec}, {})
    with pytest.raises(TargetError, match="nonsense"):
        target.open_meter("a:B", {})
    with pytest.raises(TargetError, match="no recording"):
        target.recorded(end=True)
