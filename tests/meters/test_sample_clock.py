"""A counted stream on the host's clock: jitter, a quartz that is off, samples lost unseen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.meters.sample_clock import SampleClock

_PERIOD_S = 1e-5
_CHUNK = 2000


def _played(clock: SampleClock, delays: np.ndarray, *, rate: float = 1.0, origin: float = 100.0) -> np.ndarray:
    """The times of a stream that comes in pieces of 20 ms, each late by so much; the sum of what was found lost."""
    times = []
    for index, delay in enumerate(delays, start=1):
        number = index * _CHUNK
        assert clock.arrived(number, origin + number * _PERIOD_S * rate + delay) == 0
        times.append(clock.times(_CHUNK))
    return np.concatenate(times)


def test_jitter_is_taken_out() -> None:
    """With 1 to 10 ms of jitter the times are right to a millisecond after the first second."""
    delays = np.random.default_rng(1).uniform(0.001, 0.01, 500)
    times = _played(SampleClock(_PERIOD_S), delays)
    true = 100.0 + _PERIOD_S * np.arange(1, times.size + 1)
    assert np.abs(times - true - 0.001)[100_000:].max() < 1e-3


@pytest.mark.parametrize("ppm", [-80, 80])
def test_a_quartz_that_is_off_is_followed(ppm: int) -> None:
    """A rate that is off by 80 ppm does not add up: after a minute the times are still right to a millisecond."""
    delays = np.random.default_rng(2).uniform(0.001, 0.01, 3000)
    times = _played(SampleClock(_PERIOD_S), delays, rate=1 + ppm * 1e-6)
    true = 100.0 + _PERIOD_S * (1 + ppm * 1e-6) * np.arange(1, times.size + 1)
    assert np.abs(times - true - 0.001)[-1_000_000:].max() < 1e-3


@given(st.lists(st.floats(0.0, 0.3), min_size=2, max_size=80))
def test_times_grow_and_lie_before_their_arrival(delays: list[float]) -> None:
    """Whatever the delays, times grow strictly and run ahead of the arrivals by no more than what is slewed."""
    clock = SampleClock(_PERIOD_S)
    times = _played(clock, np.array(delays))
    assert (np.diff(times) > 0).all()
    arrivals = 100.0 + _CHUNK * _PERIOD_S * np.arange(1, len(delays) + 1) + delays
    assert (
        times[_CHUNK - 1 :: _CHUNK] <= np.maximum.accumulate(arrivals) + 0.1 * _CHUNK * _PERIOD_S * len(delays)
    ).all()


def test_samples_lost_unseen_are_found() -> None:
    """A stream that stays half a second behind its count has lost as many samples, told once."""
    clock = SampleClock(_PERIOD_S)
    number, lost = 0, []
    for index in range(1, 400):
        number += _CHUNK
        late = 0.5 if index > 150 else 0.0
        found = clock.arrived(number, 100.0 + index * _CHUNK * _PERIOD_S + late)
        number += found
        lost.append(found)
    assert sum(lost) == pytest.approx(0.5 / _PERIOD_S, abs=10)
    assert sum(one > 0 for one in lost) == 1


def test_a_host_that_stalls_loses_nothing() -> None:
    """A reader that was asleep for seconds and then reads on has lost nothing."""
    clock = SampleClock(_PERIOD_S)
    for index in range(1, 300):
        arrival = 100.0 + index * _CHUNK * _PERIOD_S
        asleep = 103.0 <= arrival < 106.0
        assert clock.arrived(index * _CHUNK, 106.0 if asleep else arrival) == 0


def test_groups_are_as_long_as_their_samples() -> None:
    """The times of groups are those of their last samples."""
    one, many = SampleClock(_PERIOD_S), SampleClock(_PERIOD_S)
    for clock in (one, many):
        clock.arrived(1000, 5.0)
    np.testing.assert_allclose(one.times(1000)[99::100], many.times(10, 100), rtol=0, atol=1e-9)


def test_a_time_needs_an_arrival() -> None:
    """Before the first arrival there are no times."""
    with pytest.raises(ValueError, match="arrival"):
        SampleClock(_PERIOD_S).times(1)
