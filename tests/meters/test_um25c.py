"""UM24C, UM25C and UM34C: the bytes, and the driver against the emulated instruments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.meters.framing import Framer
from autoedge.meters.trace import Counts
from autoedge.meters.um25c import Um25c, parse_status, sound_status
from autoedge.testing.emulators.um25c import Um25cEmulator, status_block
from autoedge.testing.faults import Faults
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter

REST = bytes.fromhex("010f010e0007 0000002d000000e4000a00000168 00010001000400000059 0000".replace(" ", ""))
HEADS = {
    "UM24C": "096301fb023700000b3a001d005400000000007b0000026d",
    "UM25C": "09c913ce162600000b3a001d005400000000007b0000026d",
    "UM34C": "0d4c01fb023700000b3a001d005400000000007b0000026d",
}
TRAILERS = {"UM24C": "fff1", "UM25C": "fff1", "UM34C": "0071"}
VECTORS = {
    model: bytes.fromhex(head).ljust(96, b"\0") + REST + bytes.fromhex(TRAILERS[model]) for model, head in HEADS.items()
}
SPEED = 10.0


def quick(port: str) -> Um25c:
    """A meter that polls as much faster as the emulator shows new values."""
    meter = Um25c(port=port)
    meter.poll_period_s /= SPEED
    meter.answer_s = 0.2
    return meter


class TestUm25c(MeterContract):
    """The contract of every serial meter."""

    speed = SPEED

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[Um25cEmulator, Callable[[str], Meter]]:
        """An emulated UM25C."""
        return Um25cEmulator(profile, faults=faults, speed=SPEED), quick

    def unnoticed_w(self, watts: float) -> float:
        """There is no checksum: what agrees with voltage x current passes."""
        return 0.02 * watts + 0.02


@pytest.mark.parametrize("model", VECTORS)
def test_the_vectors(model: str) -> None:
    """The known blocks say 5.07 V, 0.567 A and 2.874 W, and the emulator makes the same bytes."""
    status = parse_status(VECTORS[model])
    assert status.model.name == model
    assert (status.volts, status.amps, status.watts) == pytest.approx((5.07, 0.567, 2.874))
    assert sound_status(VECTORS[model])
    made = status_block(model, volts=5.07, amps=0.567, watts=2.874, charges=((123, 621),), rest=REST)
    assert made == VECTORS[model]


@pytest.mark.parametrize("model", VECTORS)
def test_each_model_is_told_apart(model: str) -> None:
    """The driver names the model that answers, and reads its power at its own scale."""
    with Um25cEmulator(Constant(2.04), model=model, speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.spec.model == f"RDTech {model}"
    assert trace.power_w == pytest.approx(2.04, abs=0.001)
    assert trace.volts == pytest.approx(5.1)
    assert trace.amps == pytest.approx(0.4, abs=0.001)


def test_only_the_question_is_ever_sent() -> None:
    """Whatever goes wrong, the meter is sent 0xF0 alone, so that nothing of the user's is changed or deleted."""
    faults = Faults(every=2, garbage=40, corrupted=True, truncated=True, duplicated=True)
    with Um25cEmulator(Constant(2.0), faults=faults, speed=SPEED) as instrument:
        for _ in range(3):
            with quick(instrument.path) as meter:
                meter.read(0.5)
        assert set(instrument.received) == {0xF0}
        assert not instrument.cleared


def test_an_overload_is_counted() -> None:
    """Current at the model's limit counts as overload, since the true one may be larger."""
    with Um25cEmulator(Constant(40.0), speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.counts.overloads == len(trace.power_w) > 0


def test_questions_keep_their_distance() -> None:
    """A real meter is asked at most twice a second, as it asks for, also right after it was opened."""
    with Um25cEmulator(Constant(2.0)) as instrument:
        start = time.perf_counter()
        with Um25c(port=instrument.path) as meter:
            meter.read(1.2)
        assert len(instrument.received) <= (time.perf_counter() - start) / 0.5 + 1


@given(
    st.lists(st.sampled_from([*VECTORS.values(), b"", b"\x09", b"\x09\xc9", b"\x0d\x4c\x00"]), max_size=6), st.data()
)
def test_frames_survive_any_cutting(parts: list[bytes], data: st.DataObject) -> None:
    """However the stream is cut, the same frames are found in the same order, and every other byte is counted."""
    stream = b"".join(parts)
    whole, cut = Counts(), Counts()
    expected = Framer(Um25c.layout).feed(stream, whole)
    framer, found, at = Framer(Um25c.layout), [], 0
    while at < len(stream):
        end = data.draw(st.integers(at + 1, len(stream)))
        found += framer.feed(stream[at:end], cut)
        at = end
    assert found == expected
    assert cut == whole
    assert all(frame in VECTORS.values() for frame in found)


@given(st.binary(max_size=400), st.sampled_from(sorted(VECTORS)), st.integers(0, 129), st.integers(1, 255))
def test_a_frame_is_found_behind_anything(noise: bytes, model: str, place: int, change: int) -> None:
    """Behind noise and a damaged frame the next but one whole frame is found, and what is believed is plausible."""
    good = VECTORS[model]
    damaged = good[:place] + bytes([good[place] ^ change]) + good[place + 1 :]
    framer, counts = Framer(Um25c.layout), Counts()
    frames = framer.feed(noise + damaged + good + good + good, counts)
    assert good in frames
    for frame in frames:
        status = parse_status(frame)
        assert abs(status.watts - status.volts * status.amps) <= 0.02 * status.volts * status.amps + 0.02


def test_the_emulator_shows_no_negative_current() -> None:
    """A load smaller than the instrument's own negative offset is shown as none, since it knows no direction."""
    with Um25cEmulator(Constant(0.001), offset_w=-0.01, speed=SPEED) as instrument, quick(instrument.path) as meter:
        trace = meter.read(1.0)
    assert trace.lost == ""
    assert len(trace.power_w) > 0
    assert (trace.power_w == 0).all()
