"""Idle power, its drift, and when net energy is not resolved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autoedge.bench.idle import Idle, amplification, drift, idle_power, why_not_net
from autoedge.errors import MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace

SLOW = MeterSpec("slow", "board-input", 0.5, 0.5, 1e-3, 0.01, 1e-2)


def idle(power_w: float, error_w: float = 0.0) -> Idle:
    """An idle power with this standard error."""
    return Idle(power_w, {"noise": error_w}, 10.0, 20, 20.0)


def trace_of(seconds: float, watts: float, noise: float = 0.0, seed: int = 0) -> Trace:
    """A level power with independent noise."""
    time = np.arange(0.0, seconds, 0.5)
    return Trace(time, watts + np.random.default_rng(seed).normal(0, noise, time.size), spec=SLOW)


def test_stretches_are_weighted_by_time() -> None:
    """10 s at 2 W and 30 s at 3 W idle at 2.75 W; half their difference is a limit of what idle was in between."""
    time = np.arange(0.0, 100.0, 0.5)
    trace = Trace(time, np.where(time < 50, 2.0, 3.0), spec=SLOW)
    found = idle_power(trace, [(10.0, 20.0), (60.0, 90.0)])
    assert found.power_w == pytest.approx(2.75)
    assert found.parts == pytest.approx({"noise": 0.0, "drift": 0.5 / 3**0.5, "quantisation": 1e-3 / 12**0.5})
    assert found.seconds == 40.0


def test_settling_is_left_out() -> None:
    """The end of what went on before does not count as idle, unless the device was idle before too."""
    time = np.arange(0.0, 20.0, 0.5)
    trace = Trace(time, np.where(time < 5.8, 6.0, 2.0), spec=SLOW)
    assert idle_power(trace, [(5.0, 15.0)]).power_w == pytest.approx(2.0)
    assert idle_power(trace, [(5.0, 15.0)], settled=True).power_w > 2.1


def test_short_stretches_are_refused() -> None:
    """Fewer than four settled values are refused with the length that would do."""
    with pytest.raises(MeterError, match=r"1.0 s at idle hold 0 settled values.*take 4.0 s or more"):
        idle_power(trace_of(20.0, 2.0), [(5.0, 6.0)])
    assert idle_power(trace_of(20.0, 2.0), [(5.0, 9.0)]).n >= 4
    with pytest.raises(MeterError):
        idle_power(trace_of(20.0, 2.0), [])


def test_noise_covers() -> None:
    """The expanded uncertainty of noisy idle holds the truth in about 95 of 100 cases, also with six values."""
    for seconds in (5.0, 20.0):
        held = 0
        for seed in range(200):
            found = idle_power(trace_of(seconds + 10, 2.0, 0.1, seed), [(5.0, 5.0 + seconds)])
            held += abs(found.power_w - 2.0) <= found.uncertainty_w
        assert held >= 180


def test_drift() -> None:
    """Idle drifted when it changed by more than 3 %, or by more than three standard errors."""
    assert drift(idle(2.0, 0.1), idle(2.061, 0.1)) == pytest.approx((0.061, 0.0305, True))
    assert not drift(idle(2.0, 0.1), idle(2.059, 0.1)).significant
    assert drift(idle(2.0, 0.01), idle(2.0435, 0.01)).significant  # 3.08 standard errors of the difference
    assert not drift(idle(2.0, 0.01), idle(2.042, 0.01)).significant
    assert drift(idle(2.0, 0.1), idle(1.9, 0.1)).share == pytest.approx(-0.05)
    assert drift(idle(0.0), idle(0.1)).significant


def test_one_step_of_the_meter_is_no_drift() -> None:
    """Two quiet idles that differ by one step of the meter's display did not drift."""
    before = idle_power(trace_of(20.0, 2.0), [(5.0, 15.0)])
    after = idle_power(trace_of(20.0, 2.001), [(5.0, 15.0)])
    assert not drift(before, after).significant


def test_amplification() -> None:
    """2.7 of 6.4 W at idle makes relative errors of net 1.877 times larger, 95 % 27.59 times."""
    assert amplification(2.7 / 6.4) == pytest.approx(1.877, abs=5e-4)
    assert amplification(0.95) == pytest.approx(27.59, abs=5e-3)
    assert amplification(0.0) == 1.0
    assert amplification(1.0) == float("inf")


def test_what_net_does_not_resolve() -> None:
    """Net is not resolved where idle is more than 90 % of the power, or net is smaller than its uncertainty."""
    assert not why_not_net(6.4, idle(2.7), 37.0, 1.0)
    assert "28 times larger" in why_not_net(1.0, idle(0.95), 5.0, 1.0)
    assert "smaller than its uncertainty" in why_not_net(6.4, idle(2.7), 0.5, 1.0)
    assert why_not_net(0.0, idle(2.7), 0.5, 0.1)


def test_no_offset_in_idle() -> None:
    """The meter's gain and offset are no part of idle: they are counted where idle is subtracted."""
    exact = replace(SLOW, gain=0.5, offset_w=1.0)
    found = idle_power(replace(trace_of(20.0, 2.0), spec=exact), [(5.0, 15.0)])
    assert found.error_w < 1e-3
