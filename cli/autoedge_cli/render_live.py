"""What a meter shows while it is read: one line on standard error in a terminal, nothing elsewhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from autoedge_cli.live import Display
from autoedge_cli.render_figures import number
from autoedge_cli.render_text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType


class LiveReading(Display):
    """A listener for ``read_meter``; the line is taken away at the end.

    Args:
        name: Of the meter.
        seconds: How long it is read.
        stream: By default standard error.
    """

    def __init__(self, name: str, seconds: float, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._name = printable(name, 40)
        self._seconds = seconds
        self._passed = 0.0
        self._now = math.nan
        self._least, self._largest = math.inf, -math.inf
        self._sum, self._count = 0.0, 0

    def __call__(self, passed_s: float, power_w: float) -> None:
        """Take in the newest value."""
        self._passed, self._now = passed_s, power_w
        if math.isfinite(power_w):
            self._least, self._largest = min(self._least, power_w), max(self._largest, power_w)
            self._sum, self._count = self._sum + power_w, self._count + 1

    def picture(self) -> RenderableType:
        """The line as it stands."""
        passed = f"{self._name}  {self._passed:.0f} s of {self._seconds:.0f} s"
        if not self._count:
            return Text(f"{passed}  no value yet")
        figures = {"now": self._now, "mean": self._sum / self._count, "min": self._least, "max": self._largest}
        shown = [f"{name} {number(watts, 4) if math.isfinite(watts) else '-'} W" for name, watts in figures.items()]
        return Text("  ".join([passed, *shown]))
