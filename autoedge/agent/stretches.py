"""The stretches of a job that a power meter watches: idle, energy windows, the workload's own rate.

A stretch notes its edges on the monotonic clock and how many calls fell in between; what was drawn meanwhile is for
the host to integrate. Before the first edge the load has run, or rested, for as long as the meter takes to settle.
"""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE_S = 2.0
"""Length of each part of a signature: rest, load, rest."""


def rest(name: str, power: Mapping[str, Any]) -> dict[str, Any]:
    """Do nothing for the idle time.

    Args:
        name: Of the stretch: ``idle``, ``loaded``, ``end``.
        power: The job's ``power``: ``lead_s`` and ``idle_s``.
    """
    time.sleep(power["lead_s"])
    start = time.perf_counter_ns()
    time.sleep(power["idle_s"])
    return {"name": name, "start_ns": start, "end_ns": time.perf_counter_ns(), "calls": 0}


def work(call: Any, batches: Any, power: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Calls back to back: a lead, the energy windows without a pause between them, and a tail.

    A window is never cut short: it ends with the first call that ends after its time.

    Args:
        call: The bound model.
        batches: Prepared inputs, used in turn.
        power: ``lead_s``, ``window_s``, ``windows`` and ``tail_s``.
    """
    clock, count, done = time.perf_counter_ns, len(batches), 0

    def until(end_ns: int) -> int:
        nonlocal done
        now = clock()
        while now < end_ns:
            call(batches[done % count])
            done += 1
            now = clock()
        return now

    edge = until(clock() + int(power["lead_s"] * 1e9))
    stretches = []
    for _ in range(int(power["windows"])):
        start, before = edge, done
        edge = until(start + int(power["window_s"] * 1e9))
        stretches.append({"name": "energy", "start_ns": start, "end_ns": edge, "calls": done - before})
    until(edge + int(power["tail_s"] * 1e9))
    return stretches


def signature(call: Any, batches: Any) -> dict[str, Any]:
    """Rest, load, rest: a shape that the host finds again in a meter's trace to align the two clocks.

    Returns:
        The stretch of the load.
    """
    time.sleep(SIGNATURE_S)
    start, done = time.perf_counter_ns(), 0
    while time.perf_counter_ns() - start < SIGNATURE_S * 1e9:
        call(batches[done % len(batches)])
        done += 1
    end = time.perf_counter_ns()
    time.sleep(SIGNATURE_S)
    return {"name": "signature", "start_ns": start, "end_ns": end, "calls": done}


def at_rate(call: Any, batches: Any, *, period_s: float, lead_s: float, seconds: float) -> Any:
    """Calls at scheduled moments, whether or not the one before has ended (open loop).

    A call that comes late because the one before took too long is late for its user too: its latency counts from the
    moment it was due.

    Args:
        call: The bound model.
        batches: Prepared inputs, used in turn.
        period_s: Between due moments.
        lead_s: At the rate before anything counts.
        seconds: How long then, at least one call.

    Returns:
        The stretch, and the latencies in ns of the calls due in it.

    Source: MLPerf LoadGen counts latency from the scheduled time; Tene, "How not to measure latency" (2013).
    """
    latencies: array[int] = array("q")
    clock, count = time.perf_counter_ns, len(batches)
    period = _period_ns(period_s)
    begun = clock()
    first = max(1, -(-int(lead_s * 1e9) // period))
    last = first + calls_due(seconds, period_s)
    start, end = begun + first * period, begun + last * period
    finished = 0
    for index in range(last):
        due = begun + index * period
        _wait_until(due)
        if clock() > end and index > first:
            break  # hopelessly behind: what is due has had its time
        call(batches[index % count])
        if index >= first:
            latencies.append(clock() - due)
            finished += 1
    _wait_until(end)
    stretch = {"name": "at rate", "start_ns": start, "end_ns": end, "calls": finished, "due": last - first}
    return stretch, np.frombuffer(latencies, np.int64)


def calls_due(seconds: float, period_s: float) -> int:
    """How many calls are due in a stretch at a rate, at least one; both in s."""
    return max(1, int(seconds * 1e9) // _period_ns(period_s))


def _period_ns(period_s: float) -> int:
    return max(1, round(period_s * 1e9))


def _wait_until(due_ns: int) -> None:
    """Sleep and do not spin, since spinning draws power; waking up late counts as it does in an application."""
    left = (due_ns - time.perf_counter_ns()) / 1e9
    if left > 0:
        time.sleep(left)
