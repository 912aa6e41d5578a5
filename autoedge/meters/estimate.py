"""Power guessed from how busy the processor is, where there is no meter: never more than an estimate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec
from autoedge.meters.sysfs import read_text

_CORES_SHOWN = 8  # user nice system idle iowait irq softirq steal; guests are part of user


class Ticks(NamedTuple):
    """Processor time of all cores since the start, in clock ticks."""

    busy: int
    total: int


def ticks(stat: str) -> Ticks:
    """What the first line of ``/proc/stat`` says.

    Raises:
        ValueError: It is another file.
    """
    name, *fields = stat.split("\n", 1)[0].split()
    if name != "cpu" or len(fields) < 5:  # noqa: PLR2004 - up to iowait
        raise ValueError(f"/proc/stat begins with {stat[:40]!r}")
    values = [int(field) for field in fields[:_CORES_SHOWN]]
    return Ticks(sum(values) - values[3] - values[4], sum(values))


def power(utilisation: float, idle_w: float, max_w: float, gamma: float = 1.0) -> float:
    """P = P_idle + (P_max - P_idle) x u^gamma.

    Source: the linear model of PowerPi (Kaup et al., LCN 2014), with an exponent for processors that are not linear.
    """
    return idle_w + (max_w - idle_w) * float(min(1.0, max(0.0, utilisation)) ** gamma)


class Estimate(Sensor):
    """A power model driven by the share of time in which the cores are busy.

    Args:
        idle_w: Power of the idle device in W.
        max_w: Power with all cores busy, in W.
        gamma: Exponent of the utilisation.
        band: By which part it may be off: 0.1 calibrated on this unit, 0.3 for this model of device, 0.5 otherwise.
        root: Root of the tree with ``proc``.

    Raises:
        MeterError: An option cannot be meant.
    """

    poll_period_s = 0.25

    def __init__(self, *, idle_w: float, max_w: float, gamma: float = 1.0, band: float = 0.5, root: str = "/") -> None:
        super().__init__()
        self._idle_w = checked.number("idle_w", idle_w, 0.0, 10_000.0)
        self._max_w = checked.number("max_w", max_w, 0.0, 10_000.0)
        self._gamma = checked.number("gamma", gamma, 0.1, 10.0)
        self._band = checked.number("band", band, 0.0, 1.0)
        if self._max_w < self._idle_w:
            raise MeterError(f"'max_w' is at least 'idle_w', but got {max_w:g} and {idle_w:g}")
        self._stat = Path(root) / "proc/stat"
        self._before: Ticks | None = None

    def _open(self) -> MeterSpec:
        self._prove()
        step = 1 / (os.sysconf("SC_CLK_TCK") * self.poll_period_s * (os.cpu_count() or 1))
        return MeterSpec(
            name="estimate",
            scope="estimate",
            update_period_s=self.poll_period_s,
            settling_s=self.poll_period_s,
            resolution_w=(self._max_w - self._idle_w) * step,
            gain=self._band,
            offset_w=0.0,
            model=f"{self._idle_w:g} W + {self._max_w - self._idle_w:g} W x utilisation^{self._gamma:g}",
            accuracy_from="the stated band of the estimate; nothing is measured",
        )

    def _stream(self, *, on: bool) -> None:
        super()._stream(on=on)
        self._before = None

    def _values(self) -> dict[str, float] | None:
        now = ticks(read_text(self._stat))
        before, self._before = self._before, now
        if before is None or now.total <= before.total:
            return None
        utilisation = (now.busy - before.busy) / (now.total - before.total)
        return {"power_w": power(utilisation, self._idle_w, self._max_w, self._gamma)}
