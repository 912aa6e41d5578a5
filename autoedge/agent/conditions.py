"""The machine's state around a measurement, and what in it makes the measurement doubtful."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.meters.conditions.clocks import read_clocks, unstable_cpus
from autoedge.meters.conditions.thermal import read_thermal, slowed_down
from autoedge.meters.conditions.throttle import Ask, ask_vcgencmd, read_throttle, throttled, undervolted
from autoedge.meters.sysfs import int_or_none, numbered, text_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STEADY_GOVERNORS = frozenset({"performance", "userspace"})


def snapshot(root: Path = Path("/"), ask: Ask = ask_vcgencmd) -> dict[str, Any]:
    """What the machine says of itself at this moment, as JSON values.

    Args:
        root: Root of the tree with ``sys`` and ``proc``.
        ask: Gives the answer of ``vcgencmd get_throttled`` on a Raspberry Pi.

    Returns:
        ``thermal``, ``clocks``, ``throttle`` as their readers give them; ``load_average`` (1, 5 and 15 minutes);
        ``fans`` (name, rpm, pwm of 255); ``memory_available_mib``; ``swap`` (pages in and out since the start of the
        system). What the machine does not say is absent.
    """
    found = {
        "thermal": read_thermal(root),
        "clocks": read_clocks(root),
        "throttle": read_throttle(root, ask),
        "load_average": _load_average(root),
        "fans": _fans(root),
        "memory_available_mib": _memory_available(root),
        "swap": _swap(root),
    }
    return {name: value for name, value in found.items() if value not in (None, {}, [])}


def brief(look: Mapping[str, Any]) -> dict[str, Any]:
    """Of a snapshot what changes from second to second: for many of them in a row, in the same form.

    Returns:
        ``thermal`` without trips, ``throttle``, ``fans``, and ``clocks`` with the cores' current ones alone.
    """
    thermal, clocks = look.get("thermal", {}), look.get("clocks", {})
    zones = [{"name": zone["name"], "temp_c": zone["temp_c"]} for zone in thermal.get("zones", ())]
    cpus = {n: {"current_khz": cpu["current_khz"]} for n, cpu in clocks.get("cpus", {}).items() if "current_khz" in cpu}
    found = {
        "thermal": {"zones": zones, "cooling": thermal.get("cooling", [])},
        "clocks": {"cpus": cpus},
        "throttle": look.get("throttle", {}),
        "fans": look.get("fans", []),
    }
    return {name: value for name, value in found.items() if value and any(value if name == "fans" else value.values())}


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], during: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, ...]:
    """What happened between two snapshots that a measurement's validity depends on.

    Args:
        before: At the start.
        after: At the end.
        during: In between.

    Returns:
        Of ``throttled``: a flag of the Raspberry Pi was set at any look or is new since the start, a cooling device
        held a processor back, or Intel's counts rose. ``undervoltage``: the supply was too weak. ``clock_unstable``: a
        core spent less than 95 % of the time at one frequency. ``governor``: one that changes clocks was in charge.
    """
    looks = [before, *during, after]
    first, start = before.get("throttle", {}), before.get("clocks", {})
    governors = {cpu["governor"] for cpu in after.get("clocks", {}).get("cpus", {}).values() if "governor" in cpu}
    facts = {
        "throttled": any(throttled(first, look.get("throttle", {})) for look in looks)
        or any(slowed_down(look.get("thermal", {})) for look in looks),
        "undervoltage": any(undervolted(first, look.get("throttle", {})) for look in looks),
        "clock_unstable": bool(unstable_cpus(start, after.get("clocks", {}))),
        "governor": bool(governors - _STEADY_GOVERNORS),
    }
    return tuple(name for name, holds in facts.items() if holds)


def _load_average(root: Path) -> list[float]:
    fields = (text_or_none(root / "proc/loadavg") or "").split()[:3]
    try:
        return [float(field) for field in fields]
    except ValueError:
        return []


def _fans(root: Path) -> list[dict[str, Any]]:
    fans = []
    for folder in numbered(root / "sys/class/hwmon", "hwmon"):
        name = text_or_none(folder / "name") or folder.name
        for number in range(1, 9):
            rpm, pwm = int_or_none(folder / f"fan{number}_input"), int_or_none(folder / f"pwm{number}")
            values = {"rpm": rpm, "pwm": pwm}
            known = {key: value for key, value in values.items() if value is not None}
            if known:
                fans.append({"name": f"{name} {number}", **known})
    return fans


def _memory_available(root: Path) -> float | None:
    kib = _counts(root / "proc/meminfo").get("MemAvailable")
    return None if kib is None else kib / 1024


def _swap(root: Path) -> dict[str, int]:
    counts = _counts(root / "proc/vmstat")
    return {
        name: counts[field] for name, field in (("pages_in", "pswpin"), ("pages_out", "pswpout")) if field in counts
    }


def _counts(path: Path) -> dict[str, int]:
    """Lines of a name and a whole number, ``MemFree:  123 kB`` or ``pswpin 0``."""
    lines = [line.replace(":", " ").split() for line in (text_or_none(path) or "").splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdecimal()}
