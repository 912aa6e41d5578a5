"""The power rails of an NVIDIA Jetson module, by label, on old kernels (ina3221x) and new ones (ina3221)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec
from autoedge.meters.sysfs import int_or_none, read_int, rooted, text_or_none

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

_DRIVERS = "sys/bus/i2c/drivers"
_OLD = ("ina3221x/*/iio:device*", "ina3221x/*/*/iio:device*")
_NEW = ("ina3221/*/hwmon/hwmon*", "ina3221/*/*/hwmon/hwmon*")
_CHANNELS = 3
TOTALS = ("POM_5V_IN", "VDD_IN")
"""Rails that feed the whole module and contain the others."""


class Rail(NamedTuple):
    """A supply of the module.

    Attributes:
        label: ``VDD_IN``.
        volts: File with the voltage in mV.
        amps: File with the current in mA.
    """

    label: str
    volts: Path
    amps: Path


def rails(root: Path) -> list[Rail]:
    """The labelled rails that are switched on.

    The order of numbers differs between releases, so that labels alone tell. ``NC`` is not connected, and in7 is the
    sum of the shunt voltages.
    """
    drivers = root / _DRIVERS
    found = []
    for folder in _folders(drivers, _OLD):
        for number in range(_CHANNELS):
            label = text_or_none(folder / f"rail_name_{number}")
            found.append((label, folder / f"in_voltage{number}_input", folder / f"in_current{number}_input"))
    for folder in _folders(drivers, _NEW):
        for number in range(1, _CHANNELS + 1):
            if int_or_none(folder / f"in{number}_enable") != 0:
                label = text_or_none(folder / f"in{number}_label")
                found.append((label, folder / f"in{number}_input", folder / f"curr{number}_input"))
    return [
        Rail(label, volts, amps)
        for label, volts, amps in found
        if label and label != "NC" and volts.exists() and amps.exists()
    ]


def _folders(drivers: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Each folder once, though links may lead to it by several ways."""
    return sorted({path.resolve() for pattern in patterns for path in drivers.glob(pattern)})


def total(found: list[Rail]) -> list[Rail]:
    """Those rails whose powers make up the module's: the one that feeds it where there is one, otherwise all."""
    feeding = [rail for name in TOTALS for rail in found if rail.label == name]
    return feeding[:1] or found


class Jetson(Sensor):
    """Power of a Jetson module, without its carrier board.

    Args:
        rail: A rail to measure alone, by its label; by default the whole module.
        root: Root of the tree with ``sys``.

    Raises:
        MeterError: An option cannot be meant.
    """

    poll_period_s = 0.05

    def __init__(self, *, rail: str = "", root: str = "/") -> None:
        super().__init__()
        self._rail = checked.word("rail", rail)
        self._root = Path(root)
        self._rails: list[Rail] = []

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """The module's rails."""
        return [rooted(around)] if rails(around.root) else []

    def _open(self) -> MeterSpec:
        found = rails(self._root)
        if not found:
            raise MeterError(f"{self._root / _DRIVERS}: no ina3221 or ina3221x with labelled rails: this is no Jetson")
        self._rails = [rail for rail in found if rail.label == self._rail] if self._rail else total(found)
        if not self._rails:
            raise MeterError(f"no rail is called {self._rail!r}; there is: {', '.join(rail.label for rail in found)}")
        self._prove()
        return MeterSpec(
            name="jetson",
            scope="soc-rails",
            update_period_s=self.poll_period_s,
            settling_s=2 * self.poll_period_s,
            resolution_w=5e-3 * len(self._rails),
            gain=0.05,
            offset_w=0.02 * len(self._rails),
            model=f"INA3221, {' + '.join(rail.label for rail in self._rails)}",
            accuracy_from="UNCONFIRMED: TI SBOS576A leaves the shunts open; 5 % + 20 mW a rail taken",
        )

    def _values(self) -> dict[str, float]:
        readings = [(read_int(rail.volts) * 1e-3, read_int(rail.amps) * 1e-3) for rail in self._rails]
        power = sum(volts * amps for volts, amps in readings)
        if len(readings) == 1:
            (volts, amps), *_ = readings
            return {"power_w": power, "volts": volts, "amps": amps}
        return {"power_w": power}
