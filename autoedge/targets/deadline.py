"""When an answer comes too late: after a silence, or after a time that talking does not prolong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.agent.frames import WAITING

if TYPE_CHECKING:
    from collections.abc import Callable

SLOWEST = 2**12
"""Bytes a second; a line that is slower, below 32 kbit/s, is not waited for."""


@dataclass(frozen=True)
class Allowed:
    """How many seconds a command may take, however much its target says meanwhile.

    Attributes:
        answer_s: Until its answer.
        turn_s: At most so many more while it says, before all else, that it waits for its machine's turn.
        transfer_s: At most so many more for a long answer, while it arrives faster than ``SLOWEST``.
    """

    answer_s: float
    turn_s: float = 0.0
    transfer_s: float = 0.0


class Deadline:
    """The deadline of a command that was sent just now.

    Args:
        patience_s: Longest silence.
        allowed: Longest time in all.
        now: A monotonic clock.
    """

    def __init__(self, patience_s: float, allowed: Allowed, now: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._allowed = allowed
        self._now = now
        self._asked = self._begun = now()
        self._queued = True

    def hear(self, phase: object) -> None:
        """The target tells what it does, which prolongs nothing but the wait for the turn."""
        self._queued = self._queued and phase == WAITING
        if self._queued:
            self._begun = min(self._now(), self._asked + self._allowed.turn_s)

    def left(self, heard: float, pending: int = 0) -> tuple[float, str]:
        """Seconds that are left, and what to say once none are.

        Args:
            heard: When something arrived last.
            pending: Bytes so far of what is arriving.
        """
        silence = max(self._asked, heard) + self._patience_s
        whole = self._begun + self._allowed.answer_s + min(pending / SLOWEST, self._allowed.transfer_s)
        if silence <= whole:
            return silence - self._now(), f"no answer within {self._patience_s:g} s"
        return whole - self._now(), f"no answer within {self._allowed.answer_s:g} s, though it goes on talking"
