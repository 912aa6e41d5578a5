"""Snapshots of a machine's state, and what changed between them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.agent.conditions import changes, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, object]], Path]

CPU = "sys/devices/system/cpu/cpu0/cpufreq"
COOLING = "sys/class/thermal/cooling_device0"
PI = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/loadavg": "0.50 0.25 0.10 1/123 456",
    "proc/meminfo": "MemTotal:  8000000 kB\nMemAvailable:    2097152 kB",
    "proc/vmstat": "nr_free_pages 1\npswpin 3\npswpout 4",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": 50_000,
    f"{COOLING}/type": "Processor",
    f"{COOLING}/cur_state": 0,
    f"{CPU}/scaling_governor": "performance",
    f"{CPU}/stats/time_in_state": "1500000 100\n2400000 1000",
    "sys/class/hwmon/hwmon2/name": "pwmfan",
    "sys/class/hwmon/hwmon2/fan1_input": 3000,
    "sys/class/hwmon/hwmon2/pwm1": 125,
}


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Writes files of a tree and gives its root."""

    def write(files: dict[str, object]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n", encoding="utf-8")
        return tmp_path

    return write


def _look(plant: Plant, bits: int = 0, **files: object) -> dict[str, Any]:
    return snapshot(plant({**PI, **files}), lambda: f"throttled={bits:#x}")


def test_a_snapshot_has_everything(plant: Plant) -> None:
    """Heat, clocks, flags, load, fans, memory and swapping are in it, as JSON values."""
    look = _look(plant, 0x50000)
    assert look["thermal"]["zones"][0]["temp_c"] == 50.0
    assert look["clocks"]["cpus"]["0"]["governor"] == "performance"
    assert look["throttle"]["pi_flags"] == ["undervoltage_since_boot", "throttled_since_boot"]
    assert look["load_average"] == [0.5, 0.25, 0.1]
    assert look["fans"] == [{"name": "pwmfan 1", "rpm": 3000, "pwm": 125}]
    assert look["memory_available_mib"] == 2048
    assert look["swap"] == {"pages_in": 3, "pages_out": 4}
    assert json.loads(json.dumps(look)) == look


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    """Where there are no files there is nothing to say, and nothing has changed."""
    assert snapshot(tmp_path) == {}
    assert changes({}, {}, [{}]) == ()


def test_damaged_files_are_left_out(plant: Plant) -> None:
    """Files with nonsense in them are as good as absent."""
    files = {name: "\x00\xff what?" for name in PI if not name.endswith("model")}
    assert set(_look(plant, **files)) <= {"throttle", "thermal", "clocks"}


def test_this_machine_can_be_looked_at() -> None:
    """The machine that runs the tests gives a snapshot too."""
    look = snapshot()
    assert json.loads(json.dumps(look)) == look
    assert set(changes(look, look)) <= {"throttled", "undervoltage", "governor"}


def test_a_quiet_measurement(plant: Plant) -> None:
    """Flags from before the measurement, and a steady clock, are no reason to doubt it."""
    before = _look(plant, 0x50000)
    after = _look(plant, 0x50000, **{f"{CPU}/stats/time_in_state": "1500000 102\n2400000 2000"})
    assert changes(before, after, [before, after]) == ()


@pytest.mark.parametrize(
    ("bits", "facts"),
    [
        (0x80000, ("throttled",)),
        (0x2, ("throttled",)),
        (0x10000, ("throttled", "undervoltage")),
        (0x1, ("throttled", "undervoltage")),
    ],
)
def test_flags_of_the_raspberry_pi(plant: Plant, bits: int, facts: tuple[str, ...]) -> None:
    """A flag counts wherever it was seen: at the end, or only in between."""
    quiet, seen = _look(plant), _look(plant, bits)
    assert changes(quiet, seen) == facts
    assert changes(quiet, quiet, [quiet, seen]) == facts


def test_a_cooling_device_in_between(plant: Plant) -> None:
    """A processor that was held back in the middle makes the measurement doubtful."""
    quiet, held = _look(plant), _look(plant, **{f"{COOLING}/cur_state": 2})
    assert changes(quiet, quiet, [held]) == ("throttled",)


def test_clocks_and_governors(plant: Plant) -> None:
    """A clock that moved, and a governor that moves clocks, are told."""
    before = _look(plant)
    moved = _look(plant, **{f"{CPU}/stats/time_in_state": "1500000 200\n2400000 1900"})
    assert changes(before, moved) == ("clock_unstable",)
    assert changes(before, _look(plant, **{f"{CPU}/scaling_governor": "schedutil"})) == ("governor",)


def test_the_supply_alarm(plant: Plant) -> None:
    """The kernel's under-voltage alarm counts without vcgencmd."""
    quiet = _look(plant)
    alarm = {"sys/class/hwmon/hwmon0/name": "rpi_volt", "sys/class/hwmon/hwmon0/in0_lcrit_alarm": 1}
    assert changes(quiet, quiet, [_look(plant, **alarm)]) == ("undervoltage",)
