"""When the samples of a stream were taken: the instrument's own count, put on the host's clock."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

_BUCKET_S = 1.0
_BUCKET_SAMPLES = 8
_BUCKETS = 16
_FITTED = 4
_RATE_LIMIT = 2e-4
"""A quartz is right to some 50 ppm; more is jitter that looks like a rate."""
_SLEW = 0.1
_LOST_S = 0.1


class SampleClock:
    """Origin and rate of a counted stream, fitted to when its samples arrived.

    Transport only ever delays, by 1 to 10 ms on USB, so that the earliest arrivals tell the time: the one with the
    least delay in each second stands for it, and the line below those of the last seconds is the clock. Times handed
    out never step: a better fit is slewed in.

    Args:
        period_s: Nominal time between samples.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._bucket_s = max(_BUCKET_S, _BUCKET_SAMPLES * period_s)
        self._points: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)  # sample number, delay against the nominal
        self._bucket_ends = -math.inf
        self._handed = 0
        self._last = math.nan

    def arrived(self, number: int, at_s: float) -> int:
        """Note that the sample of this number, counted from 1, had arrived by ``at_s`` on ``time.perf_counter``.

        Returns:
            How many samples were lost unseen before it: all arrivals of the last second came far too late for their
            numbers. The caller has to count them in from this sample on.
        """
        lost = 0
        if at_s >= self._bucket_ends:
            lost = self._lost()
            if lost:
                self._points.pop()
            self._points.append((math.nan, math.inf))
            self._bucket_ends = at_s + self._bucket_s
        delay = at_s - (number + lost) * self._period_s
        if delay < self._points[-1][1]:
            self._points[-1] = (number + lost, delay)
        return lost

    def times(self, count: int, every: int = 1) -> np.ndarray:
        """When each of the next ``count`` groups of ``every`` samples ended, in s, growing.

        Raises:
            ValueError: No arrival was noted yet.
        """
        if not self._points:
            raise ValueError("a sample's time needs an arrival first")
        samples = count * every
        start = self._at(self._handed) if math.isnan(self._last) else self._last
        self._handed += samples
        end = max(self._at(self._handed), start + _SLEW * samples * self._period_s)
        self._last = end
        return np.linspace(start, end, count + 1)[1:]

    def _lost(self) -> int:
        """Samples that are missing from the count of the last second, as against the seconds before it."""
        if len(self._points) < 2:  # noqa: PLR2004 - a second, and one before it
            return 0
        *before, (_, delay) = self._points
        late_s = delay - max(usual for _, usual in before)
        return round(late_s / self._period_s) if late_s > _LOST_S else 0

    def _at(self, number: float) -> float:
        """Time of a sample on the line that no arrival lies before."""
        numbers, delays = np.array(self._points).T
        slope = 0.0
        if len(delays) >= _FITTED:  # fewer seconds tell jitter rather than a rate
            limit = _RATE_LIMIT * self._period_s
            slope = float(np.clip(np.polyfit(numbers - numbers.mean(), delays, 1)[0], -limit, limit))
        return number * self._period_s + float((delays - slope * (numbers - number)).min())
