"""One job from start to end: what a worker process does with one candidate.

Phases: idle with an empty runtime, cold start, idle with the model loaded, warm-up to steady state, the latency window,
peak memory, the energy windows, idle again, the workload's own rate, a soak, and the model's outputs on evaluation
data. Idle, energy, rate and soak are there when the job asks for them. Nothing is computed here that the host can.
"""

from __future__ import annotations

import gc
import resource
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from autoedge.agent import machine, soaking, stretches
from autoedge.agent.clocking import clock_seconds
from autoedge.agent.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.runtimes.base import Runtime, Session

    Report = Callable[[str], None]

_DISTINCT_BATCHES = 16
_TIMER_PAIRS = 10_000


def run_job(job: Mapping[str, Any], expected: np.ndarray | None, runtime: Runtime, report: Report) -> Any:
    """Measure one candidate in this process.

    Args:
        job: ``model`` (path), ``knobs``, ``batch``, ``data`` (path or None), ``seed``, ``scores`` (output name),
            ``protocol``, ``evaluate`` (no, probe, full), ``tolerance``; ``power`` (see ``stretches``, with ``lead_s``,
            ``idle_s``, ``window_s``, ``windows``, ``tail_s``, ``signature``) where a meter watches; ``rate`` with
            ``period_s``, ``lead_s`` and ``seconds`` where the workload's rate is to be tried; ``soak`` (see
            ``soaking``) where sustained behaviour is.
        expected: Scores of the first samples as another candidate with the same outputs gave them, for ``probe``.
        runtime: The engine.
        report: Called with the name of each phase as it begins.

    Returns:
        The reply's JSON object and its arrays (``latency_ns``, ``warmup_ns``, ``scores``, ``at_rate_ns``, the soak's).
    """
    protocol, power = job["protocol"], job.get("power")
    marks = []
    report("runtime")
    version = runtime.version()
    runtime.prepare()
    before = machine.peak_memory_mib()
    if power:
        report("idle")
        marks.append(stretches.rest("idle", power))
    report("cold start")
    session, call, feed, cold_ns, load_ns = _cold_start(job, runtime)
    if power:
        report("idle, loaded")
        marks.append(stretches.rest("loaded", power))
    report("warm-up")
    warmup, steady = _warm_up(call, feed, protocol)
    report("latency")
    window, counters = _window(call, feed, protocol)
    peak = machine.peak_memory_mib()
    arrays = {"latency_ns": np.frombuffer(window, np.int64), "warmup_ns": np.frombuffer(warmup, np.int64)}
    if power:
        found, used = _energy(call, feed, power, report)
        marks += found
        counters["energy_window"] = used
    if job.get("rate"):
        report("at rate")
        stretch, arrays["at_rate_ns"] = stretches.at_rate(call, feed, **job["rate"])
        marks.append(stretch)
    if job.get("soak"):
        counters["soak"], series = soaking.soak(call, feed, job["soak"], float(np.median(warmup)), report)
        arrays.update(series)
    body = {
        "marks": marks,
        "runtime_version": version,
        "cold_start_ns": cold_ns,
        "load_ns": load_ns,
        "steady": steady,
        "memory_peak_mib": peak,
        "memory_empty_mib": before,
        "timer_ns": _timer_ns(),
        **counters,
    }
    if job["evaluate"] != "no":
        report("evaluation")
        scores, whole = _evaluate(job, expected, session)
        arrays["scores"] = scores
        body["evaluated"] = "full" if whole else "probe"
    return body, arrays


def _cold_start(job: Mapping[str, Any], runtime: Runtime) -> Any:
    start = time.perf_counter_ns()
    session = runtime.load(Path(job["model"]), job["knobs"])
    loaded = time.perf_counter_ns()
    feed = Feed(session.inputs, job)  # reading data is no part of a cold start
    call = session.bind([port.name for port in session.outputs])
    first = feed.batches(_DISTINCT_BATCHES)
    ready = time.perf_counter_ns()
    call(first[0])
    done = time.perf_counter_ns()
    return session, call, first, (loaded - start) + (done - ready), loaded - start


def _warm_up(call: Any, batches: Any, protocol: Mapping[str, Any]) -> tuple[array[int], bool]:
    """Call until two blocks in a row agree; block = max(10 calls, a share of the warm-up time)."""
    times: array[int] = array("q")
    begun = time.perf_counter_ns()
    deadline = begun + int(protocol["warmup_cap_seconds"] * 1e9)
    least = begun + int(protocol["warmup_seconds"] * 1e9)
    block_ns = int(protocol["block_seconds"] * 1e9)
    medians: list[float] = []
    while True:
        block: array[int] = array("q")
        block_end = time.perf_counter_ns() + block_ns
        while len(block) < protocol["block_calls"] or time.perf_counter_ns() < block_end:
            start = time.perf_counter_ns()
            call(batches[len(block) % len(batches)])
            end = time.perf_counter_ns()
            block.append(end - start)
            if end > deadline:
                break
        times.extend(block)
        medians.append(float(np.median(np.frombuffer(block, np.int64))))
        now = time.perf_counter_ns()
        agree = len(medians) > 1 and abs(medians[-1] / medians[-2] - 1) <= protocol["block_tolerance"]
        if len(times) >= protocol["warmup_calls"] and now >= least and agree:
            return times, True
        if now > deadline:
            return times, False


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


def _evaluate(job: Mapping[str, Any], expected: np.ndarray | None, session: Session) -> tuple[np.ndarray, bool]:
    """Scores of all samples, or of the first ones alone where they agree with ``expected``."""
    call = session.bind([job["scores"]])
    feed = Feed(session.inputs, job)
    if job["evaluate"] == "probe" and expected is not None:
        probe = _scores(call, feed, len(expected))
        same = probe.shape == expected.shape and np.array_equal(probe.argmax(-1), expected.argmax(-1))
        if same and np.allclose(probe, expected, rtol=0, atol=job["tolerance"]):
            return probe, False
    return _scores(call, feed, None), True


def _scores(call: Any, feed: Feed, samples: int | None) -> np.ndarray:
    pieces = []
    for batch, valid in feed.stream(samples):
        output = np.asarray(call(batch)[0])[:valid]
        pieces.append(output.reshape(valid, -1).astype(np.float32))
    return np.concatenate(pieces) if pieces else np.empty((0, 0), np.float32)
