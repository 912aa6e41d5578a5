"""Temperatures, their limits, and what the kernel does to keep within them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.meters.sysfs import int_or_none, numbered, text_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

_THERMAL = "sys/class/thermal"
_TRIPS = 12
_SLOWS_DOWN = re.compile(r"processor|.*cpu.*|.*gpu.*|.*devfreq.*|intel_powerclamp", re.IGNORECASE)
"""Types of cooling devices that cool by computing less; a fan does not."""


def read_thermal(root: Path = Path("/")) -> dict[str, Any]:
    """Thermal zones and cooling devices.

    Returns:
        ``zones``: name, type, temp_c, trips (type, temp_c); ``cooling``: name, type, state, max_state and, where the
        kernel counts them, transitions. What is missing is absent.

    Source: Linux ``Documentation/ABI/testing/sysfs-class-thermal``.
    """
    folder = root / _THERMAL
    zones = [_zone(path) for path in numbered(folder, "thermal_zone")]
    cooling = [_cooling(path) for path in numbered(folder, "cooling_device")]
    found = {"zones": [zone for zone in zones if zone], "cooling": [device for device in cooling if device]}
    return {name: entries for name, entries in found.items() if entries}


def slowed_down(thermal: Mapping[str, Any]) -> tuple[str, ...]:
    """Cooling devices that hold a processor back at the moment of a ``read_thermal``."""
    return tuple(
        device["name"]
        for device in thermal.get("cooling", ())
        if device.get("state", 0) > 0 and _SLOWS_DOWN.fullmatch(device.get("type", ""))
    )


def _zone(path: Path) -> dict[str, Any]:
    temperature = int_or_none(path / "temp")
    if temperature is None:
        return {}
    zone: dict[str, Any] = {"name": path.name, "temp_c": temperature / 1000}
    kind = text_or_none(path / "type")
    if kind:
        zone["type"] = kind
    trips = []
    for number in range(_TRIPS):
        limit, sort = int_or_none(path / f"trip_point_{number}_temp"), text_or_none(path / f"trip_point_{number}_type")
        if limit is not None and sort:
            trips.append({"type": sort, "temp_c": limit / 1000})
    if trips:
        zone["trips"] = trips
    return zone


def _cooling(path: Path) -> dict[str, Any]:
    values = {
        "type": text_or_none(path / "type"),
        "state": int_or_none(path / "cur_state"),
        "max_state": int_or_none(path / "max_state"),
        "transitions": int_or_none(path / "stats/total_trans"),
    }
    known = {name: value for name, value in values.items() if value is not None}
    return {"name": path.name, **known} if known else {}
