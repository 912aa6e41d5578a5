"""The driver against the emulated instrument."""

# ruff: noqa: S101, SLF001 - assert is how pytest works, and now and then a test looks inside

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from autoedge_pico_power.emulator import PicoPowerEmulator, line
from autoedge_pico_power.meter import LINE, PicoPower, sound_line

from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.testing.meter_contract import MeterContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter
    from autoedge.testing.faults import Faults
    from autoedge.testing.profile import Profile

SPEED = 5.0


def quick(port: str) -> PicoPower:
    """A meter that expects lines as much faster as the emulator sends them."""
    meter = PicoPower(port=port)
    meter.push_period_s /= SPEED
    return meter


class TestPicoPower(MeterContract):
    """The contract of every serial meter."""

    speed = SPEED

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[PicoPowerEmulator, Callable[[str], Meter]]:
        """An emulated meter."""
        return PicoPowerEmulator(profile, faults=faults, speed=SPEED), quick


def test_a_line_is_read() -> None:
    """The line of the manual gives 5.1234 V and 0.6543 A, and the emulator sends the same."""
    assert PicoPower(port="/dev/ttyACM0")._sample(LINE) == pytest.approx((5.1234 * 0.6543, 5.1234, 0.6543))
    assert line(volts=5.1234, amps=0.6543) == LINE


@pytest.mark.parametrize(
    "wrong", [LINE[:-1], LINE.replace(b"75", b"5B"), LINE.replace(b"1234", b"1235"), LINE[:-1] + b"\r"]
)
def test_a_changed_line_is_noticed(wrong: bytes) -> None:
    """A line that is cut, altered or spelled otherwise is no value."""
    assert sound_line(LINE)
    assert not sound_line(wrong)


def test_it_is_found_by_its_product_text() -> None:
    """A port is offered where the firmware's own text says what it is, and no other."""
    ports = [
        SerialPort("/dev/ttyACM0", 0x2E8A, 5, "pico-power", "", ""),
        SerialPort("/dev/ttyACM1", 0x2E8A, 5, "", "", ""),
    ]
    assert PicoPower.find(Surroundings(ports=lambda: ports)) == [{"port": "/dev/ttyACM0"}]
