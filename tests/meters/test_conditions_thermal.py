"""Thermal zones and cooling devices, in trees of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from autoedge.meters.conditions.thermal import read_thermal, slowed_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, Any]], Path]

THERMAL = "sys/class/thermal"


def test_everything_that_a_zone_says(plant: Plant) -> None:
    """Temperatures come in degrees, with their limits; zones without a temperature are left out."""
    root = plant(
        {
            f"{THERMAL}/thermal_zone0/type": "cpu-thermal",
            f"{THERMAL}/thermal_zone0/temp": 48_312,
            f"{THERMAL}/thermal_zone0/trip_point_0_temp": 80_000,
            f"{THERMAL}/thermal_zone0/trip_point_0_type": "passive",
            f"{THERMAL}/thermal_zone0/trip_point_1_temp": 110_000,
            f"{THERMAL}/thermal_zone0/trip_point_1_type": "critical",
            f"{THERMAL}/thermal_zone1/type": "dead",
            f"{THERMAL}/thermal_zone10/temp": -5000,
        }
    )
    trips = [{"type": "passive", "temp_c": 80.0}, {"type": "critical", "temp_c": 110.0}]
    zone = {"name": "thermal_zone0", "temp_c": 48.312, "type": "cpu-thermal", "trips": trips}
    assert read_thermal(root) == {"zones": [zone, {"name": "thermal_zone10", "temp_c": -5.0}]}


@pytest.mark.parametrize(
    ("kind", "state", "slowed"),
    [
        ("Processor", 1, True),
        ("Processor", 0, False),
        ("cpufreq-cpu0", 3, True),
        ("thermal-cpufreq-0", 1, True),
        ("thermal-devfreq-0", 1, True),
        ("intel_powerclamp", -1, False),
        ("pwm-fan", 4, False),
        ("LCD", 7, False),
    ],
)
def test_cooling_by_computing_less(plant: Plant, kind: str, state: int, slowed: bool) -> None:  # noqa: FBT001 - a table's column
    """Processors that are held back count, fans and screens do not."""
    device = f"{THERMAL}/cooling_device0"
    root = plant({f"{device}/type": kind, f"{device}/cur_state": state, f"{device}/stats/total_trans": 12})
    read = read_thermal(root)
    assert read["cooling"] == [{"name": "cooling_device0", "type": kind, "state": state, "transitions": 12}]
    assert slowed_down(read) == (("cooling_device0",) if slowed else ())


def test_nothing_there(tmp_path: Path) -> None:
    """A machine that says nothing gives an empty object."""
    assert read_thermal(tmp_path) == {}
    assert slowed_down({}) == ()
