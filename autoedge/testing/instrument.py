"""Emulated instruments: a pty that behaves like the serial port of one, at its real rate."""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import select
import threading
import time
import tty
from itertools import count
from typing import TYPE_CHECKING, Self

from autoedge.testing.display import Display
from autoedge.testing.faults import Faults

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile

_HEARD = 4096
_KEPT = 1 << 20
"""Bytes that wait for a reader before an instrument drops what it sends: more than two seconds of the fastest."""


class PtyInstrument:
    """An instrument at the other end of a pseudo-terminal; a context manager, out of which comes what failed in it.

    A subclass answers questions in ``_received``, or pushes by ``_push`` every ``push_period_s``, or both, and sends
    with ``_send``; all run on one thread. Periods and delays are divided by ``speed``, so that tests of slow
    instruments are short.

    Args:
        profile: The power that it measures, on ``time.perf_counter``'s clock.
        volts: At its terminals.
        gain: Drawn gain error as a factor.
        offset_w: Drawn offset error in W.
        lag_s: Time constant of its own low-pass; None for the instrument's usual one.
        faults: What goes wrong on the wire.
        seed: Of all chance.
        speed: How much faster than a real one it is.

    Attributes:
        update_period_s: Time between new values in a real one.
        usual_lag_s: Time constant of a real one.
        push_period_s: Time between frames sent unasked by a real one; 0 for none. May change while it runs.
        received: Everything that the driver sent.
        dropped_bytes: What it could not send since nobody read.
    """

    update_period_s: float = 0.0
    usual_lag_s: float = 0.0
    push_period_s: float = 0.0

    def __init__(
        self,
        profile: Profile,
        *,
        volts: float = 5.1,
        gain: float = 1.0,
        offset_w: float = 0.0,
        lag_s: float | None = None,
        faults: Faults | None = None,
        seed: int = 0,
        speed: float = 1.0,
    ) -> None:
        self.profile = profile
        self.volts = volts
        self.speed = speed
        self.received = bytearray()
        self.dropped_bytes = 0
        self.path = ""
        self._dice = random.Random(seed)  # noqa: S311 - chance that can be repeated
        period_s = self.update_period_s / speed
        self._display = Display(
            profile,
            period_s=period_s,
            lag_s=(self.usual_lag_s if lag_s is None else lag_s) / speed,
            gain=gain,
            offset_w=offset_w,
            phase_s=time.perf_counter() - self._dice.random() * period_s,
        )
        self._faults = Faults() if faults is None else faults
        self._replies = 0
        self._order = count()
        self._waiting: list[tuple[float, int, bytes]] = []  # a heap by time
        self._out = bytearray()
        self._ends: list[int] = []  # master, slave, and the two ends of the pipe that wakes the thread
        self._stopping = False
        self._muted = False
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        master, slave = os.openpty()
        self._ends = [master, slave, *os.pipe()]
        tty.setraw(master)
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.path = os.ttyname(slave)
        self._stopping = self._muted = False
        self._failure = None
        self._thread = threading.Thread(target=self._serve, args=(master,), name=type(self).__name__, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        for end in self._ends[1:]:
            os.close(end)
        self._ends = []
        if self._failure is not None:  # rather than what a driver made of the dead port
            raise self._failure

    def hang_up(self) -> None:
        """Be unplugged: the driver's port is dead from now on."""
        self._stopping = True
        if self._thread is not None:
            os.write(self._ends[3], b"\0")
            self._thread.join()
            self._thread = None

    def mute(self) -> None:
        """Hang: the port stays open, and nothing comes any more."""
        self._muted = True

    def power_w(self, t: float | None = None) -> float:
        """Watts that it shows, now or at a time, before it rounds them to its steps."""
        return self._display.power_w(time.perf_counter() if t is None else t)

    def truth(self, start: float, end: float) -> float:
        """The energy that really went through between two times, in J."""
        return self.profile.energy_j(start, end)

    def _received(self, data: bytes) -> None:
        """Bytes came from the driver; nothing answers unless a subclass does."""

    def _push(self, due: float) -> bytes:
        """The frame to send unasked that is due at this time."""
        raise NotImplementedError

    def _send(self, reply: bytes, after_s: float = 0.0) -> None:
        """Send a reply or a frame, after so much time of a real instrument, if no fault hits it."""
        number, self._replies = self._replies, self._replies + 1
        if self._faults.hang_up_after is not None and number >= self._faults.hang_up_after:
            self._stopping = True
            return
        due = time.perf_counter() + after_s / self.speed
        for late_s, piece in self._faults.on(reply, number, self._dice):
            heapq.heappush(self._waiting, (due + late_s, next(self._order), piece))

    def _serve(self, master: int) -> None:
        try:
            push_at = time.perf_counter()
            while not self._stopping:
                push_at = self._push_due(push_at)
                self._queue_due()
                self._listen_and_write(master, push_at)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not pass as an unplugged instrument
            self._failure = error
        finally:
            os.close(master)

    def _push_due(self, push_at: float) -> float:
        """Send what is due unasked; when the next is."""
        now = time.perf_counter()
        while self.push_period_s and push_at <= now and not self._stopping:
            self._send(self._push(push_at))
            push_at += self.push_period_s / self.speed
        return push_at if self.push_period_s else now

    def _queue_due(self) -> None:
        now = time.perf_counter()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, piece = heapq.heappop(self._waiting)
            if self._muted:
                continue
            if len(self._out) + len(piece) > _KEPT:
                self.dropped_bytes += len(piece)
            else:
                self._out += piece

    def _listen_and_write(self, master: int, push_at: float) -> None:
        due = [self._waiting[0][0]] if self._waiting else []
        if self.push_period_s:
            due.append(push_at)
        pause = max(0.0, min(due) - time.perf_counter()) if due else None
        ready, _, _ = select.select([master, self._ends[2]], [master] if self._out else [], [], pause)
        if master in ready:
            data = os.read(master, _HEARD)
            self.received += data
            self._received(data)
        if self._out:
            with contextlib.suppress(BlockingIOError):
                del self._out[: os.write(master, self._out)]
