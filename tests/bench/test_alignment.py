"""Clocks aligned by the signature of power."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoedge.bench.alignment import align
from autoedge.errors import MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace
from autoedge.testing.profile import Lagged, Recorded


def signature(
    period_s: float, offset_s: float, *, settling_s: float = 0.0, noise_w: float = 0.0, seed: int = 0
) -> Trace:
    """Idle, two busy seconds from second 6 on, idle; read on a clock that is ``offset_s`` ahead."""
    dice = np.random.default_rng(seed)
    time = np.arange(0.0, 14.0, period_s) + dice.uniform(0, period_s)
    profile = Recorded([6, 6, 8, 8], [2.7, 6.4, 6.4, 2.7])
    shown = Lagged(profile, settling_s / 3) if settling_s else profile
    power = shown.power_w(time) + dice.normal(0, noise_w, time.size)
    spec = MeterSpec("m", "board-input", period_s, settling_s, 0.0, 0.0, 0.0)
    return Trace(time + offset_s, power, spec=spec)


@given(st.integers(0, 10**6), st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_two_values_a_second(seed: int, offset: float) -> None:
    """At 2 Hz the offset is found to about 0.25 s, and lies within the stated bound."""
    found = align(signature(0.5, offset, noise_w=0.02, seed=seed), 4.0)
    assert abs(found.offset_s - offset) <= found.bound_s
    assert found.bound_s <= 0.3
    assert found.correlation > 0.9


@given(st.integers(0, 10**6), st.floats(-3, 3))
@settings(max_examples=15, deadline=None)
def test_a_thousand_values_a_second(seed: int, offset: float) -> None:
    """At 1 kS/s the offset is found to about 1 ms in noise of a tenth of the step."""
    found = align(signature(1e-3, offset, noise_w=0.4, seed=seed), 4.0)
    assert abs(found.offset_s - offset) <= found.bound_s
    assert found.bound_s <= 1.5e-3


def test_a_lagging_meter() -> None:
    """A meter that lags is compared with a pattern that lags as it does."""
    found = align(signature(0.1, 1.3, settling_s=0.5, noise_w=0.02), 4.0)
    assert abs(found.offset_s - 1.3) <= found.bound_s <= 0.12


def test_faster_than_a_millisecond() -> None:
    """100 kS/s are thinned to a millisecond, which is as good as it gets."""
    found = align(signature(1e-5, -0.7), 4.0)
    assert abs(found.offset_s + 0.7) <= found.bound_s <= 1.5e-3


def test_shifting_by_the_offset_brings_the_clocks_together() -> None:
    """After shifting, the busy seconds lie where the workload says."""
    trace = signature(1e-2, 2.25)
    shifted = trace.shifted(-align(trace, 4.0).offset_s)
    busy = shifted.time_s[shifted.power_w > 4.5]
    assert (busy[0], busy[-1]) == (pytest.approx(6.0, abs=0.02), pytest.approx(8.0, abs=0.02))


@pytest.mark.parametrize(("watts", "count"), [("noise", 140), ("flat", 140), ("noise", 5)])
def test_no_pattern_is_no_alignment(watts: str, count: int) -> None:
    """Noise, a level line or a handful of values give an error with what to do, never an offset."""
    power = np.random.default_rng(0).normal(3, 1, count) if watts == "noise" else np.full(count, 3.0)
    spec = MeterSpec("m", "board-input", 0.1, 0.0, 0.0, 0.0, 0.0)
    with pytest.raises(MeterError, match=r"pattern"):
        align(Trace(np.arange(count) * 0.1, power, spec=spec), 4.0)
