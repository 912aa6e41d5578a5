"""What a soak gave, read from an agent's reply: calls on a time axis, and looks at the machine's state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.intent.problem import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from autoedge.agent.frames import Frame

_NAME = 60


@dataclass(frozen=True)
class Look:
    """The machine at one moment.

    Attributes:
        time_s: Since the soak's first call.
        zones: Temperatures in degrees Celsius by thermal zone.
        clock_khz: Of the fastest core; None where the machine does not tell.
        thermal: As ``autoedge.meters.conditions.thermal`` gives it; a device's word.
        throttle: As ``autoedge.meters.conditions.throttle`` gives it; likewise.
        others_s: Processor seconds that others than the candidate used since the machine started; None where the
            machine does not tell.
        total_s: Processor seconds of all cores since then.
    """

    time_s: float
    zones: Mapping[str, float]
    clock_khz: float | None
    thermal: Mapping[str, Any]
    throttle: Mapping[str, Any]
    others_s: float | None
    total_s: float


@dataclass(frozen=True)
class SoakSeries:
    """A soak as it was measured.

    Attributes:
        durations_ns: Of the calls that were kept, int64, in order.
        ends_s: When each ended, since the first call began.
        start_ns: When that was, on the device's monotonic clock.
        seconds: From the first call to the last.
        calls: All that were made.
        every: One duration of so many calls was kept.
        told: Whether it was ended before its time.
        cores: Processor seconds of the candidate by second.
        before: The machine's conditions before the job, as ``autoedge.agent.conditions`` gives them.
        looks: In order.
    """

    durations_ns: NDArray[np.int64]
    ends_s: NDArray[np.float64]
    start_ns: int
    seconds: float
    calls: int
    every: int
    told: bool
    cores: float
    before: Mapping[str, Any]
    looks: tuple[Look, ...]

    @classmethod
    def of(cls, reply: Frame) -> SoakSeries:
        """The soak in a finished job's reply.

        Raises:
            ValueError: It makes no sense; also KeyError, TypeError, AttributeError and ArithmeticError for what a
                device made up.
        """
        body, arrays = reply.body["done"]["soak"], reply.arrays
        start, end, calls, every = (int(body[name]) for name in ("start_ns", "end_ns", "calls", "every"))
        durations, marks, counts = (arrays[name] for name in ("soak_ns", "soak_mark_ns", "soak_mark_calls"))
        moments = np.concatenate([[0.0], (marks - start) / 1e9])
        made = np.concatenate([[0], counts])
        kept = (
            durations.ndim == 1 and every > 0 and len(durations) == -(-calls // every) and bool((durations >= 0).all())
        )
        if not (kept and calls > 0 and end > start and made[-1] == calls):
            raise ValueError(f"a soak of {calls} calls cannot hold {len(durations)} durations, one of {every}")
        if marks.shape != counts.shape or (np.diff(moments) < 0).any() or (np.diff(made) < 0).any():
            raise ValueError("the marks of a soak go on in time and in calls")
        conditions = reply.body.get("conditions", {})
        looks = (_look(one, start) for one in conditions.get("looks", []))
        seconds = (end - start) / 1e9
        return cls(
            durations_ns=durations.astype(np.int64),
            ends_s=np.interp(np.arange(len(durations)) * every + 1, made, moments),
            start_ns=start,
            seconds=seconds,
            calls=calls,
            every=every,
            told=bool(body["told"]),
            cores=_finite(body["cpu_s"]) / seconds,
            before=conditions.get("before", {}),
            looks=tuple(look for look in looks if look.time_s >= 0),
        )

    def between(self, start_s: float, end_s: float) -> NDArray[np.int64]:
        """Durations of the calls that ended within a stretch."""
        first, last = np.searchsorted(self.ends_s, [start_s, end_s], side="right")
        return self.durations_ns[first:last]

    def others(self, start_s: float, end_s: float) -> float | None:
        """Share of all processor time that others than the candidate took; None where the machine does not tell."""
        inside = [(look.others_s, look.total_s) for look in self.looks if start_s <= look.time_s <= end_s]
        known = [(others, total) for others, total in inside if others is not None]
        if len(known) < 2 or known[-1][1] <= known[0][1]:  # noqa: PLR2004 - a difference takes two
            return None
        return min(1.0, max(0.0, known[-1][0] - known[0][0]) / (known[-1][1] - known[0][1]))


def _look(form: Mapping[str, Any], start_ns: int) -> Look:
    thermal, throttle = form.get("thermal", {}), form.get("throttle", {})
    cpus = form.get("clocks", {}).get("cpus", {})
    clocks = [_finite(cpu["current_khz"]) for cpu in cpus.values() if "current_khz" in cpu]
    busy, own = form.get("busy_s"), form.get("own_s")
    return Look(
        time_s=_finite(form["time_ns"] - start_ns) / 1e9,
        zones={escaped(str(zone["name"]))[:_NAME]: _finite(zone["temp_c"]) for zone in thermal.get("zones", ())},
        clock_khz=max(clocks, default=None),
        thermal=thermal,
        throttle=throttle,
        others_s=None if busy is None or own is None else _finite(busy) - _finite(own),
        total_s=_finite(form.get("total_s", 0.0)),
    )


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a reading is a finite number, but got {value!r:.40}")
    return number
