"""How fast the cores' clocks ran over time, from the kernel's own book of it."""

from __future__ import annotations

from pathlib import Path

from autoedge.meters.sysfs import int_or_none, numbered, text_or_none

_POLICIES = "sys/devices/system/cpu/cpufreq"
_UNIT_S = 0.01


def clock_seconds(root: Path = Path("/")) -> float:
    """Processor seconds of all cores since the start, each counted by its clock relative to its highest.

    Its growth divided by that of all processor time is the mean relative clock.

    Args:
        root: Root of the tree with ``sys``.

    Returns:
        0 where the kernel keeps no such book: virtual machines, processors that choose their clocks themselves.

    Source: Linux ``Documentation/cpu-freq/cpufreq-stats.rst``: units of 10 ms by frequency in kHz.
    """
    return sum((_policy(folder) for folder in numbered(root / _POLICIES, "policy")), 0.0)


def _policy(folder: Path) -> float:
    """Of the cores that share one clock."""
    rows = [line.split() for line in (text_or_none(folder / "stats/time_in_state") or "").splitlines()]
    held = {int(row[0]): int(row[1]) for row in rows if len(row) == 2 and all(part.isdecimal() for part in row)}  # noqa: PLR2004
    highest = int_or_none(folder / "cpuinfo_max_freq") or max(held, default=0)
    if highest <= 0:
        return 0.0
    cores = len((text_or_none(folder / "affected_cpus") or "0").split())
    return cores * _UNIT_S * sum(frequency / highest * units for frequency, units in held.items())
