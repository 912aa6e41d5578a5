"""How a target's power reaches the bench: by a meter on this machine, or by one inside the agent.

Either way the host ends up with traces on the device's clock, in which the job's marks can be looked up.
"""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.bench.alignment import SIGNATURE, align
from autoedge.errors import MeterError, TargetError
from autoedge.meters.recorder import Recorder
from autoedge.meters.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.agent.frames import Frame
    from autoedge.meters.base import Meter
    from autoedge.meters.spec import MeterSpec
    from autoedge.targets.base import Target
    from autoedge.targets.clock import ClockOffset

_log = logging.getLogger(__name__)
_DRIFT = 2e-4
"""Two clocks of 100 ppm each part by no more than this share of the time."""


class Recorded(NamedTuple):
    """What a meter recorded of one job.

    Attributes:
        traces: On the device's clock, in order.
        clock_s: By how much an edge may be off on it.
        note: How the clocks were aligned; empty where there is one clock.
    """

    traces: Sequence[Trace]
    clock_s: float
    note: str


class Metering(ABC):
    """A target's meter, opened for the run.

    Attributes:
        spec: What it publishes.
        signature: Whether jobs shall draw a signature of power to align clocks by.
    """

    spec: MeterSpec
    signature = False

    @property
    def on_device(self) -> bool:
        """Whether the agent records."""
        return False

    @property
    def power_w(self) -> float:
        """The last value of the present recording; NaN where there is none on this machine."""
        return math.nan

    @abstractmethod
    def begin(self) -> None:
        """A job is about to be sent.

        Raises:
            MeterError: The meter is gone and does not come back; TargetError where the agent says so.
        """

    @abstractmethod
    def phase(self, name: str) -> None:
        """The job enters a phase."""

    @abstractmethod
    def finish(self, reply: Frame | None) -> Recorded:
        """The job ended, with a reply or without.

        Raises:
            ValueError: The reply holds traces that make no sense; also KeyError and TypeError.
        """


class DeviceMetering(Metering):
    """A meter inside the agent: its traces come with the reply, on the right clock.

    Args:
        target: Whose agent reads it.
        place: Of the meter's class.
        options: It opens with.

    Raises:
        TargetError: It cannot be opened there; says why.
    """

    def __init__(self, target: Target, place: str, options: Mapping[str, Any]) -> None:
        self._target, self._place, self._options = target, place, dict(options)
        self.spec = target.open_meter(place, options)

    @property
    def on_device(self) -> bool:
        """The agent records."""
        return True

    def begin(self) -> None:
        """Make sure that the agent, which may be a new one, has the meter open."""
        self._target.open_meter(self._place, self._options)

    def phase(self, name: str) -> None:
        """The agent follows the phases itself."""

    def finish(self, reply: Frame | None) -> Recorded:
        """What came with the reply."""
        return Recorded(traces_of(reply) if reply is not None else (), 0.0, "")


class HostMetering(Metering):
    """An instrument on this machine that measures what the target draws.

    Args:
        meter: Open; opened again when it was lost.
        target: Whose clock the traces are brought to.
        signature: Align by the pattern of power instead of round trips alone.
    """

    def __init__(self, meter: Meter, target: Target, *, signature: bool = False) -> None:
        self.spec = meter.spec
        self.signature = signature
        self._meter = meter
        self._target = target
        self._recorder = Recorder(meter)
        self._before, self._compared = target.clock_offset(), time.perf_counter()

    @property
    def power_w(self) -> float:
        """The last value of the present recording."""
        return self._recorder.power_w

    def begin(self) -> None:
        """Compare clocks, and make sure that the meter is there."""
        if self._meter.lost:
            self._meter.__exit__()
            self._meter.__enter__()
            _log.info("%s is back", self.spec.name)
        self._before, self._compared = self._target.clock_offset(), time.perf_counter()
        self._recorder = Recorder(self._meter)

    def phase(self, name: str) -> None:
        """Record in the phases where power counts."""
        self._recorder.phase(name)

    def finish(self, reply: Frame | None) -> Recorded:
        """The traces, aligned."""
        traces = self._recorder.finish()
        if reply is None or "done" not in reply.body:
            return Recorded(traces, 0.0, "")
        after = self._afterwards()
        offset = (self._before.offset_s + after.offset_s) / 2
        bound = max(self._before.bound_s, after.bound_s) + abs(after.offset_s - self._before.offset_s) / 2
        traces = [trace.shifted(offset) for trace in traces]
        if not self.signature:
            return Recorded(traces, bound, "round trips" if bound else "")
        return self._by_signature(traces, bound, reply)

    def _afterwards(self) -> ClockOffset:
        """How the clocks stand at the end; of a target that went away with its reply sent, as far as they may drift."""
        try:
            return self._target.clock_offset()
        except TargetError as error:
            _log.warning("clocks are not compared again: %s", error)
            drifted = _DRIFT * (time.perf_counter() - self._compared)
            return replace(self._before, bound_s=self._before.bound_s + drifted)

    def _by_signature(self, traces: Sequence[Trace], bound: float, reply: Frame) -> Recorded:
        busy = next((mark for mark in reply.body["done"]["marks"] if mark["name"] == "signature"), None)
        if busy is None:
            return Recorded(traces, bound, "round trips")
        start = busy["start_ns"] / 1e9 - SIGNATURE[0][0]
        held = next((trace for trace in traces if len(trace.time_s) and covers(trace, busy)), None)
        if held is None:
            return Recorded(traces, bound, "round trips; the trace holds no signature")
        try:
            found = align(held, start)
        except MeterError as error:
            return Recorded(traces, bound, f"round trips; {error}")
        return Recorded(
            [trace.shifted(-found.offset_s) for trace in traces],
            found.bound_s,
            f"power signature, correlation {found.correlation:.3f}",
        )


def covers(trace: Trace, mark: Mapping[str, Any]) -> bool:
    """Whether a trace was being recorded in the middle of a stretch."""
    middle = (mark["start_ns"] + mark["end_ns"]) / 2e9
    return bool(len(trace.time_s) and trace.time_s[0] <= middle <= trace.time_s[-1])


def traces_of(reply: Frame) -> list[Trace]:
    """The traces that an agent sent with a reply.

    Raises:
        ValueError: They make no sense; also KeyError and TypeError.
    """
    traces = []
    for index, body in enumerate(reply.body.get("traces", [])):
        start = f"trace{index}."
        arrays = {name.removeprefix(start): a for name, a in reply.arrays.items() if name.startswith(start)}
        traces.append(Trace.unpack(body, arrays))
    return traces
