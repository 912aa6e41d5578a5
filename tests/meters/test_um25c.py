"""UM24C, UM25C and UM34C: the bytes, and the driver against the emulated instruments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.framing import Framer
from autoedge.meters.trace import Counts
from autoedge.meters.um25c import Um25c, parse_status, sound_status
from autoedge.testing.emulators.um25c import Um25cEmulator, status_block
from autoedge.testing.faults import Faults
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Profile, Ramp

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from autoedge.meters.base import Meter
    from autoedge.meters.trace import Trace

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
    return meter


class Slow(Um25cEmulator):
    """An instrument whose link holds single answers up, and with them those behind, or drops them.

    Args:
        profile: The power that it measures.
        late: By the number of the answer, from 0: by how many seconds it is late; None for one that never comes.
        **rest: As ``Um25cEmulator``.
    """

    def __init__(self, profile: Profile, *, late: dict[int, float | None], **rest: Any) -> None:
        super().__init__(profile, **rest)
        self._late = late
        self._asked = 0
        self._free = 0.0

    def _send(self, reply: bytes, after_s: float = 0.0) -> None:
        late_s, now = self._late.get(self._asked, 0.0), time.perf_counter()
        self._asked += 1
        if late_s is not None:
            self._free = max(self._free + 0.005, now + after_s / self.speed + late_s)
            super()._send(reply, (self._free - now) * self.speed)


def on_a_ramp(instrument: Callable[[Ramp], Um25cEmulator], seconds: float) -> tuple[Trace, np.ndarray]:
    """What a meter at its real pace records of 1 W/s, and by how many seconds each value runs behind its time."""
    start = time.perf_counter()
    ramp = Ramp(1.0, 21.0, start, start + 20.0)
    with instrument(ramp) as opened, Um25c(port=opened.path) as meter:
        trace = meter.read(seconds)
    return trace, ramp.power_w(trace.time_s) - trace.power_w


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


@pytest.mark.parametrize("delay_s", [0.3, 0.42, 0.55, 0.8])
def test_slow_answers_belong_to_their_questions(delay_s: float) -> None:
    """However long answers take, up to a second, each counts for its own question: right to half of what it took."""
    faults = Faults(every=1, delay_s=delay_s)
    trace, behind_s = on_a_ramp(lambda ramp: Um25cEmulator(ramp, faults=faults, lag_s=0.0, speed=SPEED), 2.5)
    assert not trace.lost
    assert len(behind_s) >= 2
    assert (behind_s >= -0.01).all()
    assert (behind_s <= delay_s / 2 + 0.2).all(), "0.06 s of its own, and what a busy machine adds"
    assert (trace.counts.missing, trace.counts.retries, trace.counts.garbage_bytes) == (0, 0, 0)


@pytest.mark.parametrize(
    "late",
    [{2: 1.05}, {2: 1.2}, {2: 1.1, 3: 1.1}, {2: None}],
    ids=["over a second", "well over a second", "two in a row", "never"],
)
def test_an_answer_never_counts_for_a_later_question(late: dict[int, float | None]) -> None:
    """Answers that come late, or not at all, are survived and counted, and those behind them keep their places."""
    trace, behind_s = on_a_ramp(lambda ramp: Slow(ramp, late=late, lag_s=0.0, speed=SPEED), 5.0)
    assert not trace.lost
    assert len(behind_s) >= 4
    assert (behind_s >= -0.01).all()
    assert (behind_s <= 0.6).all()
    assert trace.counts.missing > 0
    assert trace.counts.retries > 0


def test_answers_that_always_come_too_late_are_told() -> None:
    """A meter whose every answer takes more than a second is refused, and the message says how long they take."""
    with (
        Um25cEmulator(Constant(2.0), faults=Faults(every=1, delay_s=1.3), speed=SPEED) as instrument,
        pytest.raises(MeterError, match=r"there is no .*: its answers come too late: after 1\.[34]"),
        Um25c(port=instrument.path),
    ):
        pass


def test_answers_that_become_too_late_are_told(seconds_until_lost: Callable[[Meter], float]) -> None:
    """A meter whose answers come to take more than a second is lost for that, with no value of a false time."""
    with (
        Slow(Constant(2.0), late=dict.fromkeys(range(3, 60), 1.1), speed=SPEED) as instrument,
        Um25c(port=instrument.path) as meter,
    ):
        meter.start()
        seconds_until_lost(meter)
        trace = meter.stop()
    assert "lost the UM25C: its answers come too late: after 1." in trace.lost


def test_silence_is_reported_at_the_real_pace(seconds_until_lost: Callable[[Meter], float]) -> None:
    """Asked twice a second, a meter that hangs is reported in under 2 s."""
    with Um25cEmulator(Constant(2.0)) as instrument, Um25c(port=instrument.path) as meter:
        meter.start()
        while not meter.counts.samples:
            time.sleep(0.01)
        time.sleep(0.25)
        instrument.mute()
        assert seconds_until_lost(meter) < 2.0
        assert "nothing came for 1." in meter.stop().lost


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
