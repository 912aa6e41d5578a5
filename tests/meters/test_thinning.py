"""Long recordings of fast meters: bearable, with their energy and their counts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.energy import window_energy
from autoedge.meters.base import Meter
from autoedge.meters.recorder import Recorder
from autoedge.meters.spec import MeterSpec
from autoedge.meters.thinning import thinned, together, too_few
from autoedge.meters.trace import Block, Counts, Trace

SPEC = MeterSpec("fast", "board-input", 1e-5, 0.0, 1e-6, 0.01, 0.0)


class Streaming(Meter):
    """Pushes ten thousand values a read, a tenth of a second's worth."""

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    def _open(self) -> MeterSpec:
        return SPEC

    def _read(self) -> Block:
        at = (self._sent + np.arange(10_000)) * 1e-5
        self._sent += 10_000
        time.sleep(0.005)
        return Block(at, 2 + np.sin(at * 50))

    def _close(self) -> None:
        pass


def test_energy_stays() -> None:
    """Means over a millisecond hold the same energy, a counter keeps its last reading, as many means miss as values."""
    at = np.arange(100_000) * 1e-5
    power = 2 + np.sin(at * 300)
    power[::7] = np.nan
    thin = thinned(Trace(at, power, energy_j=np.cumsum(np.full(at.size, 1e-5)), spec=SPEC))
    assert 1000 <= len(thin.time_s) <= 1001
    assert thin.spec.update_period_s == 1e-3
    there = np.isfinite(thin.power_w)
    energy = np.trapezoid(thin.power_w[there], thin.time_s[there])
    assert energy == pytest.approx(np.trapezoid(2 + np.sin(at * 300), at), rel=2e-3)
    assert thin.energy_j[-1] == pytest.approx(1.0)
    assert 1 - there.mean() == pytest.approx(1 / 7, abs=0.01)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.integers(0, 19), st.integers(1, 60))
def test_as_many_means_are_missing_as_values(lost: list[int], before: int, cut: int) -> None:
    """Over any losses the means marked as missing are worth the values lost, to one mean, however they are cut."""
    found = too_few(np.array(lost), 20, before)
    assert found.sum() == (before + sum(lost)) // 20
    first, rest = lost[:cut], lost[cut:]
    pieces = [too_few(np.array(first), 20, before)]
    if rest:
        pieces.append(too_few(np.array(rest), 20, (before + sum(first)) % 20))
    assert np.array_equal(np.concatenate(pieces), found)


def test_losses_are_not_averaged_away() -> None:
    """What is lost just when the load is high leaves a hole in the means too, so that a window is refused."""
    at = np.arange(1_200_000) * 1e-5
    high = (at * 1000) % 2 < 1
    power = np.where(high, 9.0, 1.0)
    power[high & ((at * 1e4) % 10 < 4)] = np.nan
    trace = thinned(Trace(at, power, spec=SPEC))
    assert "samples are missing" in window_energy(trace, 0.5, 11.5).refused


def test_a_slow_meter_is_left_as_it_is() -> None:
    """Where there is nothing to gain, nothing is changed."""
    slow = Trace(np.arange(5.0), np.ones(5), spec=MeterSpec("slow", "wall", 0.5, 0.0, 0.1, 0.01, 0.0))
    assert thinned(slow) is slow


def test_nothing_recorded() -> None:
    """An empty piece stays empty, at the same rate as the others."""
    assert thinned(Trace(np.empty(0), np.empty(0), spec=SPEC)).spec.update_period_s == 1e-3


def test_pieces_make_one_recording() -> None:
    """Pieces follow one another; counts and loss are the last one's, which are those of the whole."""
    one = Trace(np.arange(3.0), np.ones(3), spec=SPEC)
    other = Trace(np.arange(3.0) + 3, np.ones(3), spec=SPEC, counts=Counts(samples=6), lost="unplugged")
    whole = together([one, other])
    assert whole.time_s.tolist() == [0, 1, 2, 3, 4, 5]
    assert (whole.counts.samples, whole.lost) == (6, "unplugged")


def test_a_long_soak_is_thinned_as_it_goes() -> None:
    """A fast meter's recording of a soak is cut at every sign of life, and comes back as one trace without a hole."""
    with Streaming() as meter:
        recorder = Recorder(meter)
        for tick in range(8):
            recorder.phase(f"soak: {tick} of 8 s")
            time.sleep(0.03)
        [trace] = recorder.finish()
    assert trace.counts.samples >= 10_000
    assert len(trace.time_s) <= trace.counts.samples / 90
    assert np.diff(trace.time_s).max() < 2.5e-3
    assert trace.spec.update_period_s == 1e-3


def test_what_is_no_soak_keeps_every_value() -> None:
    """Energy windows are recorded in full."""
    with Streaming() as meter:
        recorder = Recorder(meter)
        recorder.phase("energy")
        time.sleep(0.1)
        [trace] = recorder.finish()
    assert len(trace.time_s) == trace.counts.samples
    assert trace.spec == SPEC
