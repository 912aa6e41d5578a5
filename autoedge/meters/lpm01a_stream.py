"""What both forms of an LPM01A's stream have in common: a row of values, gaps found by time stamps, an end."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

_LARGEST_GAP_S = 0.25
"""More is a damaged time stamp, or a loss that the host's clock finds by itself."""


class Stream(ABC):
    """Turns bytes into values, the same for any cutting of the bytes into pieces.

    The instrument says its own time now and then. Where more time has passed than values came, those that are missing
    are filled in as NaN; its time is told in ms, so that a single one at 1 kHz cannot be told from rounding.

    Args:
        rate_hz: Values a second.
        largest: No value can be above; one that is was damaged.

    Attributes:
        missing: Values that the instrument took and that did not come.
        damaged: Values thrown away since they are none.
        garbage: Bytes skipped that mean nothing.
        overcurrents: How often the instrument said that the current was too large.
        ended: Why nothing more will come; empty while it runs.
    """

    def __init__(self, rate_hz: float, largest: float) -> None:
        self.missing = 0
        self.damaged = 0
        self.garbage = 0
        self.overcurrents = 0
        self.ended = ""
        self._rate_hz = rate_hz
        self._largest = largest
        self._bytes = b""
        self._values: list[np.ndarray] = []
        self._count = 0
        self._reference: tuple[int, int] | None = None  # values and ms at an earlier time stamp

    def feed(self, data: bytes) -> np.ndarray:
        """The values that these bytes complete, in A or J; NaN for one that was lost or damaged."""
        self._bytes += data
        self._values = [np.empty(0)]
        if not self.ended:
            self._parse()
        if self.ended:
            self._bytes = b""
        return np.concatenate(self._values)

    @abstractmethod
    def _parse(self) -> None:
        """Take from the front of the bytes what is whole."""

    def _take(self, values: np.ndarray) -> None:
        wrong = values > self._largest
        self.damaged += int(wrong.sum())
        self._values.append(np.where(wrong, np.nan, values))
        self._count += values.size

    def _take_damaged(self, number: int) -> None:
        self.damaged += number
        self._values.append(np.full(number, np.nan))
        self._count += number

    def _stamped(self, ms: int) -> None:
        """The instrument says its time; fill in what is missing since the last."""
        if self._reference is None:
            self._reference = (self._count, ms)
            return
        count, earlier_ms = self._reference
        gap = round((ms - earlier_ms) * self._rate_hz / 1000) - (self._count - count)
        unsure = max(1.0, self._rate_hz / 1000)
        if unsure < gap <= _LARGEST_GAP_S * self._rate_hz:
            self.missing += gap
            self._values.append(np.full(gap, np.nan))
            self._count += gap
        elif abs(gap) > unsure:
            self._reference = (self._count, ms)
