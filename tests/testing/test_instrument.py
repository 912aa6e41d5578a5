"""Emulated instruments: their rate, their faults, their errors, and that nothing of them stays behind."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest
import serial

from autoedge.testing.faults import Faults
from autoedge.testing.instrument import PtyInstrument
from autoedge.testing.profile import Constant, Ramp
from autoedge.testing.wrong_devices import EchoingDevice

REPLY = bytes(range(256))


class Asked(PtyInstrument):
    """Answers every byte."""

    def _received(self, data: bytes) -> None:
        for _ in data:
            self._send(REPLY)


class Fast(PtyInstrument):
    """Pushes as many bytes as the fastest meter."""

    push_period_s = 0.001

    def _push(self, due: float) -> bytes:
        del due
        return bytes(400)


def exchange(faults: Faults, questions: int = 4) -> list[bytes]:
    """What comes for each of some questions."""
    with Asked(Constant(1.0), faults=faults) as instrument, serial.Serial(instrument.path, timeout=0.5) as port:
        replies = []
        for _ in range(questions):
            port.write(b"?")
            replies.append(port.read(2 * len(REPLY) + 50))
    return replies


class Broken(PtyInstrument):
    """Fails at its first frame."""

    push_period_s = 0.05

    def _push(self, due: float) -> bytes:
        raise ZeroDivisionError(f"no frame at {due}")


def held() -> tuple[int, int]:
    """Threads and file descriptors of this process."""
    return threading.active_count(), sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_every_byte_survives() -> None:
    """All 256 byte values pass in both directions, as they would not on a terminal."""
    with EchoingDevice() as instrument, serial.Serial(instrument.path, timeout=5.0) as port:
        port.write(REPLY)
        assert port.read(256) == REPLY
        assert bytes(instrument.received) == REPLY


@pytest.mark.parametrize(
    ("faults", "hit"),
    [
        (Faults(every=2), lambda reply: reply == REPLY),
        (Faults(every=2, chunked=True), lambda reply: reply == REPLY),
        (Faults(every=2, garbage=10), lambda reply: reply[10:] == REPLY),
        (Faults(every=2, duplicated=True), lambda reply: reply == 2 * REPLY),
        (Faults(every=2, truncated=True), lambda reply: len(reply) < 256 and REPLY.startswith(reply)),
        (
            Faults(every=2, corrupted=True),
            lambda reply: sum(a != b for a, b in zip(reply, REPLY, strict=True)) == 1,
        ),
    ],
)
def test_faults_hit_every_second_reply(faults: Faults, hit: object) -> None:
    """Replies between those that are hit stay whole, and those that are hit look as the fault says."""
    replies = exchange(faults)
    assert all(reply == REPLY for reply in replies[::2])
    assert callable(hit)
    assert all(hit(reply) for reply in replies[1::2])


def test_a_delay() -> None:
    """A delayed reply comes, but not before its time."""
    faults = Faults(every=1, delay_s=0.2)
    with Asked(Constant(1.0), faults=faults) as instrument, serial.Serial(instrument.path, timeout=10.0) as port:
        start = time.perf_counter()
        port.write(b"?")
        assert port.read(256) == REPLY
        assert time.perf_counter() - start >= 0.2


def test_silence() -> None:
    """From a reply on, or from a call on, nothing comes, and the port stays open."""
    assert [bool(reply) for reply in exchange(Faults(silent_after=2), 4)] == [True, True, False, False]
    with Asked(Constant(1.0)) as instrument, serial.Serial(instrument.path, timeout=0.2) as port:
        instrument.mute()
        port.write(b"?")
        assert port.read(1) == b""


def test_hang_up() -> None:
    """Hung up by a call or in place of a reply, the port gives an error as an unplugged one does."""
    with Asked(Constant(1.0)) as instrument, serial.Serial(instrument.path, timeout=5.0) as port:
        instrument.hang_up()
        with pytest.raises(serial.SerialException):
            port.read(1)
    with pytest.raises(serial.SerialException):
        exchange(Faults(hang_up_after=2), 4)


def test_a_broken_emulator_is_no_unplugged_meter() -> None:
    """What fails in an emulator comes out of its ``with``, whatever its driver made of the port that went dead."""
    broken = Broken(Constant(1.0))
    for _ in range(2):
        with (
            pytest.raises(ZeroDivisionError, match="no frame at"),
            broken,
            serial.Serial(broken.path, timeout=5) as port,
        ):
            port.read(1)  # as if it had been unplugged
    before = held()
    with pytest.raises(ZeroDivisionError), broken:
        time.sleep(0.2)  # nobody looks
    assert held() == before


def test_the_dice_are_seeded() -> None:
    """The same seed gives the same faults."""
    faults = Faults(every=1, corrupted=True, chunked=True, garbage=9)
    first, second, other = (faults.on(REPLY, 0, random.Random(seed)) for seed in (1, 1, 2))  # noqa: S311 - chance that can be repeated
    assert first == second != other
    with pytest.raises(ValueError, match="never negative"):
        Faults(every=-1)


def test_errors_are_drawn_not_true() -> None:
    """What an instrument shows has its gain and offset; the truth has not."""
    instrument = Asked(Ramp(0.0, 10.0, 0.0, 10.0), gain=1.01, offset_w=0.1)
    assert instrument.power_w(4.0) == pytest.approx(4.14)
    assert instrument.truth(2.0, 4.0) == pytest.approx(6.0)


def test_the_rate_of_the_fastest() -> None:
    """400 kB/s come through for a second without a byte lost, in the time they take."""
    with Fast(Constant(1.0)) as instrument, serial.Serial(instrument.path, timeout=5.0) as port:
        start = time.perf_counter()
        got = 0
        while got < 400_000:
            got += len(port.read(max(1, port.in_waiting)))
        assert time.perf_counter() - start > 0.8
        assert not instrument.dropped_bytes


def test_nobody_reads() -> None:
    """An instrument that nobody reads from drops what it sends in the end, and can still be ended."""
    with Fast(Constant(1.0), speed=50.0) as instrument:
        deadline = time.perf_counter() + 20
        while not instrument.dropped_bytes and time.perf_counter() < deadline:
            time.sleep(0.05)
        assert instrument.dropped_bytes


def test_nothing_is_left() -> None:
    """Over 200 instruments, used, unused or hung up, no thread and no descriptor stays, and each may run again."""
    again = Asked(Constant(1.0))
    with again:
        before = held()
        for number in range(200):
            with Asked(Constant(1.0)) as instrument:
                if number % 3 == 0:
                    os.close(os.open(instrument.path, os.O_RDWR | os.O_NOCTTY))
                if number % 3 == 1:
                    instrument.hang_up()
        assert held() == before
    with again, serial.Serial(again.path, timeout=5.0) as port:
        port.write(b"?")
        assert port.read(256) == REPLY
