"""What an intent must also say before battery, carbon and cost can be told, and what to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.figures import number

if TYPE_CHECKING:
    from collections.abc import Mapping

_BATTERY = "battery: {capacity: 10 Wh}"
_CARBON = "carbon: {intensity: 380 g / kWh}"
_FLEET = "fleet: {devices: 100}"
_WITHOUT_RATE = (
    "What a device takes in use follows from its workload: add workload: {rate: 2 / s} to the intent, and for what you "
    f"want to see {_BATTERY}, {_CARBON} or {_FLEET}. With another rate or battery everything is measured again."
)
_WITHOUT_POWER = (
    "The figures of the chosen candidate do not tell its power at the workload: a power meter measures it in the "
    "confirm rounds; where there is one, its flags tell why net energy is absent."
)


def missing(rate: float | None, battery_wh: float | None, *, carbon: bool, fleet: bool, power: bool) -> list[str]:
    """A sentence for each thing that cannot be told, with what to add.

    Args:
        rate: Items per second, where the intent says them.
        battery_wh: Usable energy, where it says a battery.
        carbon: Whether it says an intensity.
        fleet: Whether it says a fleet.
        power: Whether there is a figure of the chosen candidate's power at the workload.
    """
    if rate is None:
        return [_WITHOUT_RATE]
    if not power:
        return [_WITHOUT_POWER]
    told = {
        f"For battery life add {_BATTERY} to the intent; everything is then measured again.": battery_wh is None,
        f"For carbon add {_CARBON} to the intent; nothing is measured again.": not carbon,
        f"For energy and cost of many devices add {_FLEET} to the intent; nothing is measured again.": not fleet,
    }
    return [sentence for sentence, absent in told.items() if absent]


def too_slow(verdict: Mapping[str, Any], rate: float | None) -> list[str]:
    """A remark for each of chosen and reference that cannot keep up with the workload."""
    notes = []
    for side in ("chosen", "reference"):
        speed = verdict[side]["metrics"].get("throughput_ips")
        if rate is not None and speed is not None and speed["value"] < rate:
            notes.append(
                f"The {side} candidate works at {number(speed['value'])} / s and cannot keep up with "
                f"{rate:.6g} / s: its figures tell what it would draw if it could."
            )
    return notes
