"""How far a device's clock stands from this machine's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 16


@dataclass(frozen=True)
class ClockOffset:
    """The device's monotonic clock minus this machine's, both as ``time.perf_counter`` reads them.

    Attributes:
        offset_s: Seconds to take from the device's reading to get this machine's.
        bound_s: The true offset lies no further from it than this.
    """

    offset_s: float
    bound_s: float

    def host_time(self, device_s: float) -> float:
        """This machine's reading at a moment of the device."""
        return device_s - self.offset_s


SAME_CLOCK = ClockOffset(0.0, 0.0)


def clock_offset(
    ask: Callable[[], int], rounds: int = _ROUNDS, now: Callable[[], int] = time.perf_counter_ns
) -> ClockOffset:
    """Compare two clocks by round trips; the fastest one counts.

    The device's reading falls somewhere between question and answer, so the middle of both is off by half the round
    trip at most (Cristian, "Probabilistic clock synchronization", 1989).

    Args:
        ask: Reads the device's clock, in ns.
        rounds: How often.
        now: This machine's clock, in ns.
    """
    trips = []
    for _ in range(rounds):
        asked = now()
        there = ask()
        answered = now()
        trips.append((answered - asked, there - (asked + answered) // 2))
    trip, offset = min(trips)
    return ClockOffset(offset / 1e9, trip / 2 / 1e9)
