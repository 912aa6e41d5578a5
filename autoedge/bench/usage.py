"""How a stretch of time used a device's processors: what power is estimated from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Usage:
    """Processor time of a stretch.

    Attributes:
        seconds: Its length.
        own_cores: Cores that the candidate kept busy, on average.
        busy: Share of the processor time of all cores in which somebody was busy, 0 to 1.
        own: The candidate's own part of that.
        clock: Mean clock relative to the highest, 0 to 1; 1 where the device does not tell its clocks.
    """

    seconds: float
    own_cores: float
    busy: float
    own: float
    clock: float = 1.0

    @classmethod
    def of(cls, counters: Mapping[str, Any], seconds: float, cores: int) -> Usage:
        """What a worker's counters say of a stretch.

        Args:
            counters: ``cpu_s``, and where the device tells them ``machine_busy_s``, ``machine_total_s`` and
                ``machine_clock_s`` (see ``autoedge.agent.job``).
            seconds: Length of the stretch.
            cores: Of the device, for one that does not tell its processor time.

        Raises:
            ValueError: They are no finite numbers; also KeyError and TypeError.
        """
        own, busy, total, clock = (
            float(counters[name]) if name == "cpu_s" else float(counters.get(name, 0.0))
            for name in ("cpu_s", "machine_busy_s", "machine_total_s", "machine_clock_s")
        )
        if not all(math.isfinite(number) for number in (own, busy, total, clock, seconds)) or seconds <= 0:
            raise ValueError(f"processor times are finite and a stretch has a length, but got {dict(counters)}")
        whole = total if total > 0 else seconds * cores
        share = _share(own / whole)
        return cls(
            seconds=seconds,
            own_cores=max(0.0, own) / seconds,
            busy=_share(busy / whole) if total > 0 else share,
            own=share,
            clock=_share(clock / whole) if total > 0 and clock > 0 else 1.0,
        )

    @property
    def idle(self) -> Usage:
        """The same stretch with nothing to do."""
        return replace(self, own_cores=0.0, busy=0.0, own=0.0)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
