"""Energy from processor time, where there is no meter: an estimate with a wide band, always labelled as one.

P = P_idle + (busy cores) x P_core, the linear model of PowerPi (Kaup et al., LCN 2014) with generic constants. The band
of +/- 50 % is that of an uncalibrated, generic model.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoedge.measurement import Source, Value

BAND = 0.5
# Watts at idle and for each busy core: typical single-board computers on Arm, small PCs elsewhere (CodeCarbon falls
# back to 4 W a core for unknown processors).
_GENERIC = {"aarch64": (2.5, 1.1), "armv7l": (1.5, 0.6)}
_OTHER = (5.0, 4.0)


@dataclass(frozen=True)
class PowerModel:
    """Watts of a device at idle and for each busy core."""

    idle_w: float
    core_w: float

    @classmethod
    def generic(cls, arch: str, idle_w: float | None) -> PowerModel:
        """Constants for an architecture; an idle power that the user states replaces the generic one."""
        idle, core = _GENERIC.get(arch, _OTHER)
        return cls(idle if idle_w is None else idle_w, core)


def energy_metrics(
    model: PowerModel, *, window_s: float, cpu_s: float, items: int, rate: float | None, battery_wh: float | None
) -> dict[str, Value]:
    """Energy per item, mean power and battery life, all estimated.

    Args:
        model: The device's power model.
        window_s: Length of the window in seconds.
        cpu_s: Processor time of the candidate in it.
        items: Items processed in it.
        rate: Items per second in use, for the battery life.
        battery_wh: Usable energy of the battery.

    Returns:
        Values by metric key.
    """
    net_j = cpu_s * model.core_w / items
    gross_j = (model.idle_w * window_s + cpu_s * model.core_w) / items
    power_w = gross_j * items / window_s
    metrics = {
        "energy_mj": _banded(gross_j * 1e3),
        "energy_net_mj": _banded(net_j * 1e3),
        "power_w": _banded(power_w),
    }
    mean_w = model.idle_w + (rate or 0.0) * net_j
    if rate is not None and battery_wh is not None and mean_w > 0:  # else a battery would last for ever
        hours = battery_wh / mean_w
        metrics["battery_life_h"] = Value(
            hours, hours / (1 + BAND), hours / (1 - BAND), Source.ESTIMATED, "software estimate", 1
        )
    return metrics


def _banded(value: float) -> Value:
    return Value(value, value * (1 - BAND), value * (1 + BAND), Source.ESTIMATED, "software estimate", 1)
