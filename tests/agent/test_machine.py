"""What the agent calls the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autoedge.agent.machine import device_name, forget_peak_memory
from autoedge.bench.board_power import board_power

if TYPE_CHECKING:
    from pathlib import Path

PI3_32_BIT = """\
processor\t: 0
model name\t: ARMv7 Processor rev 4 (v7l)
CPU part\t: 0xd03

Hardware\t: BCM2835
Revision\t: a02082
Model\t\t: Raspberry Pi 3 Model B Rev 1.2
"""
PI4_64_BIT = """\
processor\t: 0
CPU part\t: 0xd08

Revision\t: c03114
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
PHONE = "processor\t: 0\nmodel name\t: ARMv8 Processor rev 14 (v8l)\n\nHardware\t: Qualcomm Technologies, Inc SM8150\n"
ROCK = "processor\t: 0\nCPU part\t: 0xd05\n\nprocessor\t: 4\nCPU part\t: 0xd0b\n"
PC = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Processor\n\nprocessor\t: 1\nmodel name\t: other\n"


@pytest.mark.parametrize(
    ("cpuinfo", "board", "expected"),
    [
        (PI3_32_BIT, "Raspberry Pi 3 Model B Rev 1.2\0", "Raspberry Pi 3 Model B Rev 1.2"),
        (PI3_32_BIT, None, "Raspberry Pi 3 Model B Rev 1.2"),
        (PI4_64_BIT, "Raspberry Pi 4 Model B Rev 1.4\0", "Raspberry Pi 4 Model B Rev 1.4"),
        (ROCK, "Radxa ROCK 5B\0", "Radxa ROCK 5B"),
        (PHONE, None, "Qualcomm Technologies, Inc SM8150"),
        (PC, None, "Intel(R) Xeon(R) Processor"),
        (PC, "\0", "Intel(R) Xeon(R) Processor"),
        (PC, "linux,dummy-virt\0", "Intel(R) Xeon(R) Processor"),
    ],
)
def test_the_board_names_a_device(tmp_path: Path, cpuinfo: str, board: str | None, expected: str) -> None:
    """A device goes by its board's name where the system knows it, 32-bit or 64-bit; else by its processor's."""
    (tmp_path / "proc" / "device-tree").mkdir(parents=True)
    (tmp_path / "proc" / "cpuinfo").write_text(cpuinfo)
    if board is not None:
        (tmp_path / "proc" / "device-tree" / "model").write_bytes(board.encode())
    assert device_name(tmp_path) == expected


def test_a_processor_without_a_name(tmp_path: Path) -> None:
    """Where nothing has a name the processor's part number stands; without any of these files there is a text too."""
    assert device_name(tmp_path)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(ROCK)
    assert device_name(tmp_path).endswith(" part 0xd05")


def test_a_32_bit_board_has_its_constants(tmp_path: Path) -> None:
    """The power of a board is known whatever system runs on it."""
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text(PI3_32_BIT)
    found = board_power(device_name(tmp_path), None)
    assert found is not None
    assert found.board == "Raspberry Pi 3 Model B"


def test_a_peak_that_cannot_be_forgotten_is_told(tmp_path: Path) -> None:
    """False without the file, where it is not writable, and where the system tells no peak that it would reset."""
    assert not forget_peak_memory(tmp_path / "absent")
    (tmp_path / "clear_refs").mkdir()
    assert not forget_peak_memory(tmp_path)
    (tmp_path / "clear_refs").rmdir()
    (tmp_path / "status").write_text("VmRSS:\t10 kB\n")
    assert not forget_peak_memory(tmp_path)
    (tmp_path / "status").write_text("VmHWM:\t20 kB\nVmRSS:\t10 kB\n")
    assert forget_peak_memory(tmp_path)
