"""What a meter publishes of itself: where it sits, how fast it is, how far it may be off."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

SCOPES = ("wall", "board-input", "soc-rails", "package", "gpu", "estimate")
"""Where a meter sits; energies of different scopes are never compared."""


@dataclass(frozen=True)
class MeterSpec:
    """A meter's data sheet, as far as figures depend on it.

    Attributes:
        name: As in the registry: ``um25c``.
        scope: One of ``SCOPES``.
        update_period_s: Time between values that carry something new.
        settling_s: Time after a step of the load until the shown value is right (about three time constants).
        resolution_w: Smallest step of the shown power, at 5 V where current is what is shown.
        gain: Limit of the gain error, as a fraction of the reading.
        offset_w: Limit of the error that does not depend on the reading, in W.
        energy_resolution_j: Smallest step of the energy counter; None for a meter without one.
        model: The instrument behind it, with its serial number where it tells.
        accuracy_from: Where gain and offset come from; ``UNCONFIRMED`` where no data sheet could be read.
    """

    name: str
    scope: str
    update_period_s: float
    settling_s: float
    resolution_w: float
    gain: float
    offset_w: float
    energy_resolution_j: float | None = None
    model: str = ""
    accuracy_from: str = "UNCONFIRMED"

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"a scope is one of {', '.join(SCOPES)}, but got {self.scope!r}")
        limits = (self.update_period_s, self.settling_s, self.resolution_w, self.gain, self.offset_w)
        if not all(math.isfinite(limit) and limit >= 0 for limit in limits) or self.update_period_s == 0:
            raise ValueError(f"a meter's periods, steps and limits are finite and not negative, but got {self}")

    @property
    def shortest_window_s(self) -> float:
        """Shortest energy window that the meter is fit for: max(10 s, 20 updates), both ends' settling on top.

        A counter's coarse steps ask for more; what that is depends on the load.
        """
        return max(10.0, 20 * self.update_period_s)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> MeterSpec:
        """The spec whose ``to_json`` is ``form``; ValueError or TypeError when it is none."""
        return cls(**form)
