"""A meter on this machine and a job on another: traces end up on the device's clock, and a lost meter comes back."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.bench.metering import DeviceMetering, HostMetering, covers, traces_of
from autoedge.errors import MeterError, TargetError
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Block, Trace
from autoedge.targets.clock import ClockOffset

if TYPE_CHECKING:
    from autoedge.targets.base import Target

SPEC = MeterSpec("scripted", "board-input", 0.005, 0.0, 0.001, 0.01, 0.001)
AHEAD_S = 1000.0


class Stepping(Meter):
    """Reads high while ``busy``; vanishes while ``gone``."""

    poll_period_s = 0.005

    def __init__(self) -> None:
        super().__init__()
        self.busy = self.gone = False
        self.opened = 0

    def _open(self) -> MeterSpec:
        if self.gone:
            raise MeterError("still unplugged")
        self.opened += 1
        return SPEC

    def _read(self) -> Block | None:
        if self.gone:
            raise MeterLostError("unplugged")
        return Block.one(time.perf_counter(), 5.0 if self.busy else 2.0)

    def _close(self) -> None:
        pass


class FarTarget:
    """A device whose clock reads a thousand seconds more, known to a millisecond."""

    name = "far"

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def clock_offset(self) -> ClockOffset:
        """Always the same."""
        if self.away:
            raise TargetError("it went away")
        return ClockOffset(AHEAD_S, 0.001)

    def open_meter(self, place: str, options: dict[str, Any]) -> MeterSpec:
        """What the agent's meter publishes."""
        assert (place, options) == ("a:B", {"chip": "x"})
        self.asked += 1
        return SPEC


def _far() -> Target:
    return cast("Target", FarTarget())


def _done(**marks: float) -> Frame:
    spans = [{"name": name, "start_ns": int(s * 1e9), "end_ns": int((s + 2) * 1e9)} for name, s in marks.items()]
    return Frame({"done": {"marks": spans}}, {})


def test_traces_are_brought_to_the_devices_clock() -> None:
    """What was recorded now lies a thousand seconds later on a clock that is that much ahead, within its bound."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far())
        metering.begin()
        metering.phase("idle")
        time.sleep(0.1)
        now = time.perf_counter()
        recorded = metering.finish(_done())
    (trace,) = recorded.traces
    assert abs(trace.time_s[-1] - (now + AHEAD_S)) < 0.05
    assert (recorded.clock_s, recorded.note) == (0.001, "round trips")


def test_a_target_that_goes_away_behind_its_reply() -> None:
    """What was recorded is kept, with the clocks as they stood before and what they may have drifted since."""
    far = FarTarget()
    with Stepping() as meter:
        metering = HostMetering(meter, cast("Target", far))
        metering.begin()
        metering.phase("soak")
        time.sleep(0.1)
        far.away = True
        recorded = metering.finish(_done())
    (trace,) = recorded.traces
    assert trace.time_s[0] > AHEAD_S
    assert 0.001 < recorded.clock_s < 0.002


def test_the_newest_power_is_that_of_a_meter_that_is_there() -> None:
    """A meter that was lost shows nothing any more, rather than its last value for ever."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far())
        metering.begin()
        metering.phase("soak")
        time.sleep(0.1)
        assert metering.power_w == 2.0
        meter.gone = True
        time.sleep(0.1)
        assert math.isnan(metering.power_w)


def test_the_power_itself_can_align_the_clocks() -> None:
    """A signature in the trace is found where the job says it drew it, though the round trips were off by 0.4 s."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far(), signature=True)
        metering.begin()
        metering.phase("energy")
        time.sleep(2.2)
        busy_from = time.perf_counter()
        meter.busy = True
        time.sleep(2.0)
        meter.busy = False
        time.sleep(2.2)
        recorded = metering.finish(_done(signature=busy_from + AHEAD_S + 0.4))
    (trace,) = recorded.traces
    assert "power signature" in recorded.note
    first = trace.time_s[np.argmax(trace.power_w > 3)]
    assert abs(first - (busy_from + AHEAD_S + 0.4)) <= recorded.clock_s + 0.02


def test_a_signature_that_is_not_there_leaves_the_round_trips() -> None:
    """Power that never rises aligns nothing, and the note says so."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far(), signature=True)
        metering.begin()
        metering.phase("energy")
        begun = time.perf_counter()
        time.sleep(2.5)
        recorded = metering.finish(_done(signature=begun + AHEAD_S))
    assert recorded.note.startswith("round trips")
    assert recorded.clock_s == 0.001


def test_a_lost_meter_is_opened_again() -> None:
    """A meter that vanished during one job is opened anew before the next, and its absence is an error then."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far())
        metering.begin()
        metering.phase("idle")
        meter.gone = True
        time.sleep(0.1)
        assert metering.finish(None).traces[0].lost == "unplugged"
        with pytest.raises(MeterError, match="still unplugged"):
            metering.begin()
        meter.gone = False
        metering.begin()
        metering.phase("idle")
        time.sleep(0.05)
        assert metering.finish(_done()).traces[0].lost == ""
    assert meter.opened == 2


def test_a_cancelled_job_leaves_no_recording() -> None:
    """Without a reply the recording ends all the same, and the next job begins one."""
    with Stepping() as meter:
        metering = HostMetering(meter, _far())
        for _ in range(2):
            metering.begin()
            metering.phase("energy")
            assert len(metering.finish(None).traces) == 1


def test_the_agents_meter_is_asked_for_before_every_job() -> None:
    """A new agent has no meter open, so each job begins by opening it; its traces come with the reply."""
    far = FarTarget()
    metering = DeviceMetering(cast("Target", far), "a:B", {"chip": "x"})
    assert metering.on_device
    metering.begin()
    assert far.asked == 2
    body, arrays = Trace(np.arange(3.0), np.ones(3), spec=SPEC).pack()
    reply = Frame({"traces": [body]}, {f"trace0.{name}": values for name, values in arrays.items()})
    assert np.array_equal(metering.finish(reply).traces[0].time_s, np.arange(3.0))
    assert metering.finish(None).traces == ()


@pytest.mark.parametrize("traces", [[{}], ["x"], [{"spec": {}, "counts": {}, "lost": ""}]])
def test_traces_that_make_no_sense_are_refused(traces: list[Any]) -> None:
    """A device's traces are checked: nonsense is a ValueError, KeyError or TypeError."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        traces_of(Frame({"traces": traces}, {}))


def test_a_trace_covers_what_lies_within_it() -> None:
    """The middle of a stretch decides; an empty trace covers nothing."""
    mark = {"start_ns": 2e9, "end_ns": 4e9}
    assert covers(Trace(np.array([1.0, 5.0]), np.ones(2)), mark)
    assert not covers(Trace(np.array([3.5, 5.0]), np.ones(2)), mark)
    assert not covers(Trace(np.empty(0), np.empty(0)), mark)
