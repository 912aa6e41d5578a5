"""The power of a device that really runs something: idle power, and more for every core that a process keeps busy."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Self

import numpy as np

from autoedge.testing.family import Family
from autoedge.testing.profile import at_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.testing.profile import T

_PERIOD_S = 0.01
_CORES = os.cpu_count() or 1


class Following:
    """A profile that follows a process and all its descendants: power = idle + core power x busy cores.

    Their CPU time is read about every 10 ms while the context is open, and never more of it than the cores can give.
    The power is level between two readings, so its energy is exact: idle power x time + core power x CPU time. Before
    the first reading the device idles; behind the last it goes on as between the last two.

    Args:
        pid: The process; it need not have descendants yet.
        idle_w: Power when it does nothing.
        core_w: What one busy core adds.

    Raises:
        ProcessLookupError: There is no such process.
    """

    def __init__(self, pid: int, idle_w: float, core_w: float) -> None:
        self._family = Family(pid)
        self._idle_w = idle_w
        self._core_w = core_w
        self._lock = threading.Lock()
        self._times: list[float] = [time.perf_counter()]
        self._busy: list[float] = [self._family.cpu_s()]
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._watch, name="following", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._look()

    def power_w(self, t: T) -> T:
        """Watts at a time or at an array of times, in s."""
        return at_each(self._watts_at, t)

    def energy_j(self, start: float, end: float) -> float:
        """The exact integral of the power from start to end, in J."""
        return self._idle_w * (end - start) + self._core_w * self.busy_s(start, end)

    def busy_s(self, start: float, end: float) -> float:
        """CPU time that the processes spent from start to end, in s."""
        with self._lock:
            if self._times[-1] < end and not self._stopping.is_set():
                self._look()
            return self._busy_until(end) - self._busy_until(start)

    def knots(self, start: float, end: float) -> NDArray[np.float64]:
        """Times strictly between start and end at which the CPU time was read."""
        with self._lock:
            first = bisect_right(self._times, start)
            return np.array([at for at in self._times[first:] if at < end])

    def _watch(self) -> None:
        while not self._stopping.wait(_PERIOD_S):
            with self._lock:
                self._look()

    def _look(self) -> None:
        now = time.perf_counter()
        if now > self._times[-1]:
            # CPU time comes in ticks: two readings that lie close together may seem to hold more than the cores give.
            # What is too much there is counted in the next piece.
            most = self._busy[-1] + _CORES * (now - self._times[-1])
            self._busy.append(min(max(self._busy[-1], self._family.cpu_s()), most))
            self._times.append(now)

    def _watts_at(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        with self._lock:
            cores = [self._cores(bisect_right(self._times, t)) for t in at.ravel()]
        return self._idle_w + self._core_w * np.reshape(cores, at.shape)

    def _cores(self, behind: int) -> float:
        """Busy cores of the piece that ends at a reading; of the last piece for those that have not ended."""
        last = min(behind, len(self._times) - 1)
        if last == 0 or behind == 0:
            return 0.0
        return (self._busy[last] - self._busy[last - 1]) / (self._times[last] - self._times[last - 1])

    def _busy_until(self, t: float) -> float:
        behind = bisect_right(self._times, t)
        left = max(behind - 1, 0)
        return self._busy[left] + self._cores(behind) * (t - self._times[left])
