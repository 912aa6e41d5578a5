"""Atorch meters: the bytes, and the driver against the emulated instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.atorch import Atorch, parse_report, sound_report
from autoedge.meters.framing import Framer
from autoedge.meters.trace import Counts
from autoedge.testing.emulators.atorch import AtorchEmulator, report
from autoedge.testing.faults import Faults
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter

CAPTURES = {
    "FF5501030001F3000000000638000003110007000A000000122E333C000000000000004E": (4.99, 0.0),
    "FF5501030001CD00007F003CC80000554E0009000A00000047300D3C000000000000008F": (4.61, 1.27),
    "FF55010200011A00003C0004D40000002000006400000000002600590D363C00000000F0": (28.2, 0.06),
}
SPEED = 40.0


def quick(port: str) -> Atorch:
    """A meter that expects as much faster frames as the emulator sends."""
    meter = Atorch(port=port)
    meter.push_period_s /= SPEED
    meter.patience_s = 1.6
    return meter


class TestAtorch(MeterContract):
    """The contract of every serial meter."""

    speed = SPEED

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[AtorchEmulator, Callable[[str], Meter]]:
        """An emulated USB meter."""
        return AtorchEmulator(profile, faults=faults, speed=SPEED), quick


@pytest.mark.parametrize("capture", CAPTURES)
def test_the_captures(capture: str) -> None:
    """Frames of real instruments give their voltage and current, and their last byte is the checksum."""
    frame = bytes.fromhex(capture)
    volts, amps = CAPTURES[capture]
    assert parse_report(frame) == pytest.approx((volts * amps, volts, amps))
    assert sound_report(frame)
    assert report(frame[3], volts=volts, amps=amps, rest=frame[10:35]) == frame


def test_a_dc_meter_has_its_own_steps() -> None:
    """A DC meter's 1 mA steps are read as such, and its spec says so."""
    with AtorchEmulator(Constant(0.51), kind=2, speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.power_w == pytest.approx(0.51, abs=0.005)
    assert trace.spec.resolution_w == pytest.approx(0.005)


def test_an_unknown_kind_is_told() -> None:
    """An AC meter speaks the same frames, and is refused by what it is."""
    with (
        AtorchEmulator(Constant(2.0), kind=1, speed=SPEED) as instrument,
        pytest.raises(MeterError, match="kind 1"),
        quick(instrument.path),
    ):
        pass


def test_missing_frames_are_counted() -> None:
    """Frames that did not come are counted by the time between those that did."""
    faults = Faults(every=3, truncated=True)
    with AtorchEmulator(Constant(2.0), faults=faults, speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(1.5)
    assert trace.counts.missing >= 2


def test_nothing_is_ever_sent() -> None:
    """The meter is only listened to."""
    with AtorchEmulator(Constant(2.0), speed=SPEED) as instrument:
        with quick(instrument.path) as meter:
            meter.read(0.2)
        assert not instrument.received


@pytest.mark.parametrize(("watts", "shown_a"), [(-0.1, 0.0), (1e9, (2**24 - 1) / 100)])
def test_the_emulator_shows_what_its_field_holds(watts: float, shown_a: float) -> None:
    """A current below none is shown as none, since it has no sign, and one beyond the field's width as its largest."""
    with AtorchEmulator(Constant(watts), speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.lost == ""
    assert trace.amps == pytest.approx(shown_a)
    assert len(trace.amps) > 0


@given(st.lists(st.one_of(st.sampled_from([bytes.fromhex(text) for text in CAPTURES]), st.binary(max_size=50))))
def test_whole_frames_are_found(parts: list[bytes]) -> None:
    """Byte by byte or at once, the same sound frames are found between anything."""
    stream = b"".join(parts)
    whole, single = Counts(), Counts()
    frames = Framer(Atorch.layout).feed(stream, whole)
    framer = Framer(Atorch.layout)
    assert [frame for byte in stream for frame in framer.feed(bytes([byte]), single)] == frames
    assert single == whole
    assert all(sound_report(frame) for frame in frames)
