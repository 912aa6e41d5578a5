"""Clocks of the cores: what they are, what they may be, and how long each frequency was held."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.meters.sysfs import int_or_none, numbered, text_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

_CPUS = "sys/devices/system/cpu"
STEADY_SHARE = 0.95
"""Part of the time that a steady clock spends at one frequency."""


def read_clocks(root: Path = Path("/")) -> dict[str, Any]:
    """Clocks of each core, and whether it may go beyond its nominal one.

    Returns:
        ``cpus``: by number as text: current_khz, min_khz, max_khz, hardware_max_khz, governor, time_in_state
        (frequency in kHz as text: units of 10 ms); ``no_turbo``, ``boost``. What is missing is absent.

    Source: Linux ``Documentation/admin-guide/pm/cpufreq.rst``.
    """
    folder = root / _CPUS
    cpus = {path.name[len("cpu") :]: _cpu(path / "cpufreq") for path in numbered(folder, "cpu")}
    found: dict[str, Any] = {
        "cpus": {number: cpu for number, cpu in cpus.items() if cpu},
        "no_turbo": int_or_none(folder / "intel_pstate/no_turbo"),
        "boost": int_or_none(folder / "cpufreq/boost"),
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def unstable_cpus(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Cores that spent less than ``STEADY_SHARE`` of the time between two ``read_clocks`` at one frequency."""
    unstable = []
    for number, cpu in after.get("cpus", {}).items():
        held, first = cpu.get("time_in_state"), before.get("cpus", {}).get(number, {}).get("time_in_state")
        if not held or not first:
            continue
        spent = [max(0, units - first.get(frequency, 0)) for frequency, units in held.items()]
        if sum(spent) > 0 and max(spent) < STEADY_SHARE * sum(spent):
            unstable.append(number)
    return tuple(unstable)


def _cpu(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = {
        "current_khz": int_or_none(folder / "scaling_cur_freq"),
        "min_khz": int_or_none(folder / "scaling_min_freq"),
        "max_khz": int_or_none(folder / "scaling_max_freq"),
        "hardware_max_khz": int_or_none(folder / "cpuinfo_max_freq"),
        "governor": text_or_none(folder / "scaling_governor"),
        "time_in_state": _time_in_state(text_or_none(folder / "stats/time_in_state") or ""),
    }
    return {name: value for name, value in values.items() if value not in (None, {})}


def _time_in_state(table: str) -> dict[str, int]:
    pairs = [line.split() for line in table.splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and all(part.isdecimal() for part in pair)}  # noqa: PLR2004
