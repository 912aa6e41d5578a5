"""Finding the meters that are here."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters.base import Meter
from autoedge.meters.finder import ORDER, Found, best, found, opened
from autoedge.meters.spec import MeterSpec
from autoedge.meters.surroundings import SerialPort, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.trace import Block

    Plant = Callable[[dict[str, Any]], Path]

SENSORS = {
    "rapl": "autoedge.meters.rapl:Rapl",
    "hwmon": "autoedge.meters.hwmon:Hwmon",
    "jetson": "autoedge.meters.jetson:Jetson",
    "battery": "autoedge.meters.battery:Battery",
    "pi5-pmic": "autoedge.meters.pi5_pmic:Pi5Pmic",
    "nvml": "autoedge.meters.nvml:Nvml",
    "joulescope": "autoedge.meters.joulescope:JoulescopeMeter",
    "estimate": "autoedge.meters.estimate:Estimate",
    "replay": "autoedge.meters.replay:Replay",
}
RAPL = {
    "sys/class/powercap/intel-rapl:0/name": "package-0",
    "sys/class/powercap/intel-rapl:0/energy_uj": 1,
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": 10**9,
}
BATTERY = {
    "sys/class/power_supply/BAT0/type": "Battery",
    "sys/class/power_supply/BAT0/status": "Charging",
    "sys/class/power_supply/BAT0/power_now": 1,
}


class Wired(Meter):
    """A meter on a serial port, which must not be opened unasked."""

    def __init__(self, port: str) -> None:
        super().__init__()
        self.port = port

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Every port."""
        return [{"port": port.device} for port in around.ports()]

    def _open(self) -> MeterSpec:
        raise AssertionError("opened")

    def _read(self) -> Block | None:
        raise AssertionError("read")

    def _close(self) -> None:
        raise AssertionError("closed")


class Broken(Wired):
    """A driver with a bug in its search."""

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Fails."""
        raise ZeroDivisionError(str(around.root))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Places of this file's meters."""
    import sys

    monkeypatch.setitem(sys.modules, "wired_meters", sys.modules[__name__])
    return {"wired": "wired_meters:Wired", "broken": "wired_meters:Broken"}


def _no_ports() -> list[SerialPort]:
    return []


def test_working_and_failing_sensors_are_told_apart(plant: Plant) -> None:
    """What works comes with its spec, what does not with the reason, and what is not here not at all."""
    all_found = found(SENSORS, Surroundings(plant({**RAPL, **BATTERY}), _no_ports))
    assert [one.name for one in all_found] == ["rapl", "battery"]
    rapl, battery = all_found
    assert rapl.scope == "package"
    assert rapl.reason == ""
    assert battery.spec is None
    assert battery.scope == ""
    assert "on_charger" in battery.reason
    assert best(all_found) == rapl


def test_nothing_here(tmp_path: Path) -> None:
    """In an empty tree there is no meter, and an estimate does not step in."""
    assert found(SENSORS, Surroundings(tmp_path, _no_ports)) == []
    assert best([]) is None


def test_serial_meters_are_listed_unopened(here: dict[str, str], tmp_path: Path) -> None:
    """A serial meter is listed by its port without a byte sent, and is never chosen by itself."""
    around = Surroundings(tmp_path, lambda: [SerialPort("/dev/ttyACM0", 1, 2, "", "", "")])
    (one,) = found({"wired": here["wired"]}, around)
    assert one.options == {"port": "/dev/ttyACM0"}
    assert "not opened" in one.reason
    assert best([one]) is None


def test_a_broken_driver_hides_nothing(here: dict[str, str], plant: Plant) -> None:
    """A driver that fails, or cannot be loaded, is listed with its failure beside those that work."""
    missing = {"gone": "autoedge.meters.gone:Gone", "no-meter": "json:JSONDecoder"}
    all_found = {one.name: one for one in found({**SENSORS, **here, **missing}, Surroundings(plant(RAPL), _no_ports))}
    assert all_found["rapl"].spec
    assert all_found["broken"].reason.startswith("ZeroDivisionError")
    assert "cannot be loaded" in all_found["gone"].reason
    assert "is no meter" in all_found["no-meter"].reason


def test_the_best_is_the_first_of_the_order() -> None:
    """Of working meters the nearest to the whole board is chosen, within the scopes that will do."""
    candidates = [
        Found(name, {}, MeterSpec(name, "gpu" if name == "nvml" else "package", 1.0, 0.0, 0.0, 0.0, 0.0))
        for name in ("battery", "rapl", "nvml")
    ]
    failing = Found("hwmon", reason="broken")
    assert [name for name in ORDER if name in SENSORS] == list(ORDER)
    assert best([*candidates, failing]) == candidates[2]
    assert best([*candidates, failing], scopes=("package",)) == candidates[1]
    assert best([failing]) is None


def test_found_survives_the_wire(plant: Plant) -> None:
    """What was found is JSON and comes back from it."""
    for one in found(SENSORS, Surroundings(plant({**RAPL, **BATTERY}), _no_ports)):
        assert Found.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        ("autoedge.meters.rapl:Rapl", {"droom": 1}, "unexpected keyword argument 'droom'; its options are: dram, root"),
        ("autoedge.meters.estimate:Estimate", {}, "missing 2 required .*; its options are: idle_w, max_w, gamma"),
        ("autoedge.meters.estimate:Estimate", {"idle_w": "two", "max_w": 3}, "'idle_w' is a number"),
        ("autoedge.meters.nowhere:Rapl", {}, "cannot be loaded"),
        ("autoedge.meters.rapl:Nothing", {}, "cannot be loaded"),
        ("", {}, "cannot be loaded"),
        ("pathlib:Path", {}, "is no meter"),
    ],
)
def test_options_and_places_that_do_not_fit(place: str, options: dict[str, Any], message: str) -> None:
    """Unknown options are answered with those that there are, and places without a meter are named."""
    with pytest.raises(MeterError, match=message):
        opened(place, options)


def test_every_registered_sensor_is_where_it_should_be() -> None:
    """The sensors' entry points lead to the classes that these tests are of."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["autoedge.meters"].items() >= SENSORS.items()
