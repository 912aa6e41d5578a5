"""Whether heat or a weak supply held the processor back: the Raspberry Pi's flags, and the kernel's counters."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from autoedge.meters.sysfs import int_or_none, numbered, text_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = ("vcgencmd", "get_throttled")
FLAGS = {0: "undervoltage", 1: "frequency_capped", 2: "throttled", 3: "soft_temperature_limit"}
"""The low bits of ``vcgencmd get_throttled``: now; the same 16 higher: since the start of the system."""
_SINCE_BOOT = 16
_NOW_MASK = 0x0000F
_SINCE_BOOT_MASK = 0xF0000
_ANSWER = re.compile(r"throttled=0x([0-9a-fA-F]{1,8})")
_TIMEOUT_S = 1.0

Ask = Callable[[], str]


def ask_vcgencmd() -> str:
    """What ``vcgencmd get_throttled`` prints; empty where it cannot be run."""
    try:
        ran = subprocess.run(COMMAND, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.decode("ascii", "replace")


def parse_throttled(answer: str) -> int | None:
    """The bits of ``throttled=0x50005``; None for any other answer."""
    match = _ANSWER.fullmatch(answer.strip())
    return int(match[1], 16) if match else None


def flag_names(bits: int) -> tuple[str, ...]:
    """Names of the set bits: ``throttled``, and ``throttled_since_boot`` of the higher ones."""
    now = [name for bit, name in FLAGS.items() if bits >> bit & 1]
    past = [f"{name}_since_boot" for bit, name in FLAGS.items() if bits >> (bit + _SINCE_BOOT) & 1]
    return (*now, *past)


def read_throttle(root: Path = Path("/"), ask: Ask = ask_vcgencmd) -> dict[str, Any]:
    """Flags and counters of throttling.

    Args:
        root: Root of the tree with ``sys`` and ``proc``.
        ask: Gives the answer of ``vcgencmd get_throttled``; called on a Raspberry Pi alone.

    Returns:
        ``pi_bits`` and ``pi_flags``; ``undervoltage_alarm`` of the kernel's rpi_volt (path UNCONFIRMED); and
        ``thermal_events``, the cores' and packages' counts on Intel (UNCONFIRMED). What is missing is absent.
    """
    found: dict[str, Any] = {}
    if "Raspberry Pi" in (text_or_none(root / "proc/device-tree/model") or ""):
        bits = parse_throttled(ask())
        if bits is not None:
            found.update(pi_bits=bits, pi_flags=list(flag_names(bits)))
    for folder in numbered(root / "sys/class/hwmon", "hwmon"):
        alarm = int_or_none(folder / "in0_lcrit_alarm")
        if text_or_none(folder / "name") == "rpi_volt" and alarm is not None:
            found["undervoltage_alarm"] = bool(alarm)
    counts = [
        int_or_none(folder / f"thermal_throttle/{place}_throttle_count")
        for folder in numbered(root / "sys/devices/system/cpu", "cpu")
        for place in ("core", "package")
    ]
    known = [count for count in counts if count is not None]
    if known:
        found["thermal_events"] = sum(known)
    return found


def throttled(before: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether a ``read_throttle`` shows throttling, now or since the one before: any of the Pi's bits, or a count."""
    bits = seen.get("pi_bits", 0)
    new = bits & ~before.get("pi_bits", 0) & _SINCE_BOOT_MASK
    counted = seen.get("thermal_events", 0) > before.get("thermal_events", seen.get("thermal_events", 0))
    return bool(bits & _NOW_MASK or new or counted)


def undervolted(before: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether the supply was too weak, now or since the ``read_throttle`` before."""
    bits = seen.get("pi_bits", 0)
    new = bits & ~before.get("pi_bits", 0)
    return bool(bits & 1 or new >> _SINCE_BOOT & 1 or seen.get("undervoltage_alarm", False))
