"""What a meter publishes of itself: where it sits, how fast it is, how far it may be off."""

from __future__ import annotations

from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

SCOPES = ("wall", "board-input", "soc-rails", "package", "gpu", "estimate")
"""Where a meter sits; energies of different scopes are never compared."""
LARGEST = 1e12
"""More s, W or J than anything here lasts, draws or takes; products and squares of such numbers are still finite."""
SHORTEST_S = 1e-9
"""No meter has two values in less."""
UNSTATED = "not stated; the meter's own errors are not in the uncertainty"
"""Where the accuracy comes from when nobody told any."""


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
            raise ValueError(f"'scope' is one of {', '.join(SCOPES)}, but got {self.scope!r:.40}")
        for key in ("name", "model", "accuracy_from"):
            if not isinstance(getattr(self, key), str):
                raise ValueError(f"'{key}' is a text, but got {getattr(self, key)!r:.40}")  # noqa: TRY004 - bad data
        _check_limit("update_period_s", self.update_period_s, SHORTEST_S)
        for key in ("settling_s", "resolution_w", "gain", "offset_w"):
            _check_limit(key, getattr(self, key))
        if self.energy_resolution_j is not None:
            _check_limit("energy_resolution_j", self.energy_resolution_j)

    @property
    def states_errors(self) -> bool:
        """Whether anything is known of how far the meter may be off."""
        return self.gain > 0 or self.offset_w > 0

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
    def from_json(cls, form: Any) -> MeterSpec:
        """The spec whose ``to_json`` is ``form``.

        Raises:
            ValueError: It is none; names the key.
        """
        if not isinstance(form, dict):
            raise ValueError(f"a meter is an object, but got {type(form).__name__}")  # noqa: TRY004 - bad data
        keys = [field.name for field in fields(cls)]
        unknown = [key for key in form if key not in keys]
        if unknown:
            raise ValueError(f"a meter has no {unknown[0]!r:.40}; its keys are {', '.join(keys)}")
        missing = [f"'{field.name}'" for field in fields(cls) if field.default is MISSING and field.name not in form]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        return cls(**form)


def _check_limit(key: str, value: Any, least: float = 0.0) -> None:
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (right and least <= value <= LARGEST):
        raise ValueError(f"'{key}' is a number from {least:g} to {LARGEST:g}, but got {value!r:.40}")
