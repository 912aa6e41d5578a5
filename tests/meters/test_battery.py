"""The battery gauge, in trees of files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters.battery import Battery
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

    Plant = Callable[[dict[str, Any]], Path]

SUPPLY = "sys/class/power_supply"


def _supply(name: str, **files: object) -> dict[str, object]:
    return {f"{SUPPLY}/{name}/{file}": value for file, value in files.items()}


RUNNING = _supply("BAT0", type="Battery", status="Discharging", power_now=8_500_000)
MAINS = _supply("AC", type="Mains", online=0)


@pytest.mark.parametrize(
    ("files", "watts"),
    [
        ({"power_now": 8_500_000}, 8.5),
        ({"power_now": -8_500_000}, 8.5),
        ({"voltage_now": 3_800_000, "current_now": -500_000}, 1.9),
        ({"voltage_now": 3_800_000, "current_now": 500_000}, 1.9),
    ],
)
def test_power_whatever_its_sign(plant: Plant, files: dict[str, int], watts: float) -> None:
    """Power comes from the gauge or from voltage times current, and drivers' signs do not matter."""
    root = plant({**_supply("BAT0", type="Battery", status="Discharging", **files), **MAINS})
    with Battery(root=str(root)) as meter:
        assert meter._values() == {"power_w": pytest.approx(watts)}


def test_it_asks_for_a_minute(plant: Plant) -> None:
    """Gauges average over seconds: half a minute to settle, and windows of a minute."""
    with Battery(root=str(plant(RUNNING))) as meter:
        assert meter.spec.settling_s == 30
        assert meter.spec.shortest_window_s == 60


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (_supply("AC", type="Mains", online=1), "the supply AC is online"),
        (_supply("usb", type="USB", online=1), "the supply usb is online"),
        (_supply("dock", type="Wireless", online=2), "the supply dock is online"),
        (_supply("BAT0", status="Charging"), "BAT0 is Charging"),
        (_supply("BAT0", status="Full"), "BAT0 is Full"),
        (_supply("BAT1", type="Battery", status="Charging"), "BAT0 is Discharging, BAT1 is Charging"),
    ],
)
def test_not_on_a_charger(plant: Plant, files: dict[str, Any], reason: str) -> None:
    """While something charges, or nothing discharges, opening is refused with the reason."""
    root = plant({**RUNNING, **MAINS, **files})
    with pytest.raises(MeterError, match=f"on_charger: {reason}.*only while it runs from the battery"):
        Battery(root=str(root)).__enter__()


def test_plugging_in_ends_the_recording(plant: Plant, seconds_until_lost: Callable[[Meter], float]) -> None:
    """A charger that comes during a recording breaks it off with the reason, and what came before is kept."""
    root = plant({**RUNNING, **MAINS})
    with Battery(root=str(root)) as meter:
        meter.start()
        deadline = time.monotonic() + 20
        while not meter.counts.samples and time.monotonic() < deadline:
            time.sleep(0.01)
        plant(_supply("AC", online=1))
        seconds_until_lost(meter)
        trace = meter.stop()
    assert trace.lost == "on_charger: the supply AC is online"
    assert trace.power_w[0] == 8.5


def test_batteries_add_up_and_a_mouse_does_not(plant: Plant) -> None:
    """Two batteries of the device are summed; a mouse's battery and charger say nothing of the device."""
    root = plant(
        {
            **RUNNING,
            **_supply("BAT1", type="Battery", status="Not charging", power_now=500_000, model_name="45N1"),
            **_supply("mouse", type="Battery", scope="Device", status="Discharging", power_now=1),
            **_supply("mouse_charger", type="USB", scope="Device", online=1),
        }
    )
    with Battery(root=str(root)) as meter:
        assert meter._values() == {"power_w": 9.0}
        assert meter.spec.model == "BAT0, BAT1 45N1"
    with Battery(battery="BAT0", root=str(root)) as meter:
        assert meter._values() == {"power_w": 8.5}


def test_which_battery(plant: Plant, tmp_path: Path) -> None:
    """An unknown battery is answered with those that there are; none at all is told."""
    with pytest.raises(MeterError, match="no battery is called 'BAT7'; there is: BAT0"):
        Battery(battery="BAT7", root=str(plant(RUNNING))).__enter__()
    with pytest.raises(MeterError, match="no battery feeds this device"):
        Battery(root=str(tmp_path / "empty")).__enter__()


def test_found_even_while_charging(plant: Plant, tmp_path: Path) -> None:
    """A battery is found whether or not it can be used just now."""
    assert Battery.find(Surroundings(tmp_path)) == []
    root = plant({**RUNNING, **_supply("AC", type="Mains", online=1)})
    assert Battery.find(Surroundings(root)) == [{"root": str(root)}]
