"""A soak: calls back to back for minutes, each timed, until the time is over or somebody says that it is enough.

The host draws all conclusions. Here every duration is kept, with marks in between that say which calls had been made by
which moment of the monotonic clock, so that durations get a time axis.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from array import array
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from autoedge.agent import machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PHASE = "soak"
"""The phase's name; while it lasts it is reported again and again with its state behind a colon."""

_TICK_S = 1.0
_ENOUGH = signal.SIGUSR1
_NUMBER = r"(-?[0-9.]{1,12}(?:e[+-][0-9]{1,3})?)"
_TICK = re.compile(rf"{PHASE}: {_NUMBER} of {_NUMBER} s(?:, {_NUMBER} ms)?(?:, {_NUMBER} C)?(?:, {_NUMBER} W)?")


class Tick(NamedTuple):
    """How far a soak is, as its phase is reported: ``soak: 12 of 60 s, 3.21 ms, 54.2 C, 3.4 W``.

    Attributes:
        elapsed_s: Since it began.
        seconds: In all.
        latency_ms: Median of the calls since the tick before; None at first.
        temp_c: The hottest sensor's, where there is one.
        power_w: The meter's last value, where it is read beside the soak.
    """

    elapsed_s: float
    seconds: float
    latency_ms: float | None = None
    temp_c: float | None = None
    power_w: float | None = None

    @property
    def phase(self) -> str:
        """The phase that says it."""
        text = f"{PHASE}: {self.elapsed_s:.0f} of {self.seconds:.0f} s"
        units = ((self.latency_ms, ".4g", "ms"), (self.temp_c, ".1f", "C"), (self.power_w, ".4g", "W"))
        return text + "".join(f", {value:{form}} {unit}" for value, form, unit in units if value is not None)

    @classmethod
    def read(cls, phase: str) -> Tick | None:
        """What a reported phase says; None where it is no soak's, or a soak's that has only just begun."""
        match = _TICK.fullmatch(phase)
        if match is None:
            return None
        try:
            return cls(*(None if group is None else float(group) for group in match.groups()))  # type: ignore[arg-type]
        except ValueError:  # 1.2.3
            return None


def soak(
    call: Any, batches: Any, plan: Mapping[str, Any], call_ns: float, report: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Run the model without a pause.

    Args:
        call: The bound model.
        batches: Prepared inputs, used in turn.
        plan: The job's ``soak``: ``seconds``; ``mark_s`` between marks; ``keep``, the most durations to hold.
        call_ns: What a call takes, roughly. Where more calls than ``keep`` fit into the time, one duration of every so
            many calls is kept; all calls are timed and counted alike.
        report: Told of the phase, once a second.

    Returns:
        ``start_ns``, ``end_ns``, ``calls``, ``every`` (one duration of so many calls is kept), ``told`` (whether it was
        ended before its time), ``cpu_s`` of this process; and the arrays ``soak_ns`` (durations), ``soak_mark_ns`` and
        ``soak_mark_calls`` (moments, and the calls made by then).
    """
    seconds = float(plan["seconds"])
    every = max(1, -(-int(seconds * 1e9 / max(call_ns, 1.0)) // int(plan["keep"])))
    times, marks, counts = array("q"), array("q"), array("q")
    clock, count, append = time.perf_counter_ns, len(batches), times.append
    mark_ns, done, told_of = int(plan["mark_s"] * 1e9), 0, 0
    with _until_enough() as enough, _little_garbage():
        report(Tick(0.0, seconds).phase)
        cpu = time.process_time()
        start = end = clock()
        deadline, mark, tick = start + int(seconds * 1e9), start + mark_ns, start + int(_TICK_S * 1e9)
        while end < deadline and not enough:
            batch = batches[done % count]
            begin = clock()
            call(batch)
            end = clock()
            if done % every == 0:
                append(end - begin)
            done += 1
            if end < mark:
                continue
            marks.append(end)
            counts.append(done)
            gc.collect()  # of little, since all that was there before is frozen
            if end >= tick:
                latest = np.median(times[told_of:] or times[-1:]) / 1e6
                report(Tick((end - start) / 1e9, seconds, float(latest)).phase)
                told_of, tick = len(times), clock() + int(_TICK_S * 1e9)
            mark = clock() + mark_ns
        cpu = time.process_time() - cpu
    if not marks or marks[-1] != end:
        marks.append(end)
        counts.append(done)
    body = {"start_ns": start, "end_ns": end, "calls": done, "every": every, "told": bool(enough), "cpu_s": cpu}
    arrays = {"soak_ns": times, "soak_mark_ns": marks, "soak_mark_calls": counts}
    return body, {name: np.asarray(values) for name, values in arrays.items()}


def in_soak(phase: str) -> bool:
    """Whether a reported phase is the soak, at its beginning or later."""
    return phase.partition(":")[0] == PHASE


def end_soak(worker: int) -> None:
    """Tell a worker in its soak, by its process id, that it is enough: it ends as if the time were over."""
    with suppress(ProcessLookupError):
        os.kill(worker, _ENOUGH)


def load(worker: int) -> dict[str, float]:
    """How busy the machine and one of its processes were so far, in processor seconds; the process may have ended.

    Returns:
        ``total_s`` and ``busy_s`` of all cores, stolen by other guests included where the system counts that;
        ``own_s`` of the process.
    """
    import psutil

    busy, total = machine.processor_seconds()
    try:
        times = psutil.Process(worker).cpu_times()
    except psutil.Error:
        return {"busy_s": busy, "total_s": total}
    return {"busy_s": busy, "total_s": total, "own_s": times.user + times.system}


@contextmanager
def _until_enough() -> Iterator[list[bool]]:
    """A list that gets a member when the process is told that it is enough; later signals do nothing."""
    enough: list[bool] = []
    signal.signal(_ENOUGH, lambda *_: enough.append(True))
    try:
        yield enough
    finally:
        signal.signal(_ENOUGH, signal.SIG_IGN)  # it may come twice, and by default it ends the process


@contextmanager
def _little_garbage() -> Iterator[None]:
    """No collection of garbage while calls are timed; what is there already is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
