"""YZXStudio meters: the bytes, and the driver against the emulated instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.meters.framing import Framer
from autoedge.meters.trace import Counts
from autoedge.meters.yzxstudio import Yzxstudio, parse_frame, sound_frame
from autoedge.testing.emulators.yzxstudio import YzxstudioEmulator, frame
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter
    from autoedge.testing.faults import Faults

SPEED = 20.0


def quick(port: str) -> Yzxstudio:
    """A meter that expects as much faster frames as the emulator sends."""
    meter = Yzxstudio(port=port)
    meter.push_period_s /= SPEED
    return meter


class TestYzxstudio(MeterContract):
    """The contract of every serial meter."""

    speed = SPEED

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[YzxstudioEmulator, Callable[[str], Meter]]:
        """An emulated meter."""
        return YzxstudioEmulator(profile, faults=faults, speed=SPEED), quick


def test_a_frame_is_read() -> None:
    """A frame laid out by hand gives 5.1234 V and 0.6543 A."""
    body = bytes.fromhex("ab0000 22c80000 8f190000".replace(" ", "")) + bytes(16)
    made = body + bytes([sum(body) % 256])
    assert parse_frame(made) == pytest.approx((5.1234 * 0.6543, 5.1234, 0.6543))
    assert sound_frame(made)
    assert made == frame(volts=5.1234, amps=0.6543)


def test_the_voltage_has_a_sign() -> None:
    """A reversed voltage is negative, not four hundred thousand volts."""
    assert parse_frame(frame(volts=-5.0, amps=1.0)).volts == pytest.approx(-5.0)


def test_frames_are_stamped_at_their_rate() -> None:
    """At its real rate the meter's times are a quarter of a second apart."""
    with YzxstudioEmulator(Constant(2.0)) as instrument, Yzxstudio(port=instrument.path) as meter:
        trace = meter.read(2.1)
    assert len(trace.time_s) >= 6
    assert np.median(np.diff(trace.time_s)) == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(("watts", "shown_a"), [(-0.1, 0.0), (1e9, (2**32 - 1) / 10_000)])
def test_the_emulator_shows_what_its_field_holds(watts: float, shown_a: float) -> None:
    """A current below none is shown as none, since it has no sign, and one beyond the field's width as its largest."""
    with YzxstudioEmulator(Constant(watts), speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.lost == ""
    assert trace.amps == pytest.approx(shown_a)
    assert len(trace.amps) > 0


@given(st.binary(max_size=80), st.integers(0, 27), st.integers(1, 255))
def test_a_changed_byte_is_noticed(noise: bytes, place: int, change: int) -> None:
    """One altered byte never becomes a value, and a sound frame behind two others is found."""
    good = frame(volts=5.1234, amps=0.6543)
    bad = good[:place] + bytes([good[place] ^ change]) + good[place + 1 :]
    counts = Counts()
    assert not Framer(Yzxstudio.layout).feed(bad, counts)
    assert good in Framer(Yzxstudio.layout).feed(noise + bad + good + good, counts)
