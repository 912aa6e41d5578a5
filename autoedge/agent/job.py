"""One job from start to end: what a worker process does with one candidate.

Phases: idle with an empty runtime, cold start, idle with the model loaded, warm-up to steady state, the latency window,
peak memory, the energy windows, idle again, the workload's own rate, a soak, and the model's outputs on evaluation
data. Idle, energy, rate and soak are there when the job asks for them; a host that looks on may end it early (see
``looks``). Nothing is computed here that the host can.
"""

from __future__ import annotations

import gc
import resource
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import numpy as np

from autoedge.agent import machine, soaking, stretches
from autoedge.agent.clocking import clock_seconds
from autoedge.agent.evaluation import Evaluation
from autoedge.agent.feed import Feed, load_tools
from autoedge.agent.looks import FIRST_BLOCK, WINDOW, Looks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.agent.looks import Ask
    from autoedge.runtimes.base import Runtime, Session

    Report = Callable[[str], None]

_DISTINCT_BATCHES = 16
_TIMER_PAIRS = 10_000


def run_job(
    job: Mapping[str, Any], expected: np.ndarray | None, runtime: Runtime, report: Report, ask: Ask | None = None
) -> Any:
    """Measure one candidate in this process.

    Args:
        job: ``model`` (path), ``knobs``, ``batch``, ``data`` (path or None), ``seed``, ``scores`` (output name),
            ``protocol``, ``evaluate`` (no, probe, full), ``tolerance``; ``power`` (see ``stretches``, with ``lead_s``,
            ``idle_s``, ``window_s``, ``windows``, ``tail_s``, ``signature``) where a meter watches; ``rate`` with
            ``period_s``, ``lead_s`` and ``seconds`` where the workload's rate is to be tried; ``soak`` (see
            ``soaking``) where sustained behaviour is; ``inputs`` and ``shapes`` (see ``feed``); ``preprocess_s`` where
            preparing items is to be timed, for that long.
        expected: Scores of the first samples as another candidate with the same outputs gave them, for ``probe``.
        runtime: The engine.
        report: Called with the name of each phase as it begins.
        ask: Shows the host a look and waits for its answer; None for a job that runs through.

    Returns:
        The reply's JSON object and its arrays (``latency_ns``, ``warmup_ns``, ``scores``, ``at_rate_ns``,
        ``preprocess_ns``, the soak's).

    Raises:
        StoppedError: The host had seen enough.
    """
    protocol, power, looks = job["protocol"], job.get("power"), Looks(ask)
    report("runtime")
    runtime.prepare()
    load_tools(job)
    before = machine.peak_memory_mib()
    marks = _rested("idle", "idle", power, report)
    report("cold start")
    session, call, feed, cold_ns, load_ns = _cold_start(job, runtime)
    marks += _rested("idle, loaded", "loaded", power, report)
    evaluation = Evaluation(job, expected, session, looks)
    known = {"cold_start_ns": cold_ns, "memory_empty_mib": before}
    report("warm-up")
    begun = _begin(call, feed, protocol)
    if looks.show(FIRST_BLOCK, {**known, **begun.counters}, {"calls_ns": np.array(begun.times, np.int64)}):
        _evaluate_early(evaluation, report)
    warmup, steady = _warm_up(call, feed, protocol, begun)
    report("latency")
    window, counters = _window(call, feed, protocol)
    peak = max(machine.peak_memory_mib(), begun.counters["memory_peak_mib"])
    looks.show(WINDOW, {**known, "memory_peak_mib": peak, **counters}, {"calls_ns": np.frombuffer(window, np.int64)})
    more, told, series = _further(job, call, feed, float(np.median(warmup)), report)
    arrays = {"latency_ns": np.frombuffer(window, np.int64), "warmup_ns": np.frombuffer(warmup, np.int64), **series}
    body = {
        "marks": [*marks, *more],
        "runtime_version": runtime.version(),
        "cold_start_ns": cold_ns,
        "load_ns": load_ns,
        "steady": steady,
        "memory_peak_mib": peak,
        "memory_empty_mib": before,
        "timer_ns": _timer_ns(),
        "first_block": {"calls": begun.calls, **begun.counters},
        **counters,
        **told,
    }
    last, more_arrays = _afterwards(job, session, evaluation, report)
    return {**body, **last}, {**arrays, **more_arrays}


def _rested(phase: str, name: str, power: Mapping[str, Any] | None, report: Report) -> list[Any]:
    """A stretch of rest where a meter watches."""
    if not power:
        return []
    report(phase)
    return [stretches.rest(name, power)]


def _afterwards(job: Mapping[str, Any], session: Session, evaluation: Evaluation, report: Report) -> Any:
    """What has nothing to do with time, energy and memory of a call: outputs, preparation of items, placement."""
    body: dict[str, Any] = {}
    arrays = {}
    if evaluation.wanted:
        if not evaluation.done:
            report("evaluation")
        arrays["scores"], whole = evaluation.scores()
        body["evaluated"] = "full" if whole else "probe"
    items = Feed(session.inputs, job)
    if job.get("preprocess_s") and items.prepares:
        report("preprocessing")
        arrays["preprocess_ns"] = items.timed(job["preprocess_s"])
    placement = session.placement()
    return {**body, **({"placement": dict(placement)} if placement else {})}, arrays


def _evaluate_early(evaluation: Evaluation, report: Report) -> None:
    """The outputs before the window, whose peak memory is then told without theirs; later where it would be part of it.

    What peaked up to now is in the first block's counters.
    """
    if evaluation.wanted and machine.forget_peak_memory():
        report("evaluation")
        evaluation.make()
        machine.forget_peak_memory()
        report("warm-up")


def _cold_start(job: Mapping[str, Any], runtime: Runtime) -> Any:
    start = time.perf_counter_ns()
    session = runtime.load(Path(job["model"]), job["knobs"], _shapes(job))
    loaded = time.perf_counter_ns()
    feed = Feed(session.inputs, job)  # reading data is no part of a cold start
    call = session.bind([port.name for port in session.outputs])
    first = feed.batches(_DISTINCT_BATCHES)
    ready = time.perf_counter_ns()
    call(first[0])
    done = time.perf_counter_ns()
    return session, call, first, (loaded - start) + (done - ready), loaded - start


def _shapes(job: Mapping[str, Any]) -> dict[str, tuple[int, ...]] | None:
    """By input, the shape of each call, where the host knows it."""
    shapes = job.get("shapes")
    return None if shapes is None else {name: tuple(shape) for name, shape in shapes.items()}


class _Begun(NamedTuple):
    """The first block of a warm-up."""

    times: array[int]
    calls: int
    counters: dict[str, Any]


def _begin(call: Any, batches: Any, protocol: Mapping[str, Any]) -> _Begun:
    """The first block, with counters around it: the earliest that can be said of a candidate's speed."""
    before, begun = _counters(), time.perf_counter_ns()
    times = _block(call, batches, protocol, begun + int(protocol["warmup_cap_seconds"] * 1e9))
    window_ns, after = time.perf_counter_ns() - begun, _counters()
    spent = {name: after[name] - before[name] for name in before}
    return _Begun(times, len(times), {"window_ns": window_ns, "memory_peak_mib": machine.peak_memory_mib(), **spent})


def _block(call: Any, batches: Any, protocol: Mapping[str, Any], deadline_ns: int) -> array[int]:
    """Calls for a share of the warm-up time, a few at least; none after the deadline."""
    block: array[int] = array("q")
    end = time.perf_counter_ns() + int(protocol["block_seconds"] * 1e9)
    while len(block) < protocol["block_calls"] or time.perf_counter_ns() < end:
        start = time.perf_counter_ns()
        call(batches[len(block) % len(batches)])
        done = time.perf_counter_ns()
        block.append(done - start)
        if done > deadline_ns:
            break
    return block


def _warm_up(call: Any, batches: Any, protocol: Mapping[str, Any], begun: _Begun) -> tuple[array[int], bool]:
    """Go on until two blocks in a row agree; block = max(10 calls, a share of the warm-up time)."""
    times = begun.times
    start = time.perf_counter_ns() - begun.counters["window_ns"]  # what came in between was no warm-up
    deadline = start + int(protocol["warmup_cap_seconds"] * 1e9)
    least = start + int(protocol["warmup_seconds"] * 1e9)
    medians = [float(np.median(np.frombuffer(times, np.int64)))]
    while True:
        now = time.perf_counter_ns()
        agree = len(medians) > 1 and abs(medians[-1] / medians[-2] - 1) <= protocol["block_tolerance"]
        if len(times) >= protocol["warmup_calls"] and now >= least and agree:
            return times, True
        if now > deadline:
            return times, False
        block = _block(call, batches, protocol, deadline)
        times.extend(block)
        medians.append(float(np.median(np.frombuffer(block, np.int64))))


def _window(call: Any, batches: Any, protocol: Mapping[str, Any]) -> tuple[array[int], dict[str, Any]]:
    """Back-to-back calls, each timed alone; counters around the whole."""
    times: array[int] = array("q")
    append, clock, count = times.append, time.perf_counter_ns, len(batches)
    calls = int(protocol["latency_calls"])
    gc.collect()
    gc.disable()
    before = _counters()
    begun = clock()
    least, cap = begun + int(protocol["latency_seconds"] * 1e9), begun + int(protocol["cap_seconds"] * 1e9)
    done, end = 0, begun
    while (done < calls or end < least) and end < cap:
        batch = batches[done % count]
        start = clock()
        call(batch)
        end = clock()
        append(end - start)
        done += 1
    after = _counters()
    gc.enable()
    return times, {"window_ns": end - begun, **{name: after[name] - before[name] for name in before}}


def _further(job: Mapping[str, Any], call: Any, feed: Any, call_ns: float, report: Report) -> Any:
    """Energy, the workload's rate and a soak, where the job asks for them: marks, body and arrays."""
    marks, body, arrays = [], {}, {}
    if job.get("power"):
        marks, body["energy_window"] = _energy(call, feed, job["power"], report)
    if job.get("rate"):
        report("at rate")
        stretch, arrays["at_rate_ns"] = stretches.at_rate(call, feed, **job["rate"])
        marks.append(stretch)
    if job.get("soak"):
        body["soak"], series = soaking.soak(call, feed, job["soak"], call_ns, report)
        arrays.update(series)
    return marks, body, arrays


def _energy(call: Any, batches: Any, power: Mapping[str, Any], report: Report) -> Any:
    """The energy windows and the idle time after them, with the counters around the windows."""
    marks = []
    report("energy")
    if power["signature"]:
        marks.append(stretches.signature(call, batches))
    before = _counters()
    marks += stretches.work(call, batches, power)
    after = _counters()
    report("idle, end")
    marks.append(stretches.rest("end", power))
    return marks, {name: after[name] - before[name] for name in before}


def _counters() -> dict[str, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    busy, total = machine.processor_seconds()
    return {
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "major_faults": usage.ru_majflt,
        "involuntary_switches": usage.ru_nivcsw,
        "machine_busy_s": busy,
        "machine_total_s": total,
        "machine_clock_s": clock_seconds(),
    }


def _timer_ns() -> float:
    clock = time.perf_counter_ns
    pairs = np.empty(_TIMER_PAIRS, np.int64)
    for index in range(_TIMER_PAIRS):
        start = clock()
        pairs[index] = clock() - start
    return float(np.median(pairs))
