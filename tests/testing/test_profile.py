"""Profiles: their energy is the integral of their power, and a lag is what the differential equation says."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autoedge.testing.display import Display
from autoedge.testing.family import Family
from autoedge.testing.following import Following
from autoedge.testing.profile import Constant, Lagged, Profile, Ramp, Recorded, Step

POWERS = st.floats(0, 100)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0, 2.5]), POWERS), min_size=1, max_size=8)


def recorded(steps: list[tuple[float, float]]) -> Recorded:
    """A trace from distances in time, 0 being a jump, and powers."""
    widths, watts = zip(*steps, strict=True)
    return Recorded(np.cumsum(widths), watts)


def integral(profile: Profile, start: float, end: float) -> float:
    """The energy by the midpoint rule on each straight piece, which is exact there."""
    edges = np.concatenate([[start], profile.knots(start, end), [end]])
    return float(np.sum(profile.power_w((edges[1:] + edges[:-1]) / 2) * np.diff(edges)))


def test_simple_profiles() -> None:
    """Constant, step and ramp have the power and the energy that their names say; a step counts from its moment on."""
    assert Constant(3.0).power_w(-5.0) == 3.0
    assert Constant(3.0).energy_j(2.0, 4.0) == pytest.approx(6.0)
    step = Step(2.0, 6.0, 10.0)
    assert step.power_w(np.array([9.9, 10.0, 10.1])).tolist() == [2.0, 6.0, 6.0]
    assert step.energy_j(9.0, 12.0) == pytest.approx(2.0 + 12.0)
    ramp = Ramp(2.0, 6.0, 10.0, 14.0)
    assert ramp.power_w(11.0) == pytest.approx(3.0)
    assert ramp.energy_j(9.0, 15.0) == pytest.approx(2.0 + 16.0 + 6.0)


def test_bins() -> None:
    """A trace of energies a bin gives each bin's energy back, and nothing outside."""
    trace = Recorded.of_bins(5.0, 0.001, [5e-6, 7e-6, 0.0])
    assert trace.energy_j(5.0, 5.001) == pytest.approx(5e-6)
    assert trace.energy_j(0.0, 9.0) == pytest.approx(12e-6)
    assert trace.power_w(np.array([4.9, 5.0015, 5.1])) == pytest.approx([0.0, 0.007, 0.0])


@pytest.mark.parametrize(
    ("times", "watts"), [([], []), ([0.0], [1.0, 2.0]), ([1.0, 0.0], [1.0, 1.0]), ([0.0], [math.nan])]
)
def test_no_trace(times: list[float], watts: list[float]) -> None:
    """What is no trace is refused."""
    with pytest.raises(ValueError, match=r"times|finite"):
        Recorded(times, watts)


@given(STEPS, st.floats(-2, 20), st.floats(0, 10), st.floats(0, 10))
def test_energy_is_the_integral(steps: list[tuple[float, float]], start: float, first: float, second: float) -> None:
    """The energy is the integral of the power, and adds up over stretches."""
    profile = recorded(steps)
    middle, end = start + first, start + first + second
    assert profile.energy_j(start, end) == pytest.approx(integral(profile, start, end), abs=1e-7)
    parts = profile.energy_j(start, middle) + profile.energy_j(middle, end)
    assert parts == pytest.approx(profile.energy_j(start, end), abs=1e-9)


def test_lag_after_a_step() -> None:
    """Behind a step the lag falls off exponentially, and loses the step x tau of energy."""
    tau_s = 0.5 / 3
    shown = Lagged(Step(2.7, 6.4, 10.0), tau_s)
    assert shown.power_w(9.99) == pytest.approx(2.7)
    assert shown.power_w(10.2) == pytest.approx(6.4 - 3.7 * math.exp(-0.2 / tau_s))
    # Untrimmed net energy of a 10 s window, 36.383 J in place of 37.0 J.
    assert shown.energy_j(10.0, 20.0) - 27.0 == pytest.approx(36.383, abs=1e-3)


@example([(0.0, 0.0), (0.0, 1.0)], 1.0, [0.0, -5e-324])  # a moment too short for a slope
@given(STEPS, st.floats(0.05, 3.0), st.lists(st.floats(-2, 25), min_size=1, max_size=5))
def test_lag_solves_its_equation(steps: list[tuple[float, float]], tau_s: float, times: list[float]) -> None:
    """The lagged power is that of a fine numerical solution, whatever the order of the questions."""
    profile = recorded(steps)
    shown = Lagged(profile, tau_s)
    width = 0.01
    grid = np.arange(-5.0, 25.0 + width, width)
    mean = profile.power_w(grid[:-1] + width / 2)
    values = [profile.power_w(-5.0)]
    for watts in mean:
        values.append(watts + (values[-1] - watts) * math.exp(-width / tau_s))
    for t in times:
        assert shown.power_w(t) == pytest.approx(np.interp(t, grid, values), abs=100 * width / tau_s)
    assert shown.power_w(np.array(times)) == pytest.approx([Lagged(profile, tau_s).power_w(t) for t in times])


def test_a_display_updates_now_and_then() -> None:
    """A shown value is that of the last update, with its gain and offset, for one time and for many."""
    display = Display(Ramp(0.0, 10.0, 0.0, 10.0), period_s=0.5, gain=1.1, offset_w=0.2, phase_s=0.1)
    assert display.power_w(1.0) == pytest.approx(0.6 * 1.1 + 0.2)
    assert display.power_w(np.array([1.05, 1.15])) == pytest.approx([0.6 * 1.1 + 0.2, 1.1 * 1.1 + 0.2])


def busy(seconds: float) -> str:
    """A program that spends so much CPU time."""
    return f"import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass"


def test_following_a_process() -> None:
    """The energy above idle is core power x the CPU time of the process, and the power's own integral."""
    with subprocess.Popen([sys.executable, "-c", f"input()\n{busy(0.4)}"], stdin=subprocess.PIPE) as process:
        start = time.perf_counter()
        with Following(process.pid, 1.5, 2.0) as profile:
            time.sleep(0.2)
            used = time.clock_gettime(~process.pid << 3 | 2)
            begun = time.perf_counter()
            process.communicate(b"\n")
            end = time.perf_counter()
        assert profile.busy_s(begun, end) == pytest.approx(0.4, abs=0.1)
        assert profile.busy_s(start, begun) <= used + 0.01
    assert profile.energy_j(begun, end) == pytest.approx(1.5 * (end - begun) + 2.0 * profile.busy_s(begun, end))
    assert profile.energy_j(start, end) == pytest.approx(integral(profile, start, end), rel=1e-6)


def test_following_children_that_come_and_go() -> None:
    """CPU time of children counts while they run and after they ended, and the sum never falls."""
    child = f"import subprocess, sys\nfor _ in range(5): subprocess.run([sys.executable, '-c', {busy(0.1)!r}])"
    with subprocess.Popen([sys.executable, "-c", f"input()\n{child}"], stdin=subprocess.PIPE) as process:
        with Following(process.pid, 0.0, 1.0) as profile:
            start = time.perf_counter()
            before = os.times()
            process.communicate(b"\n")
            end = time.perf_counter()
        after = os.times()
        times = np.concatenate([[start], profile.knots(start, end), [end]])
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert 0.5 <= profile.busy_s(start, end) <= spent + 0.05
    assert profile.busy_s(start, end) == pytest.approx(spent, abs=0.15)  # its own start lies before
    assert min(profile.busy_s(*pair) for pair in pairwise(times)) >= 0


def test_following_an_orphan() -> None:
    """A child that outlives its parent is followed on, and what it spent stays when it ends."""
    parent = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {busy(0.3)!r}])\ninput()"
    with (
        subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as process,
        Following(process.pid, 0.0, 1.0) as profile,
    ):
        start = time.perf_counter()
        time.sleep(0.15)
        process.communicate(b"\n")
        deadline = time.perf_counter() + 20
        while profile.busy_s(start, time.perf_counter()) < 0.3 and time.perf_counter() < deadline:
            time.sleep(0.05)
        end = time.perf_counter()
    assert 0.3 <= profile.busy_s(start, end) <= 0.6


def test_following_no_more_than_the_cores_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick of CPU time that falls between two close readings makes no peak beyond all cores, and is not lost."""
    ticks = iter([0.0, *(tick for step in range(1, 1000) for tick in (step * 0.01, step * 0.01 + 0.005))])
    monkeypatch.setattr(Family, "cpu_s", lambda _: next(ticks))
    with Following(os.getpid(), 1.0, 2.0) as profile:
        start = time.perf_counter()
        for _ in range(50):
            profile.busy_s(start, time.perf_counter())
            profile.busy_s(start, time.perf_counter())
            time.sleep(0.02)
        end = time.perf_counter()
        pieces = np.concatenate([[start], profile.knots(start, end), [end]])
        peak = profile.power_w((pieces[1:] + pieces[:-1]) / 2).max()
    spent = next(ticks)
    assert peak <= 1.0 + 2.0 * (os.cpu_count() or 1) + 1e-9
    assert profile.busy_s(start, time.perf_counter()) == pytest.approx(spent, abs=0.05)


def test_following_nobody() -> None:
    """A process that is not there cannot be followed."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with pytest.raises(ProcessLookupError, match=str(process.pid)):
        Following(process.pid, 1.0, 1.0)
