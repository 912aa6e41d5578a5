"""What the agent watches while a job runs: its own meter, and the conditions of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.agent import conditions
from autoedge.meters.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from autoedge.meters.base import Meter


TIMED = "latency"


class OwnMeter:
    """The meter on the device that the host chose, opened once and kept open; none at first."""

    def __init__(self) -> None:
        self.meter: Meter | None = None
        self._chosen: tuple[str, dict[str, Any]] | None = None

    def found(self, places: Mapping[str, str]) -> list[dict[str, Any]]:
        """The meters that are on this device, usable or not, best first.

        Args:
            places: Names of meters with the place of their class.
        """
        from autoedge.meters.finder import found
        from autoedge.meters.surroundings import Surroundings

        return [one.to_json() for one in found(places, Surroundings())]

    def open(self, place: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Open a meter instead of the one before, unless it is the same and was not lost; what it publishes.

        Raises:
            MeterError: It cannot be opened.
        """
        from autoedge.meters.finder import opened

        chosen = (place, dict(options))
        if self.meter is None or self.meter.lost or self._chosen != chosen:
            self.close()
            meter = opened(place, options)
            meter.__enter__()
            self.meter, self._chosen = meter, chosen
        return self.meter.spec.to_json()

    def close(self) -> None:
        """Give the instrument back."""
        if self.meter is not None:
            self.meter.__exit__()
            self.meter = None


class Watch:
    """One job's observation.

    Args:
        own: The agent's meter, where it is to record.
    """

    def __init__(self, own: OwnMeter | None) -> None:
        meter = own.meter if own is not None else None
        self._recorder = Recorder(meter) if meter is not None else None
        self._before = conditions.snapshot()
        self._during: list[dict[str, Any]] = []

    def phase(self, name: str) -> None:
        """The job enters a phase; the machine's conditions are looked at, but not while latency is timed."""
        if self._recorder is not None:
            self._recorder.phase(name)
        if name != TIMED:
            self._during.append(conditions.snapshot())

    def finish(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was observed, as a part of the reply: ``conditions``, and ``traces`` with their arrays."""
        traces = [] if self._recorder is None else self._recorder.finish()
        bodies, arrays = [], {}
        for index, trace in enumerate(traces):
            body, series = trace.pack()
            bodies.append(body)
            arrays.update({f"trace{index}.{name}": values for name, values in series.items()})
        after = conditions.snapshot()
        changes = list(conditions.changes(self._before, after, self._during))
        return {"conditions": {"before": self._before, "after": after, "changes": changes}, "traces": bodies}, arrays
