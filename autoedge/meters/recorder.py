"""Record a meter while a job is in the phases that it should watch, and leave it alone while latency is timed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autoedge.meters.thinning import PERIOD_S, thinned, together

if TYPE_CHECKING:
    from autoedge.meters.base import Meter
    from autoedge.meters.trace import Trace

WATCHED = frozenset({"idle", "idle, loaded", "energy", "idle, end", "at rate", "soak"})
"""Phases of a job during which power counts."""


class Recorder:
    """Follows one job's phases with an open meter.

    Args:
        meter: Open, and not recording.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._recording = False
        self._traces: list[Trace] = []
        self._pieces: list[Trace] = []

    def phase(self, name: str) -> None:
        """The job enters a phase, or tells behind a colon how far it is in one."""
        stage, told, _ = name.partition(":")
        if (stage in WATCHED) != self._recording:
            self._toggle()
        elif self._recording and told and self._meter.spec.update_period_s < PERIOD_S:
            self._pieces.append(thinned(self._meter.taken()))  # it lasts: a stream would not fit into memory

    @property
    def power_w(self) -> float:
        """The meter's last value; NaN before the first, while nothing is recorded, and once it is lost."""
        return self._meter.latest_w if self._recording and not self._meter.lost else math.nan

    def finish(self) -> list[Trace]:
        """End, and hand over what was recorded, in order; nothing breaks when the meter was lost on the way."""
        if self._recording:
            self._toggle()
        traces, self._traces = self._traces, []
        return traces

    def _toggle(self) -> None:
        if self._recording:
            last, pieces = self._meter.stop(), self._pieces
            self._traces.append(together([*pieces, thinned(last)]) if pieces else last)
            self._pieces = []
        else:
            self._meter.start()
        self._recording = not self._recording
