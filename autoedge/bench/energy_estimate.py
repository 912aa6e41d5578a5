"""Energy from processor time, where there is no meter: an estimate with its band, always labelled as one.

Without anything better: P = P_idle + (busy cores) x P_core, the linear model of PowerPi (Kaup et al., LCN 2014) with
generic constants. The band of +/- 50 % is that of an uncalibrated, generic model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from autoedge.bench.usage import Usage

BAND = 0.5
# Watts at idle and for each busy core: typical single-board computers on Arm, small PCs elsewhere (CodeCarbon falls
# back to 4 W a core for unknown processors).
_GENERIC = {"aarch64": (2.5, 1.1), "armv7l": (1.5, 0.6)}
_OTHER = (5.0, 4.0)
_LEAST_SHARE = 0.05
"""A mean power is at least this share of its estimate, so that a battery never lasts for ever."""


class Watts(NamedTuple):
    """A power and by how much it may be off, both in W."""

    value: float
    error: float


class PowerEstimate(Protocol):
    """What a power is guessed from, and how well."""

    @property
    def model_id(self) -> str:
        """Changes whenever the same use would give another power; empty for the generic constants."""

    @property
    def origin(self) -> str:
        """Where the constants come from, in a few words."""

    @property
    def band(self) -> float:
        """By which part the power of the whole device may be off, at worst."""

    def gross(self, usage: Usage) -> Watts:
        """Mean power of the whole device in use."""

    def net(self, usage: Usage) -> Watts:
        """What the candidate adds to the idle device."""


@dataclass(frozen=True)
class PowerModel:
    """Generic watts of a device at idle and for each busy core."""

    idle_w: float
    core_w: float

    @property
    def model_id(self) -> str:
        """None of its own: it is what is used without anything better."""
        return ""

    @property
    def origin(self) -> str:
        """Words for the figures."""
        return "generic constants"

    @property
    def band(self) -> float:
        """The same for all."""
        return BAND

    @classmethod
    def generic(cls, arch: str, idle_w: float | None) -> PowerModel:
        """Constants for an architecture; an idle power that the user states replaces the generic one."""
        idle, core = _GENERIC.get(arch, _OTHER)
        return cls(idle if idle_w is None else idle_w, core)

    def gross(self, usage: Usage) -> Watts:
        """Idle power and that of the candidate's own busy cores."""
        return _banded(self.idle_w + self.core_w * usage.own_cores)

    def net(self, usage: Usage) -> Watts:
        """The power of the candidate's own busy cores."""
        return _banded(self.core_w * usage.own_cores)


def energy_metrics(
    model: PowerEstimate, usage: Usage, *, items: int, rate: float | None, battery_wh: float | None
) -> dict[str, Value]:
    """Energy per item, mean power and battery life, all estimated.

    Args:
        model: The device's power model.
        usage: How the window used the device.
        items: Items processed in it.
        rate: Items per second in use, for the battery life.
        battery_wh: Usable energy of the battery.

    Returns:
        Values by metric key.
    """
    gross, net = model.gross(usage), model.net(usage)
    mj_a_watt = usage.seconds / items * 1e3
    metrics = {
        "energy_mj": _value(model, gross, mj_a_watt),
        "energy_net_mj": _value(model, net, mj_a_watt),
        "power_w": _value(model, gross, 1.0),
    }
    if rate is None or battery_wh is None:
        return metrics
    idle, share = model.gross(usage.idle), rate * usage.seconds / items  # of the time in which the candidate works
    mean, error = idle.value + share * net.value, idle.error + share * net.error
    if mean > 0:  # else a battery would last for ever
        metrics["battery_life_h"] = Value(
            battery_wh / mean,
            battery_wh / (mean + error),
            battery_wh / max(mean - error, _LEAST_SHARE * mean),
            Source.ESTIMATED,
            _told(model, error / mean),
            1,
        )
    return metrics


def _banded(watts: float) -> Watts:
    return Watts(watts, BAND * watts)


def _value(model: PowerEstimate, watts: Watts, unit: float) -> Value:
    """A value of so many units for each watt; its interval is the model's band."""
    value, error = watts.value * unit, watts.error * unit
    told = _told(model, error / value if value > 0 else 0.0)
    return Value(value, max(0.0, value - error), value + error, Source.ESTIMATED, told, 1)


def _told(model: PowerEstimate, share: float) -> str:
    return f"software estimate, {model.origin}, +/- {100 * share:.0f} %"
