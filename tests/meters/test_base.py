"""What every meter has from its base: recordings, lost instruments, counts, and the recorder that follows a job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.errors import MeterError
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.recorder import WATCHED, Recorder
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Block, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

SPEC = MeterSpec("scripted", "board-input", 0.01, 0.0, 0.001, 0.01, 0.001)


class Scripted(Meter):
    """Gives what a function says, every five milliseconds."""

    poll_period_s = 0.005

    def __init__(self, values: Callable[[int], float], fails_to_open: str = "") -> None:
        super().__init__()
        self._values = values
        self._fails = fails_to_open
        self._reads = 0
        self.closed = 0
        self.streams: list[bool] = []

    def _open(self) -> MeterSpec:
        if self._fails:
            raise MeterError(self._fails)
        return SPEC

    def _read(self) -> Block | None:
        self._reads += 1
        return Block.one(time.perf_counter(), self._values(self._reads))

    def _close(self) -> None:
        self.closed += 1

    def _stream(self, *, on: bool) -> None:
        self.streams.append(on)


def _vanishing(after: int) -> Callable[[int], float]:
    def value(reads: int) -> float:
        if reads > after:
            raise MeterLostError("unplugged")
        return float(reads)

    return value


def test_a_recording_holds_what_was_read() -> None:
    """Samples come in order with monotonic times inside the recording, and the instrument is told to start and stop."""
    meter = Scripted(float)
    with meter:
        begun = time.perf_counter()
        trace = meter.read(0.2)
        ended = time.perf_counter()
    assert len(trace.time_s) == trace.counts.samples > 3
    assert (np.diff(trace.time_s) > 0).all()
    assert begun <= trace.time_s[0] <= trace.time_s[-1] <= ended
    assert (np.diff(trace.power_w) == 1).all()
    assert meter.streams == [True, False]
    assert meter.closed == 1


def test_each_recording_begins_anew() -> None:
    """A second recording holds nothing of the first, neither samples nor counts."""
    with Scripted(lambda _: 2.0) as meter:
        first, second = meter.read(0.1), meter.read(0.1)
    assert second.time_s[0] > first.time_s[-1]
    assert second.counts.samples == len(second.time_s)


def test_repeats_are_counted() -> None:
    """A value that is exactly the one before is a repeat, the first of a recording never."""
    with Scripted(lambda reads: float(reads // 3)) as meter:
        trace = meter.read(0.3)
    assert trace.counts.repeats == int((np.diff(trace.power_w) == 0).sum())


def test_a_lost_meter_keeps_what_came_before() -> None:
    """The trace of a meter that vanished holds its samples and says why it ended."""
    with Scripted(_vanishing(5)) as meter:
        trace = meter.read(5.0)
        assert meter.lost == "unplugged"
    assert (len(trace.time_s), trace.lost) == (5, "unplugged")


def test_a_drivers_own_bug_is_told() -> None:
    """A driver that breaks does not pass as a meter that had nothing to say."""

    def broken(_: int) -> float:
        raise ZeroDivisionError("in the driver")

    with Scripted(broken) as meter:
        trace = meter.read(5.0)
    assert "ZeroDivisionError" in trace.lost


def test_a_meter_that_does_not_open_is_closed() -> None:
    """What was half open is closed, and the reason comes through."""
    meter = Scripted(float, fails_to_open="nothing there")
    with pytest.raises(MeterError, match="nothing there"), meter:
        pass
    assert meter.closed == 1


def test_recordings_are_bracketed() -> None:
    """Starting twice, and stopping what does not run, are errors."""
    with Scripted(float) as meter:
        with pytest.raises(MeterError, match="no recording runs"):
            meter.stop()
        meter.start()
        with pytest.raises(MeterError, match="runs already"):
            meter.start()


def test_a_recording_is_ended_by_closing() -> None:
    """Leaving the meter while it records ends the recording."""
    meter = Scripted(float)
    with meter:
        meter.start()
    with pytest.raises(MeterError, match="not open"):
        _ = meter.spec


def test_the_recorder_leaves_the_latency_phase_alone() -> None:
    """Only phases in which power counts are recorded; neighbours share a recording."""
    with Scripted(float) as meter:
        recorder = Recorder(meter)
        for phase in ("runtime", "idle", "cold start", "latency", "energy", "idle, end", "evaluation"):
            recorder.phase(phase)
            time.sleep(0.03)
        traces = recorder.finish()
        assert recorder.finish() == []
    assert len(traces) == 2
    assert meter.streams == [True, False, True, False]
    assert "latency" not in WATCHED


def test_a_trace_survives_the_wire() -> None:
    """Packing and unpacking gives the same series, spec, counts and loss."""
    with Scripted(_vanishing(4)) as meter:
        trace = meter.read(5.0)
    again = Trace.unpack(*trace.pack())
    assert np.array_equal(again.time_s, trace.time_s)
    assert (again.spec, again.counts, again.lost, again.volts.size) == (trace.spec, trace.counts, trace.lost, 0)


@pytest.mark.parametrize("damage", [{"spec": {}}, {"counts": {"lies": 3}}, {"counts": {"samples": "x"}}])
def test_a_trace_that_a_device_made_up_is_refused(damage: dict[str, object]) -> None:
    """What is no trace is a ValueError, KeyError or TypeError, and nothing else."""
    body, arrays = Trace(np.zeros(1), np.zeros(1), spec=SPEC).pack()
    with pytest.raises((ValueError, KeyError, TypeError)):
        Trace.unpack({**body, **damage}, arrays)


def test_series_of_other_lengths_are_no_block() -> None:
    """Times and powers belong together."""
    with pytest.raises(ValueError, match="one length"):
        Block(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="one length"):
        Block(np.zeros(2), np.zeros(2), volts=np.zeros(1))


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "moon"},
        {"scope": ["wall"]},
        {"update_period_s": 0.0},
        {"update_period_s": 1e-310},
        {"settling_s": True},
        {"gain": -0.1},
        {"gain": 10**400},
        {"resolution_w": "1"},
        {"offset_w": float("nan")},
        {"energy_resolution_j": "x"},
        {"energy_resolution_j": -3},
        {"energy_resolution_j": float("inf")},
        {"model": 5},
        {"name": 7},
        {"accuracy_from": None},
    ],
)
def test_a_spec_makes_sense(change: dict[str, object]) -> None:
    """Another scope, a period of nothing, limits that are no sane numbers and names that are no text are refused."""
    (key,) = change
    with pytest.raises(ValueError, match=f"'{key}' is "):
        MeterSpec.from_json({**SPEC.to_json(), **change})


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({**SPEC.to_json(), "gian": 0.1}, "has no 'gian'; its keys are name, scope, .*accuracy_from"),
        ({"name": "x", "scope": "wall"}, "lacks 'update_period_s', 'settling_s'"),
        ([1], "is an object, but got list"),
    ],
)
def test_a_spec_names_its_keys(form: Any, message: str) -> None:
    """Keys that are missing or unknown are named, in words about meters."""
    with pytest.raises(ValueError, match=message):
        MeterSpec.from_json(form)
