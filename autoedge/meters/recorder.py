"""Record a meter while a job is in the phases that it should watch, and leave it alone while latency is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def phase(self, name: str) -> None:
        """The job enters a phase."""
        if (name in WATCHED) != self._recording:
            self._toggle()

    def finish(self) -> list[Trace]:
        """End, and hand over what was recorded, in order; nothing breaks when the meter was lost on the way."""
        if self._recording:
            self._toggle()
        traces, self._traces = self._traces, []
        return traces

    def _toggle(self) -> None:
        if self._recording:
            self._traces.append(self._meter.stop())
        else:
            self._meter.start()
        self._recording = not self._recording
