"""Mean power of a device that lives at the workload's rate, from the figures of a result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.bench.uncertainty import rectangular
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

AT_RATE = "mean while items arrived at the workload's rate"
FROM_IDLE = "idle W + rate x net J"
_COVERAGE = 2.0
_STRETCHES = ("loaded", "end")


def workload_power(
    metrics: Mapping[str, Value], facts: Mapping[str, Any] | None, rate: float, battery_wh: float | None
) -> Value | None:
    """Mean power in W between and during items, as the battery life is derived.

    The power at the rate where it was measured; else what the battery life rests on; else idle + rate x net energy.
    There the idle power is the meter's, or for an estimate the power at work less its net part, which counts the
    work of others as idle; it is taken to be off by the same share as the power at work, and by the meter's offset.

    Args:
        metrics: A result's, by key.
        facts: What its meter told, as ``power_facts`` gives it.
        rate: Items per second in use.
        battery_wh: Usable energy that ``battery_life_h`` was derived for.

    Returns:
        Never below zero; None where the figures do not tell it.
    """
    measured, life = metrics.get("power_at_rate_w"), metrics.get("battery_life_h")
    if measured is not None:
        return _power(measured.value, measured.low, measured.high, measured.source, AT_RATE)
    if life is not None and battery_wh is not None and life.low > 0:
        return _power(battery_wh / life.value, battery_wh / life.high, battery_wh / life.low, life.source, FROM_IDLE)
    idle, net = _idle(metrics, facts), metrics.get("energy_net_mj")
    if idle is None or net is None:
        return None
    value = idle[0] + rate * net.value / 1e3
    low, high = (
        value + sign * idle[1] + rate * (end - net.value) / 1e3 for sign, end in ((-1, net.low), (1, net.high))
    )
    source = Source.ESTIMATED if net.source is Source.ESTIMATED else Source.DERIVED
    return _power(value, low, high, source, FROM_IDLE)


def _power(value: float, low: float, high: float, source: Source, how: str) -> Value | None:
    if not (value > 0 and math.isfinite(high)):
        return None
    return Value(value, max(0.0, low), high, source, how, 1)


def _idle(metrics: Mapping[str, Value], facts: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Idle power in W, and what it may be off by."""
    work = metrics.get("power_w")
    if work is None or work.value <= 0:
        return None
    if facts is not None:
        stretches = [facts["idle_w"][name] for name in _STRETCHES if name in facts["idle_w"]]
        if not stretches:
            return None
        idle, offset = sum(stretches) / len(stretches), _COVERAGE * rectangular(facts["meter"]["offset_w"])
    else:
        gross, net, offset = metrics.get("energy_mj"), metrics.get("energy_net_mj"), 0.0
        if gross is None or net is None or gross.value <= 0:
            return None
        idle = max(0.0, work.value * (1 - net.value / gross.value))
    share = max(work.value - work.low, work.high - work.value) / work.value
    return idle, math.hypot(share * idle, offset)
