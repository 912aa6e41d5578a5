"""RAPL: the energy counters that an x86 processor keeps of its packages, through Linux' powercap tree."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import MeterLostError
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec
from autoedge.meters.sysfs import int_or_none, read_int, rooted, text_or_none

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

_POWERCAP = "sys/class/powercap"
# A second tree, intel-rapl-mmio, shows the same packages through other registers.
_ZONE = re.compile(r"intel-rapl(?P<mmio>-mmio)?:(?P<package>\d+)(?::\d+)?")
_MOST_W = 10_000.0
"""More than any zone draws: a counter that would have gained so much over its end began anew somewhere else."""
_PERMISSION = (
    "reading energy counters has been for root alone since 2020 (CVE-2020-8694): run as root, or as root "
    "`chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj` after every boot"
)


class Zone(NamedTuple):
    """A part of a processor with an energy counter of its own.

    Attributes:
        name: ``package-0``, or ``package-0 dram``.
        counter: File with the energy in microjoules.
        modulus: The counter starts again at 0 from here, in microjoules.
    """

    name: str
    counter: Path
    modulus: int


def wrapped_difference(before: int, after: int, modulus: int) -> int:
    """Energy between two readings of a counter that may have started again once.

    Source: Linux ``Documentation/power/powercap/powercap.rst``.
    """
    return after - before if after >= before else after - before + modulus


def zones(root: Path, *, dram: bool = True) -> list[Zone]:
    """The zones that together are the processors: packages, and memory where it is not part of one.

    Cores and the uncore lie within a package, psys around it; they would be counted twice.
    """
    folder = root / _POWERCAP
    found: dict[str, Zone] = {}
    packages: dict[str, str] = {}
    for path in sorted({*folder.glob("intel-rapl*:*"), *folder.glob("intel-rapl*:*/intel-rapl*:*:*")}, key=_order):
        zone, name = _ZONE.fullmatch(path.name), text_or_none(path / "name")
        if zone is None or name is None:
            continue
        control = f"{zone['mmio']}:{zone['package']}"
        if name.startswith("package"):
            packages[control] = name
        elif name == "dram" and dram and control in packages:
            name = f"{packages[control]} dram"
        else:
            continue
        modulus = int_or_none(path / "max_energy_range_uj")
        if modulus is not None and name not in found:
            found[name] = Zone(name, path / "energy_uj", modulus)
    return list(found.values())


def _order(path: Path) -> tuple[bool, int, str]:
    return "mmio" in path.name, path.name.count(":"), path.name


class Rapl(Sensor):
    """Energy of all processor packages.

    Args:
        dram: Count memory that has a counter of its own.
        root: Root of the tree with ``sys``.

    Raises:
        MeterError: An option cannot be meant.
    """

    poll_period_s = 0.05

    def __init__(self, *, dram: bool = True, root: str = "/") -> None:
        super().__init__()
        self._dram = checked.flag("dram", dram)
        self._root = Path(root)
        self._zones: list[Zone] = []
        self._raw: list[int] = []
        self._energy_uj = 0
        self._read_at = 0.0

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """The processor's counters, readable or not."""
        return [rooted(around)] if zones(around.root) else []

    def _open(self) -> MeterSpec:
        self._zones = zones(self._root, dram=self._dram)
        if not self._zones:
            raise MeterError(f"{self._root / _POWERCAP} shows no processor package: no RAPL here, or a virtual machine")
        try:
            for zone in self._zones:
                read_int(zone.counter)
        except PermissionError as error:
            raise MeterError(f"{error.filename}: {_PERMISSION}") from error
        except (OSError, ValueError) as error:
            raise MeterError(f"RAPL cannot be read: {error}") from error
        self._energy_uj = 0
        return MeterSpec(
            name="rapl",
            scope="package",
            update_period_s=self.poll_period_s,
            settling_s=self.poll_period_s,  # power is the mean since the reading before
            resolution_w=61e-6 / self.poll_period_s,
            gain=0.05,
            offset_w=0.5,
            energy_resolution_j=61e-6,
            model=", ".join(zone.name for zone in self._zones),
            accuracy_from="UNCONFIRMED: no vendor figure; 5 % + 0.5 W taken",
        )

    def _stream(self, *, on: bool) -> None:
        super()._stream(on=on)
        self._raw = []  # what the counters did between two recordings is nobody's business

    def _values(self) -> dict[str, float] | None:
        now = time.perf_counter()
        raw = [read_int(zone.counter) for zone in self._zones]
        since_s = now - self._read_at
        gained = sum(_gained(*each, since_s) for each in zip(self._zones, self._raw, raw))
        first = not self._raw
        self._raw, self._read_at = raw, now
        if first:
            return None  # a power needs two readings
        self._energy_uj += gained
        return {"power_w": gained * 1e-6 / since_s, "energy_j": self._energy_uj * 1e-6}


def _gained(zone: Zone, before: int, after: int, seconds: float) -> int:
    """Microjoules between two readings so many seconds apart.

    Raises:
        MeterLostError: The counter fell back, and did not wrap.
    """
    gained = wrapped_difference(before, after, zone.modulus)
    if after < before and gained > _MOST_W * 1e6 * max(seconds, Rapl.poll_period_s):
        fall = f"from {before * 1e-6:.0f} J to {after * 1e-6:.0f} J"
        raise MeterLostError(f"{zone.name}: its energy counter went back {fall}, and began anew: a suspend, or a reset")
    return gained
