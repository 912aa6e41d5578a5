"""Clocks of the cores, in trees of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.meters.conditions.clocks import read_clocks, unstable_cpus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, Any]], Path]

CPU = "sys/devices/system/cpu"


def test_everything_that_a_core_says(plant: Plant) -> None:
    """Clocks, limits, governor and residency of each core, and whether turbo and boost are on."""
    root = plant(
        {
            f"{CPU}/cpu0/cpufreq/scaling_cur_freq": 1_500_000,
            f"{CPU}/cpu0/cpufreq/scaling_min_freq": 600_000,
            f"{CPU}/cpu0/cpufreq/scaling_max_freq": 1_500_000,
            f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq": 1_800_000,
            f"{CPU}/cpu0/cpufreq/scaling_governor": "ondemand",
            f"{CPU}/cpu0/cpufreq/stats/time_in_state": "600000 4200\n1500000 58\nnonsense here\n",
            f"{CPU}/cpu10/cpufreq/scaling_governor": "performance",
            f"{CPU}/cpu2/online": 1,
            f"{CPU}/cpuidle/current_driver": "none",
            f"{CPU}/intel_pstate/no_turbo": 0,
            f"{CPU}/cpufreq/boost": 1,
        }
    )
    assert read_clocks(root) == {
        "cpus": {
            "0": {
                "current_khz": 1_500_000,
                "min_khz": 600_000,
                "max_khz": 1_500_000,
                "hardware_max_khz": 1_800_000,
                "governor": "ondemand",
                "time_in_state": {"600000": 4200, "1500000": 58},
            },
            "10": {"governor": "performance"},
        },
        "no_turbo": 0,
        "boost": 1,
    }


def _clocks(*units: dict[str, int]) -> dict[str, Any]:
    return {"cpus": {str(number): {"time_in_state": held} for number, held in enumerate(units)}}


def test_residency_between_two_looks_tells() -> None:
    """95 % of the time at one frequency is steady, whatever was before; a little less is not."""
    before = _clocks({"600": 1000, "1500": 50}, {"600": 0, "1500": 0})
    assert unstable_cpus(before, _clocks({"600": 1005, "1500": 145}, {"600": 6, "1500": 94})) == ("1",)
    assert unstable_cpus(before, before) == ()
    assert unstable_cpus({}, before) == ()
    assert unstable_cpus(before, {"cpus": {"0": {"governor": "performance"}}}) == ()


def test_nothing_there(tmp_path: Path) -> None:
    """A machine that says nothing gives an empty object."""
    assert read_clocks(tmp_path) == {}
