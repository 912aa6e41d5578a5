"""Throttling flags and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.meters.conditions.throttle import (
    ask_vcgencmd,
    flag_names,
    parse_throttled,
    read_throttle,
    throttled,
    undervolted,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, Any]], Path]

PI = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0"}


def test_the_documented_example() -> None:
    """0x50005 is under-voltage and throttled, now and earlier."""
    bits = parse_throttled("throttled=0x50005\n")
    assert bits == 0x50005
    assert flag_names(bits) == ("undervoltage", "throttled", "undervoltage_since_boot", "throttled_since_boot")
    assert flag_names(0) == ()


@given(st.integers(0, 0xFFFFFFFF))
def test_every_answer_reads_back(bits: int) -> None:
    """Whatever bits the firmware sets are read as they are."""
    assert parse_throttled(f"throttled={bits:#x}\n") == bits


@given(st.text(max_size=40))
def test_other_answers_are_none(text: str) -> None:
    """An answer of another form is no reading."""
    if not text.strip().startswith("throttled=0x"):
        assert parse_throttled(text) is None


@pytest.mark.parametrize(
    ("before", "seen", "is_throttled", "is_undervolted"),
    [
        (0x0, 0x0, False, False),
        (0x50000, 0x50000, False, False),
        (0x0, 0x80000, True, False),
        (0x10000, 0x30000, True, False),
        (0x0, 0x10000, True, True),
        (0x50000, 0x50004, True, False),
        (0x50000, 0x50001, True, True),
        (0x0, 0x00100, False, False),
    ],
)
def test_new_bits_and_present_ones(before: int, seen: int, is_throttled: bool, is_undervolted: bool) -> None:  # noqa: FBT001 - a table's columns
    """Bits of now count always, those since the start of the system only when they are new."""
    assert throttled({"pi_bits": before}, {"pi_bits": seen}) is is_throttled
    assert undervolted({"pi_bits": before}, {"pi_bits": seen}) is is_undervolted


def test_a_raspberry_pi_is_asked(plant: Plant) -> None:
    """Flags come with their names; an answer that cannot be read leaves them out."""
    root = plant(PI)
    assert read_throttle(root, lambda: "throttled=0x4") == {"pi_bits": 4, "pi_flags": ["throttled"]}
    assert read_throttle(root, lambda: "error=1") == {}


def test_other_machines_are_not_asked(plant: Plant) -> None:
    """Where there is no Raspberry Pi no process is started; the kernel's own alarm and counts are read."""
    root = plant(
        {
            "proc/device-tree/model": "Radxa ROCK 5B\0",
            "sys/class/hwmon/hwmon0/name": "rpi_volt",
            "sys/class/hwmon/hwmon0/in0_lcrit_alarm": 1,
            "sys/class/hwmon/hwmon1/name": "other",
            "sys/class/hwmon/hwmon1/in0_lcrit_alarm": 1,
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": 3,
            "sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": 4,
        }
    )

    def never() -> str:
        raise AssertionError("asked")

    seen = read_throttle(root, never)
    assert seen == {"undervoltage_alarm": True, "thermal_events": 7}
    assert undervolted({}, seen)
    assert not throttled({}, seen)
    assert throttled({"thermal_events": 6}, seen)


def test_without_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing vcgencmd is no answer, and a machine that says nothing gives an empty object."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask_vcgencmd() == ""
    assert read_throttle(tmp_path) == {}
