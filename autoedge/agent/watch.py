"""What the agent watches while a job runs: its own meter, and the conditions of the machine."""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.agent import conditions
from autoedge.agent.soaking import Tick, in_soak, load
from autoedge.errors import MeterError
from autoedge.meters.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from autoedge.meters.base import Meter
    from autoedge.meters.trace import Trace


TIMED = "latency"
SENSORS_ROOT = "AUTOEDGE_SENSORS_ROOT"
"""Variable in the agent's own environment: root of the tree with ``sys`` and ``proc``; for tests."""


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

    def recorded(self, do: str) -> Trace | None:
        """Read the meter by hand: ``start``, then ``more`` as often as wanted for what is new, and ``stop``.

        Raises:
            MeterError: None is open.
        """
        if self.meter is None:
            raise MeterError("no meter was opened")
        if do == "start":
            self.meter.start()
            return None
        return self.meter.stop() if do == "stop" else replace(self.meter.taken(), lost=self.meter.lost)

    def close(self) -> None:
        """Give the instrument back."""
        if self.meter is not None:
            self.meter.__exit__()
            self.meter = None


class Watch:
    """One job's observation.

    Args:
        own: The agent's meter, where it is to record.
        look_s: Between two looks at the machine's conditions while the job is in a soak.
    """

    def __init__(self, own: OwnMeter | None, look_s: float = 2.0) -> None:
        meter = own.meter if own is not None else None
        self._recorder = Recorder(meter) if meter is not None else None
        self._root = Path(os.environ.get(SENSORS_ROOT) or "/")
        self._before = conditions.snapshot(self._root)
        self._during: list[dict[str, Any]] = []
        self._look_s, self._soaking = look_s, False
        self._looks: list[dict[str, Any]] = []

    def phase(self, name: str) -> str:
        """The job enters a phase; the machine's conditions are looked at, but not while latency is timed.

        Returns:
            The phase as the host is told of it: in a soak with the temperature and the power of the moment.
        """
        if self._recorder is not None:
            self._recorder.phase(name)
        soaking, self._soaking = self._soaking, in_soak(name)
        if name != TIMED and not (soaking and self._soaking):
            self._during.append(conditions.snapshot(self._root))
        tick = Tick.read(name)
        if tick is None:
            return name
        power = math.nan if self._recorder is None else self._recorder.power_w
        return tick._replace(temp_c=self._hottest(), power_w=None if math.isnan(power) else power).phase

    def look(self, worker: int) -> None:
        """In a soak, and when it is time: look at the machine's conditions and its load.

        Args:
            worker: Process id of the job's worker.
        """
        now = time.perf_counter_ns()
        if not self._soaking or (self._looks and now - self._looks[-1]["time_ns"] < self._look_s * 1e9):
            return
        self._looks.append({"time_ns": now, **load(worker), **conditions.brief(conditions.snapshot(self._root))})

    def _hottest(self) -> float | None:
        zones = self._looks[-1].get("thermal", {}).get("zones", []) if self._looks else []
        return max((zone["temp_c"] for zone in zones), default=None)

    def finish(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was observed, as a part of the reply: ``conditions`` (in a soak with its ``looks``), and ``traces``."""
        traces = [] if self._recorder is None else self._recorder.finish()
        bodies, arrays = [], {}
        for index, trace in enumerate(traces):
            body, series = trace.pack()
            bodies.append(body)
            arrays.update({f"trace{index}.{name}": values for name, values in series.items()})
        after = conditions.snapshot(self._root)
        changes = list(conditions.changes(self._before, after, [*self._during, *self._looks]))
        found: dict[str, Any] = {"before": self._before, "after": after, "changes": changes}
        if self._looks:
            found["looks"] = self._looks
        return {"conditions": found, "traces": bodies}, arrays
