"""Serial meters that send frames of one length: those that are asked for each, and those that push them."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoedge.errors import MeterError
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.checked import word
from autoedge.meters.framing import Framer
from autoedge.meters.link import SerialLink
from autoedge.meters.trace import Block

if TYPE_CHECKING:
    from autoedge.meters.framing import Layout
    from autoedge.meters.spec import MeterSpec

_LISTEN_S = 0.1
_QUIET_S = 0.15
"""A pause within an answer so long is its end."""
_WAIT_S = 1.0
"""When an answer has not come for so long, the question is put again."""
_SPARE_S = 0.3
"""Time for an answer that comes promptly, and what the delays of answers to two questions may differ by."""
_BITS_A_BYTE = 10  # with start and stop bit


class Sample(NamedTuple):
    """What one frame says.

    Attributes:
        watts: Power.
        volts: Voltage.
        amps: Current.
    """

    watts: float
    volts: float
    amps: float


class FramedMeter(Meter):
    """A serial port with a framer; a subclass knows what the frames mean.

    Attributes:
        label: The instrument's name in messages.
        baud: Bits a second on the wire.
        layout: What a frame looks like.
        patience_s: An instrument that says nothing sensible for so long is lost, or not there.
    """

    label: str
    baud: int
    layout: Layout
    patience_s: float = 1.6

    def __init__(self, *, port: str) -> None:
        super().__init__()
        self._port = word("port", port)
        self._link: SerialLink | None = None
        self._framer = Framer(self.layout)
        self._heard = 0.0
        self._noise = 0

    @abstractmethod
    def _sample(self, frame: bytes) -> Sample:
        """What a sound frame says."""

    @abstractmethod
    def _identify(self, frame: bytes) -> MeterSpec:
        """What the instrument is, by its first frame.

        Raises:
            MeterError: It is another one.
        """

    @abstractmethod
    def _frames(self) -> tuple[list[bytes], np.ndarray]:
        """Frames that came, and the time at which each one's value held; none when none came in time."""

    def _open(self) -> MeterSpec:
        self._link = SerialLink(self._port, self.baud)
        self._greet(self._link)
        self._begin()
        frames: list[bytes] = []
        while not frames:
            frames, _ = self._frames()
            self._bear_silence("there is no")
        return self._identify(frames[0])

    def _greet(self, link: SerialLink) -> None:
        """Whatever must be said before the first frame; most instruments need nothing."""

    def _read(self) -> Block | None:
        frames, times = self._frames()
        if not frames:
            self._bear_silence("lost the")
            return None
        watts, volts, amps = np.array([self._sample(frame) for frame in frames]).T
        return Block(times, watts, volts, amps)

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
        self._framer.clear()

    def _listen(self, seconds: float) -> list[bytes]:
        """Frames that are complete after a first wait of so many seconds."""
        return self._framer.feed(self._port_link().read(seconds), self.counts)

    def _port_link(self) -> SerialLink:
        if self._link is None:
            raise MeterError(f"{self._port}: the {self.label} is not open")
        return self._link

    def _begin(self) -> None:
        """Patience begins anew."""
        self._note_heard()

    def _note_heard(self) -> None:
        self._heard = time.perf_counter()
        self._noise = self._unread()

    def _unread(self) -> int:
        return self.counts.garbage_bytes + self.counts.checksum_errors

    def _bear_silence(self, trouble: str) -> None:
        why = self._why_lost()
        if why:
            raise MeterLostError(f"{self._port}: {trouble} {self.label}: {why}")

    def _why_lost(self) -> str:
        """Why there is nothing more to wait for; empty while there is."""
        silent_s = time.perf_counter() - self._heard
        if silent_s <= self.patience_s:
            return ""
        came = "nothing came" if self._unread() == self._noise else "only something else came"
        return f"{came} for {silent_s:.1f} s; check that it is switched on and that this is its port"


class AskedMeter(FramedMeter):
    """Asked for each frame, and stamped in the middle of question and answer: right to half of what the answer took.

    A frame does not say which question it answers. So a question waits for the answer to the one before; where that
    did not come, the frames behind the next question are heard out, and the last of them is its answer.

    Attributes:
        question: Bytes that ask for one frame.
        answer_s: How long an answer may take: when the value of a later one held is not known well enough.
    """

    question: bytes
    answer_s: float

    def __init__(self, *, port: str) -> None:
        super().__init__(port=port)
        self._asked = self._unanswered = float("-inf")  # the last question; the first of those that got no answer
        self._valued = 0.0
        self._late_s = 0.0  # what the last answer took, if that was too long

    def _stream(self, *, on: bool) -> None:
        if on:
            self._begin()

    def _begin(self) -> None:
        super()._begin()
        self._valued, self._late_s = self._heard, 0.0

    def _frames(self) -> tuple[list[bytes], np.ndarray]:
        link = self._port_link()
        time.sleep(max(0.0, self._asked + self.poll_period_s - time.perf_counter()))
        self.counts.garbage_bytes += link.drain() + self._framer.clear()
        asked = self._asked = time.perf_counter()
        owed_s = asked - self._unanswered
        if owed_s > 2 * _WAIT_S:
            owed_s = 0.0  # what was not answered for so long will not be
        link.write(self.question)
        # The last question before patience ends gets what is left of it, and time for a prompt answer at least.
        until = min(asked + _WAIT_S, max(self._heard + self.patience_s, asked + _SPARE_S))
        frames, broken = self._answer(until)
        if not broken:  # a broken one was the answer all the same
            self._unanswered = float("-inf") if frames else asked - owed_s
        if frames and owed_s:
            # If that was for the first question, the answer to this one comes as much later as it was put.
            frames += self._more(self._heard + owed_s + _SPARE_S)
        self.counts.garbage_bytes += self.layout.size * len(frames[1:])
        took_s = self._heard - asked
        if frames and took_s <= self.answer_s:
            self._valued, self._late_s = self._heard, 0.0
            return frames[-1:], np.array([asked + took_s / 2])
        self.counts.missing += 1
        self.counts.retries += not frames
        self._late_s = took_s if frames else self._late_s
        return [], np.empty(0)

    def _answer(self, until: float) -> tuple[list[bytes], bool]:
        """Frames that come until then or a pause, and whether what came instead can only be an answer that broke."""
        came = b""
        while True:
            left = max(0.0, until - time.perf_counter())  # what lies there is taken, however late it is
            data = self._port_link().read(min(left, _QUIET_S) if came else left)
            frames = self._framer.feed(data, self.counts)
            came += data
            if frames:
                self._note_heard()
                return frames, False
            if not left or (came and not data):
                self.counts.garbage_bytes += (begun := self._framer.clear())
                return [], begun >= self.layout.head or len(came) >= self.layout.size

    def _more(self, until: float) -> list[bytes]:
        """All frames that come until then."""
        frames: list[bytes] = []
        while (left := until - time.perf_counter()) > 0:
            if more := self._listen(left):
                self._note_heard()
                frames += more
        return frames

    def _why_lost(self) -> str:
        silence = super()._why_lost()
        if self._late_s and (silence or time.perf_counter() - self._valued > 2 * self.patience_s):
            return f"its answers come too late: after {self._late_s:.2f} s; bring it nearer, or take another cable"
        return silence


class PushingMeter(FramedMeter):
    """Pushes frames unasked; stamped at the arrival of the last byte minus the time of the frame on the wire.

    Attributes:
        push_period_s: Time between two frames.
    """

    push_period_s: float

    def __init__(self, *, port: str) -> None:
        super().__init__(port=port)
        self._sent = float("nan")

    def _stream(self, *, on: bool) -> None:
        if on:
            self._port_link().drain(0.02)  # what was pushed before the recording
            self._framer.clear()
            self._note_heard()
            self._sent = float("nan")

    def _frames(self) -> tuple[list[bytes], np.ndarray]:
        frames = self._listen(_LISTEN_S)
        if not frames:
            return [], np.empty(0)
        self._note_heard()
        sent = self._heard - _BITS_A_BYTE * self.layout.size / self.baud
        times = sent - self.push_period_s * np.arange(len(frames) - 1, -1, -1)
        periods = (times[0] - self._sent) / self.push_period_s
        if periods > 1.5:  # noqa: PLR2004 - nearer to two than to one
            self.counts.missing += round(periods) - 1
        times = np.fmax(times, self._sent)  # frames that came at once were not sent before the one before
        self._sent = float(times[-1])
        return frames, times
