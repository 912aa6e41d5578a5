"""Synthetic loads, as jobs of a real agent."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from autoedge.agent import load as loading
from autoedge.agent.load import KERNELS
from autoedge.bench.loads import PLACE, RUNTIME
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalTarget]:
    """This machine, for loads alone, with a turn of its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with LocalTarget({RUNTIME: PLACE}, blobs=tmp_path / "blobs", jobs=tmp_path / "jobs") as target:
        yield target


def job(**knobs: Any) -> dict[str, Any]:
    """A load for half a second."""
    once = {"warmup_calls": 1, "warmup_seconds": 0.0, "warmup_cap_seconds": 1.0, "block_calls": 1, "block_seconds": 0.0}
    once |= {"block_tolerance": 1e9, "latency_calls": 1, "latency_seconds": 0.0, "cap_seconds": 10.0}
    power = {"lead_s": 0.05, "idle_s": 0.02, "window_s": 0.5, "windows": 1, "tail_s": 0.05, "signature": False}
    return {
        "runtime": RUNTIME,
        "model": "0" * 64,
        "data": None,
        "knobs": {"kernel": "matmul", "cores": 1, "duty": 1.0, **knobs},
        "batch": 1,
        "seed": 0,
        "scores": None,
        "evaluate": "no",
        "tolerance": 0.0,
        "protocol": once,
        "power": power,
        "limits": {"time_s": 60.0, "memory_mib": 4000.0},
        "key": {},
    }


@pytest.mark.parametrize("kernel", ["nothing", *KERNELS])
def test_every_load_runs_as_a_job(target: LocalTarget, kernel: str) -> None:
    """Each kind of work, and none, gives an energy window with the machine's counters, and leaves no process behind."""
    reply = target.run(job(kernel=kernel, cores=2), {})
    assert "done" in reply.body, reply.body
    (window,) = (mark for mark in reply.body["done"]["marks"] if mark["name"] == "energy")
    assert window["end_ns"] - window["start_ns"] >= 0.5e9
    used = reply.body["done"]["energy_window"]
    assert used["machine_total_s"] > 0
    assert {"cpu_s", "machine_busy_s", "machine_clock_s"} <= used.keys()
    agent = next(child for child in psutil.Process().children() if "--jobs" in child.cmdline())
    assert not agent.children(recursive=True)


@pytest.mark.parametrize(
    ("knobs", "problem"),
    [
        ({"kernel": "juggling"}, "there is no load 'juggling'; there are nothing, matmul"),
        ({"duty": 0.0}, "for a part of the time, but got 1 and 0.0"),
        ({"cores": -1}, "keeps 0 to 1024 cores busy"),
    ],
)
def test_what_is_no_load_fails_with_a_reason(target: LocalTarget, knobs: dict[str, Any], problem: str) -> None:
    """A load that cannot be meant is a failed job that says so."""
    assert problem in target.run(job(**knobs), {}).body["failed"]


def test_the_processes_die_with_the_job(target: LocalTarget) -> None:
    """A job that runs out of time takes its processes along."""
    reply = target.run({**job(cores=2), "limits": {"time_s": 0.1, "memory_mib": 4000.0}}, {})
    assert "longer than 0.1 s" in reply.body["failed"]
    deadline = time.monotonic() + 30
    while any("agent.load" in " ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_duty_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a slice, the load works for its part, in short bursts of chance length, and rests for the others."""
    clock = [0.0]
    rests, bursts = [], [0]

    class FakeTime:
        @staticmethod
        def perf_counter() -> float:
            return clock[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            rests.append(seconds)
            clock[0] += seconds

    def work() -> None:
        bursts[0] += 1
        clock[0] += 1e-4

    monkeypatch.setattr(loading, "time", FakeTime)
    loading._slice(work, 0.25, random.Random(0))  # noqa: S311 - chance that can be repeated
    assert clock[0] == pytest.approx(0.25, abs=0.01)
    assert bursts[0] * 1e-4 == pytest.approx(0.25 * 0.25, rel=0.1)
    assert len({round(rest, 6) for rest in rests}) > 5
