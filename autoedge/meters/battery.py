"""The gauge of a battery, which tells what the device draws as long as nothing charges it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import MeterLostError
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec
from autoedge.meters.sysfs import int_or_none, read_int, rooted, text_or_none

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

_SUPPLIES = "sys/class/power_supply"


def batteries(root: Path) -> list[Path]:
    """Batteries that feed the machine; those of a mouse or a headset say ``Device`` in their scope."""
    return [
        path
        for path in _supplies(root)
        if text_or_none(path / "type") in ("Battery", "UPS") and text_or_none(path / "scope") != "Device"
    ]


def on_charger(root: Path, used: list[Path]) -> str:
    """Why the gauges do not tell the device's power just now; empty when they do."""
    for path in _supplies(root):
        external = text_or_none(path / "type") not in ("Battery", "UPS", None)
        if external and text_or_none(path / "scope") != "Device" and (int_or_none(path / "online") or 0) > 0:
            return f"on_charger: the supply {path.name} is online"
    states = {path.name: text_or_none(path / "status") or "Unknown" for path in used}
    if "Discharging" in states.values() and "Charging" not in states.values():
        return ""
    return f"on_charger: {', '.join(f'{name} is {state}' for name, state in states.items())}"


def drawn_w(battery: Path) -> float:
    """Power out of a battery in W.

    The kernel's rules have a negative current while discharging, but several drivers give the magnitude; the status
    tells the direction, so that the sign is dropped.

    Raises:
        OSError: The gauge cannot be read.
        ValueError: It gives nonsense.
    """
    power_uw = int_or_none(battery / "power_now")
    if power_uw is not None:
        return abs(power_uw) * 1e-6
    return abs(read_int(battery / "voltage_now") * 1e-6 * read_int(battery / "current_now") * 1e-6)


def _supplies(root: Path) -> list[Path]:
    try:
        return sorted((root / _SUPPLIES).iterdir())
    except OSError:
        return []


class Battery(Sensor):
    """What the batteries give while the device runs from them.

    Args:
        battery: Name of one of several: ``BAT0``; by default all together.
        root: Root of the tree with ``sys``.

    Raises:
        MeterError: An option cannot be meant.
    """

    poll_period_s = 0.5

    def __init__(self, *, battery: str = "", root: str = "/") -> None:
        super().__init__()
        self._name = checked.word("battery", battery)
        self._root = Path(root)
        self._used: list[Path] = []

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """The device's batteries, usable just now or not."""
        return [rooted(around)] if batteries(around.root) else []

    def _open(self) -> MeterSpec:
        found = batteries(self._root)
        self._used = [path for path in found if self._name in ("", path.name)]
        if not self._used:
            there = ", ".join(path.name for path in found) or "none"
            wanted = f"no battery is called {self._name!r}" if self._name else "no battery feeds this device"
            raise MeterError(f"{self._root / _SUPPLIES}: {wanted}; there is: {there}")
        reason = on_charger(self._root, self._used)
        if reason:
            raise MeterError(f"{reason}; a battery gauge tells the device's power only while it runs from the battery")
        self._prove()
        return MeterSpec(
            name="battery",
            scope="board-input",
            update_period_s=3.0,  # gauges average over 0.25 to 30 s: 20 updates make the 60 s that they need
            settling_s=30.0,
            resolution_w=0.01,
            gain=0.05,
            offset_w=0.1,
            model=", ".join(_described(path) for path in self._used),
            accuracy_from="UNCONFIRMED: gauges publish no accuracy; 5 % + 0.1 W taken",
        )

    def _values(self) -> dict[str, float]:
        reason = on_charger(self._root, self._used)
        if reason:
            raise MeterLostError(reason)
        return {"power_w": sum(drawn_w(path) for path in self._used)}


def _described(battery: Path) -> str:
    parts = (battery.name, text_or_none(battery / "manufacturer"), text_or_none(battery / "model_name"))
    return " ".join(part for part in parts if part)
