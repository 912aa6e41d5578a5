"""Power monitors with a kernel driver under hwmon: TI's INA family on boards and modules, and ChargerLAB's KM003C."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import SCOPES, MeterSpec
from autoedge.meters.sysfs import int_or_none, numbered, read_int, rooted, text_or_none

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

_HWMON = "sys/class/hwmon"
_CHIP = re.compile(r"(?P<kind>ina219|ina220|ina226|ina230|ina231|ina3221|powerz)(?P<label>[._-].*)?")
_DEFAULT_SHUNT_UOHM = 10_000
_SHUNT_TOLERANCE = 0.01


class Kind(NamedTuple):
    """What a chip's data sheet says.

    Attributes:
        gain: Gain errors of shunt and bus voltage together.
        shunt_offset_v: Largest offset of the shunt voltage.
        bus_offset_v: Largest offset of the bus voltage.
        power_step_w: Step of the power file as Linux sets the chip up; 0 where there is no such file.
        update_s: Time between conversions as Linux sets the chip up.
        source: Where the figures come from.
    """

    gain: float
    shunt_offset_v: float
    bus_offset_v: float
    power_step_w: float
    update_s: float
    source: str


_INA219 = Kind(0.010, 200e-6, 0.0, 0.020, 0.0681, "TI SBOS448G")
_INA226 = Kind(0.002, 10e-6, 7.5e-3, 0.025, 0.0352, "TI SBOS547B")
_INA3221 = Kind(0.005, 80e-6, 16e-3, 0.0, 0.040, "TI SBOS576A")
KINDS = {
    "ina219": _INA219,
    "ina220": _INA219,
    "ina226": _INA226,
    "ina230": _INA226,
    "ina231": _INA226,
    "ina3221": _INA3221,
}


class Channel(NamedTuple):
    """A place where a chip measures.

    Attributes:
        kind: Chip type: ``ina226``.
        chip: Its hwmon name and device, stable across boots: ``ina226@1-0040``.
        number: The channel, from 1; 0 on a KM003C.
        label: Its label, or empty.
        folder: Its hwmon folder, which is not stable across boots.
    """

    kind: str
    chip: str
    number: int
    label: str
    folder: Path

    @property
    def volts(self) -> Path:
        """Bus voltage, mV."""
        return self.folder / f"in{self.number}_input"

    @property
    def amps(self) -> Path:
        """Current, mA."""
        return self.folder / f"curr{max(1, self.number)}_input"

    @property
    def power(self) -> Path:
        """Power, uW; the INA3221 and the KM003C have no such file."""
        return self.folder / f"power{max(1, self.number)}_input"

    @property
    def shunt_uohm(self) -> int | None:
        """Resistance that the driver reckons with; a wrong one scales every reading."""
        known = int_or_none(self.folder / f"shunt{self.number}_resistor")
        return int_or_none(self.folder / "shunt_resistor") if known is None else known

    def __str__(self) -> str:
        return f"{self.chip} channel {self.label or self.number}"


def channels(root: Path) -> list[Channel]:
    """All channels of all known chips that are switched on, a KM003C's first."""
    found = []
    for folder in numbered(root / _HWMON, "hwmon"):
        name = text_or_none(folder / "name") or ""
        match = _CHIP.fullmatch(name)
        if match is None:
            continue
        kind = match["kind"]
        device = (folder / "device").resolve().name if (folder / "device").exists() else folder.name
        for number in {"powerz": (0,), "ina3221": (1, 2, 3)}.get(kind, (1,)):
            label = text_or_none(folder / f"in{number}_label") or ""
            channel = Channel(kind, f"{name}@{device}", number, label, folder)
            off = int_or_none(folder / f"in{number}_enable") == 0
            if channel.volts.exists() and channel.amps.exists() and not off:
                found.append(channel)
    return sorted(found, key=lambda channel: channel.kind != "powerz")


class Hwmon(Sensor):
    """One channel of a power monitor.

    Args:
        chip: Which one, where there are several: ``ina226`` or, of equal ones, ``ina226@1-0040``.
        channel: Number or label, where a chip has several.
        scope: Where the shunt sits; nothing in the tree tells.
        root: Root of the tree with ``sys``.

    Raises:
        MeterError: An option cannot be meant.
    """

    def __init__(self, *, chip: str = "", channel: str | int = "", scope: str = "board-input", root: str = "/") -> None:
        super().__init__()
        if isinstance(channel, bool) or not isinstance(channel, (str, int)):
            raise MeterError(f"'channel' is a number or a label, but got {channel!r}")
        self._chip = checked.word("chip", chip)
        self._which = str(channel)
        self._scope = checked.choice("scope", scope, SCOPES)
        self._root = Path(root)
        self._channel: Channel | None = None
        self._has_power = False

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """The one channel that there is, or a KM003C; where several could be meant, a meter that says so."""
        found = channels(around.root)
        if not found:
            return []
        first = found[0]
        external = [channel for channel in found if channel.kind == "powerz"]
        if len(found) == 1 or len(external) == 1:
            return [rooted(around, chip=first.chip, channel=first.label or first.number)]
        return [rooted(around)]

    def _open(self) -> MeterSpec:
        self._channel = channel = self._chosen()
        self._has_power = channel.power.exists()
        values = self._prove() or {}
        volts = abs(values.get("volts", 0.0)) or 5.0
        kind = KINDS.get(channel.kind)
        if kind is None:
            return self._spec_of_km003c(channel)
        interval_ms = int_or_none(channel.folder / "update_interval")
        update_s = interval_ms / 1000 if interval_ms else kind.update_s
        self.poll_period_s = max(0.02, update_s)
        shunt = channel.shunt_uohm
        ohms = (shunt or _DEFAULT_SHUNT_UOHM) * 1e-6
        described = f"{shunt} uOhm" if shunt else f"unknown, {_DEFAULT_SHUNT_UOHM} uOhm taken"
        return MeterSpec(
            name="hwmon",
            scope=self._scope,
            update_period_s=self.poll_period_s,
            settling_s=self.poll_period_s + update_s,  # a conversion averages over its own length
            resolution_w=kind.power_step_w if self._has_power else 1e-3 * volts,
            gain=kind.gain + kind.bus_offset_v / volts + _SHUNT_TOLERANCE,
            offset_w=kind.shunt_offset_v / ohms * volts,
            model=f"{channel}, shunt {described}",
            accuracy_from=f"{kind.source}; UNCONFIRMED: {_SHUNT_TOLERANCE:.0%} taken for the shunt",
        )

    def _spec_of_km003c(self, channel: Channel) -> MeterSpec:
        self.poll_period_s = 0.05
        return MeterSpec(
            name="hwmon",
            scope=self._scope,
            update_period_s=0.2,
            settling_s=0.2,
            resolution_w=5e-3,
            gain=0.005,
            offset_w=0.01,
            model=f"{channel} (ChargerLAB KM003C or KM002C)",
            accuracy_from="UNCONFIRMED: no data sheet read; 0.5 % + 10 mW taken",
        )

    def _chosen(self) -> Channel:
        found = channels(self._root)
        there = "; ".join(str(channel) for channel in found) or "none at all"
        asked = self._chip or "any chip"
        fits = [
            channel
            for channel in found
            if self._chip in ("", channel.chip, channel.chip.partition("@")[0], channel.kind)
            and self._which in ("", str(channel.number), channel.label)
        ]
        if not fits:
            which = f" with channel {self._which!r}" if self._which else ""
            raise MeterError(
                f"{self._root / _HWMON}: no power monitor is {asked}{which}; there is: {there}. An INA or a KM003C "
                "appears once its kernel driver is bound (ina2xx, ina3221, powerz)"
            )
        if len(fits) > 1:
            raise MeterError(
                f"{self._root / _HWMON}: {len(fits)} channels could be meant; choose one with 'chip' and 'channel': "
                f"{there}"
            )
        return fits[0]

    def _values(self) -> dict[str, float]:
        channel = self._channel
        if channel is None:
            raise MeterError("hwmon: the meter is not open")
        volts, amps = read_int(channel.volts) * 1e-3, read_int(channel.amps) * 1e-3
        # The KM003C's current has a sign for the direction; the load draws what it draws.
        power = read_int(channel.power) * 1e-6 if self._has_power else abs(volts * amps)
        return {"power_w": power, "volts": volts, "amps": amps}
