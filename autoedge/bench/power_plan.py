"""How long the stretches are that a power meter watches: never shorter than the meter can tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.meters.spec import MeterSpec

_CLOCK_S = 0.1
_METER_START_S = 0.5  # the phase is announced, perhaps over a network, and the meter begins to record


@dataclass(frozen=True)
class PowerPlan:
    """How long the stretches are that a meter watches, in s.

    Attributes:
        lead_s: Before each stretch, in the state that it is about, until the meter shows it.
        idle_s: Each of the three idle stretches.
        window_s: Each energy window.
        windows: How many.
        tail_s: After the last window, in the same state, so that what the meter shows late is still about it.
    """

    lead_s: float
    idle_s: float
    window_s: float
    windows: int
    tail_s: float

    @classmethod
    def of(cls, parameters: Mapping[str, Any], spec: MeterSpec) -> PowerPlan:
        """What a protocol comes to with a meter: never shorter than the meter can tell apart."""
        update = spec.update_period_s
        return cls(
            lead_s=spec.settling_s + 2 * update + _METER_START_S,
            idle_s=max(float(parameters["idle_seconds"]), parameters["idle_samples"] * update),
            # Both ends' settling and the clocks' doubt are left out of a slow meter's window.
            window_s=max(
                float(parameters["energy_seconds"]), spec.shortest_window_s + 2 * (spec.settling_s + _CLOCK_S)
            ),
            windows=int(parameters["energy_windows"]),
            tail_s=2 * update + _METER_START_S / 5,
        )

    @property
    def stretches(self) -> tuple[float, float, float]:
        """Seconds of rest, of windows, and of leads and tails."""
        return 3 * self.idle_s, self.windows * self.window_s, 4 * self.lead_s + self.tail_s
