"""What a power meter is: opened, recorded from in the background, closed; a lost one says so instead of lying."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import MeterError, Transient
from autoedge.meters.trace import Block, Counts, Trace, joined

if TYPE_CHECKING:
    from typing_extensions import Self

    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.surroundings import Surroundings

_log = logging.getLogger(__name__)
_JOIN_S = 5.0


class MeterLostError(Transient, MeterError):
    """A meter that was there stopped answering: unplugged, switched off, or hung."""


class Meter(ABC):
    """A source of power samples; a context manager that opens and closes the instrument.

    ``start`` and ``stop`` bracket a recording, as often as wanted while open. A driver implements ``_open``, ``_read``
    and ``_close``, and ``_stream`` where the instrument must be told to start and stop; all four are called by one
    thread at a time. ``_read`` notes in ``counts`` whatever it drops.

    Attributes:
        poll_period_s: How often the driver wants ``_read`` called; 0 for instruments that push.
        on_device: Whether it is a part of the device, so that the agent there reads it.
        counts: What happened in the present recording.
    """

    poll_period_s: float = 0.0
    on_device: bool = False

    def __init__(self) -> None:
        self.counts = Counts()
        self._spec: MeterSpec | None = None
        self._blocks: list[Block] = []
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lost = ""
        self._last = (float("nan"),) * 3

    @abstractmethod
    def _open(self) -> MeterSpec:
        """Connect, and say what the instrument is.

        Raises:
            MeterError: There is none, or it is another one; says what to do.
        """

    @abstractmethod
    def _read(self) -> Block | None:
        """The next samples; None when there is nothing yet. Returns within about two seconds.

        Raises:
            MeterError: The instrument is gone.
        """

    @abstractmethod
    def _close(self) -> None:
        """Disconnect; also after ``_open`` failed half way, and never raises."""

    def _stream(self, *, on: bool) -> None:  # noqa: B027 - most instruments need nothing
        """Tell the instrument to start or stop sending; nothing to do for those that answer questions."""

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Options with which the instruments that are here now would open, best first; none for most."""
        del around
        return []

    @property
    def spec(self) -> MeterSpec:
        """What the open instrument publishes."""
        if self._spec is None:
            raise MeterError(f"{type(self).__name__} is not open")
        return self._spec

    @property
    def lost(self) -> str:
        """Why the recording broke off; empty while it runs."""
        return self._lost

    @property
    def latest_w(self) -> float:
        """The last value of the present recording; NaN before the first."""
        return self._last[0]

    def __enter__(self) -> Self:
        try:
            self._spec = self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._thread is not None:
                self.stop()
        finally:
            self._close()
            self._spec = None

    def start(self) -> None:
        """Begin a recording."""
        if self._thread is not None:
            raise MeterError(f"{self.spec.name}: a recording runs already")
        self.counts, self._blocks, self._lost = Counts(), [], ""
        self._last = (float("nan"),) * 3
        self._stopping.clear()
        try:
            self._stream(on=True)
        except MeterError as error:  # as lost as one that falls silent later
            self._lost = str(error)
        self._thread = threading.Thread(target=self._record, name=f"meter {self.spec.name}", daemon=True)
        self._thread.start()

    def stop(self) -> Trace:
        """End the recording and hand it over; a lost meter's trace holds what came before."""
        if self._thread is None:
            raise MeterError(f"{self.spec.name}: no recording runs")
        self._stopping.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            self._lost = self._lost or "the driver hangs"
        self._thread = None
        if not self._lost:
            try:
                self._stream(on=False)
            except MeterError as error:
                self._lost = str(error)
        return joined(self.spec, self.counts, self._blocks, self._lost)

    def taken(self) -> Trace:
        """What was recorded since the last such call, handed over while the recording goes on.

        Its counts are empty: ``stop`` hands over those of the whole recording, with what is left of it.
        """
        count = len(self._blocks)
        blocks, self._blocks[:count] = self._blocks[:count], []  # new ones may be added meanwhile, behind these
        return joined(self.spec, Counts(), blocks)

    def read(self, seconds: float) -> Trace:
        """Record for a while."""
        self.start()
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and not self._lost:
                time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))
        finally:
            trace = self.stop()
        return trace

    def _record(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set() and not self._lost:
            try:
                block = self._read()
                if block is not None and len(block.time_s):
                    self._take(block)
            except MeterError as error:
                self._lost = str(error)
                return
            except Exception as error:  # noqa: BLE001 - a driver's bug must not pass as a meter that had nothing to say
                _log.exception("the driver of %s failed", self.spec.name)
                self._lost = f"its driver failed: {type(error).__name__}: {error}"
                return
            if self.poll_period_s:
                due = max(due + self.poll_period_s, time.monotonic() - self.poll_period_s)
                self._stopping.wait(max(0.0, due - time.monotonic()))

    def _take(self, block: Block) -> None:
        self._blocks.append(block)
        self.counts.samples += len(block.time_s)
        values = np.stack([block.power_w, *(s if s.size else block.power_w for s in (block.volts, block.amps))])
        before = np.concatenate([np.array(self._last)[:, None], values[:, :-1]], axis=1)
        self.counts.repeats += int((values == before).all(axis=0).sum())
        self._last = tuple(values[:, -1])
