"""Stretches that a power meter watches: their edges, their calls, and the open loop."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from autoedge.agent.stretches import at_rate, rest, signature, work

POWER = {"lead_s": 0.02, "idle_s": 0.05, "window_s": 0.05, "windows": 3, "tail_s": 0.02}


class Model:
    """Counts its calls and takes some time over each."""

    def __init__(self, seconds: float = 0.001) -> None:
        self.seconds = seconds
        self.calls: list[tuple[int, Any]] = []

    def __call__(self, batch: Any) -> None:
        """One call."""
        self.calls.append((time.perf_counter_ns(), batch))
        time.sleep(self.seconds)


def test_rest_lasts_as_long_as_the_idle_time() -> None:
    """The lead is not part of an idle stretch, and the stretch is no shorter than asked for."""
    before = time.perf_counter_ns()
    mark = rest("idle", POWER)
    assert (mark["name"], mark["calls"]) == ("idle", 0)
    assert mark["start_ns"] - before >= 0.02e9
    assert mark["end_ns"] - mark["start_ns"] >= 0.05e9


def test_windows_follow_each_other_without_a_gap() -> None:
    """Windows share their edges, none is cut short, and each counts exactly the calls between its edges."""
    model = Model()
    marks = work(model, ["a", "b"], POWER)
    assert [mark["name"] for mark in marks] == ["energy"] * 3
    assert all(one["end_ns"] == other["start_ns"] for one, other in itertools.pairwise(marks))
    for mark in marks:
        assert mark["end_ns"] - mark["start_ns"] >= 0.05e9
        inside = [begun for begun, _ in model.calls if mark["start_ns"] <= begun < mark["end_ns"]]
        assert len(inside) == mark["calls"] > 0


def test_the_load_runs_before_and_after_the_windows() -> None:
    """A meter that lags sees the same load on both sides of every edge, and inputs are used in turn."""
    model = Model()
    marks = work(model, ["a", "b", "c"], POWER)
    begun = [when for when, _ in model.calls]
    assert marks[0]["start_ns"] - begun[0] >= 0.02e9
    assert begun[-1] + 2e6 >= marks[-1]["end_ns"] + 0.015e9
    assert [batch for _, batch in model.calls[:4]] == ["a", "b", "c", "a"]


def test_a_signature_marks_its_load(monkeypatch: Any) -> None:
    """The stretch is the load between the two rests, and holds calls."""
    monkeypatch.setattr("autoedge.agent.stretches.SIGNATURE_S", 0.05)
    before = time.perf_counter_ns()
    mark = signature(Model(), ["a"])
    assert mark["start_ns"] - before >= 0.05e9
    assert mark["calls"] > 0
    assert time.perf_counter_ns() - mark["end_ns"] >= 0.05e9


def test_latency_counts_from_the_moment_a_call_was_due() -> None:
    """Calls of 20 ms that are due every 10 ms fall further and further behind, and their latencies say so."""
    _, latencies = at_rate(Model(0.02), ["a"], period_s=0.01, lead_s=0.0, seconds=0.2)
    assert len(latencies) >= 3
    assert latencies[0] < latencies[-1]
    assert latencies[-1] > 0.05e9


def test_a_hopeless_candidate_ends_with_the_stretch() -> None:
    """Who cannot keep up is stopped when the time is over, with fewer calls than were due."""
    begun = time.monotonic()
    mark, latencies = at_rate(Model(0.1), ["a"], period_s=0.001, lead_s=0.0, seconds=0.3)
    assert mark["due"] == 300
    assert len(latencies) == mark["calls"] < 300
    assert time.monotonic() - begun < 30


def test_an_easy_rate_is_kept() -> None:
    """Every due call is made, none of the lead counts, and the stretch is as long as its periods."""
    model = Model(0.0)
    mark, latencies = at_rate(model, ["a"], period_s=0.02, lead_s=0.04, seconds=0.2)
    assert (mark["calls"], mark["due"]) == (10, 10)
    assert len(model.calls) == 12
    assert abs((mark["end_ns"] - mark["start_ns"]) / 1e9 - 0.2) < 1e-6
    assert latencies.dtype == np.int64
    assert (latencies > 0).all()
