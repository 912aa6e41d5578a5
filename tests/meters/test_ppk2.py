"""Nordic PPK2: its words, its calibration, its rate, its gaps."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.ppk2 import PID, VID, Ppk2
from autoedge.meters.ppk2_calibration import Calibration
from autoedge.meters.ppk2_samples import MISSING, WordStream
from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.testing.emulators.ppk2 import METADATA, Ppk2Emulator
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter
    from autoedge.testing.faults import Faults
    from autoedge.testing.profile import Profile

_VOLTS = 3.0
_RUN = 8  # words that a stream needs to be in step again
_HELD = 3  # words held back until what follows them is known


def _meter(port: str, **options: object) -> Ppk2:
    return Ppk2(**{"port": port, "mode": "ampere", "volts": _VOLTS, **options})  # type: ignore[arg-type]


def _words(codes: np.ndarray, first: int = 0) -> bytes:
    counters = (first + np.arange(codes.size)) % 64
    return bytes((codes.astype(np.uint32) | (counters << 18).astype(np.uint32)).astype("<u4").tobytes())


class TestContract(MeterContract):
    """The PPK2's driver keeps to what every meter's driver keeps to; 20 and 40 uA lie in one range."""

    low_w = 60e-6
    high_w = 120e-6

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[Ppk2Emulator, Callable[[str], Meter]]:
        """An instrument in ampere mode."""
        return Ppk2Emulator(profile, volts=_VOLTS, faults=faults), _meter

    def unnoticed_w(self, watts: float) -> float:
        """A word has no checksum: each of a burst's 100 codes may be any, in any range."""
        del watts
        return float(np.abs(Calibration.parse(METADATA).amps(_VOLTS)).max()) * _VOLTS


@pytest.mark.parametrize(
    ("wire", "microamps"),
    [("1b00f800", -0.01411312), ("e8830000", 4401.92404), ("e8c30400", 47587.6831), ("a00f0900", 3669998.92)],
)
def test_words_become_the_published_currents(wire: str, microamps: float) -> None:
    """The words of the test vectors at 3 V are the currents of the test vectors."""
    word = int.from_bytes(bytes.fromhex(wire), "little")
    amps = Calibration.parse(METADATA).amps(3.0)[word & 0x1FFFF]
    assert 1e6 * amps == pytest.approx(microamps, rel=1e-6)


def test_the_vendor_s_number_is_met() -> None:
    """Code 27 in range 0 at 3.741 V is what the vendor's program computes, to its precision."""
    amps = Calibration.parse(METADATA).amps(3.741)[27]
    assert 1e6 * amps == pytest.approx(0.021454880761611544, rel=1e-5)


def test_metadata_keeps_defaults_for_what_is_not_told() -> None:
    """Values that are missing, -nan, no number, or a shunt of 0 ohm leave the default; case and hardware are free."""
    said = Calibration.parse("r0: 0\nR1: -nan\nR2:\nGS0: -nan\ngi1: 0.5\nO4: what\nHW: rev B: late\ncalibrated: 1\nx")
    assert said.coefficients["R"] == (1031.64, 101.65, 10.15, 0.94, 0.043)
    assert said.coefficients["GS"] == (1.0,) * 5
    assert said.coefficients["GI"] == (1.0, 0.5, 1.0, 1.0, 1.0)
    assert said.coefficients["O"] == (0.0,) * 5
    assert said.coefficients["UG"] == (1.0,) * 5
    assert said.hardware == "rev B: late"
    assert said.calibrated
    assert np.isfinite(said.amps(3.0)).all()


@given(st.text())
def test_any_metadata_gives_finite_currents(text: str) -> None:
    """Whatever a device sends as metadata, currents stay finite."""
    assert np.isfinite(Calibration.parse(text).amps(3.0)).all()


def test_ranges_that_do_not_exist_read_as_the_coarsest() -> None:
    """Ranges 5 to 7 are read as range 4."""
    amps = Calibration.parse(METADATA).amps(3.0).reshape(8, -1)
    for index in (5, 6, 7):
        np.testing.assert_array_equal(amps[index], amps[4])


@given(st.integers(_RUN, 400), st.integers(0, 63), st.lists(st.integers(0, 1600), max_size=12))
def test_any_cutting_gives_the_same_samples(count: int, first: int, cuts: list[int]) -> None:
    """A stream gives its samples in order, whatever pieces it comes in; the last ones wait for what follows."""
    codes = np.random.default_rng(count).integers(0, 1 << 17, count)
    wire, stream = _words(codes, first), WordStream()
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    samples = np.concatenate([stream.feed(wire[start:end]) for start, end in pairwise(edges)])
    np.testing.assert_array_equal(samples, codes[:-_HELD])
    assert (stream.missing, stream.damaged, stream.garbage) == (0, 0, 0)


@given(st.integers(_RUN, 200), st.integers(1, 63))
def test_lost_words_leave_a_gap_of_their_number(before: int, lost: int) -> None:
    """Up to 63 words that are lost are as many missing samples, and those behind keep their places."""
    codes = np.arange(before + lost + 100) % 16000
    wire, stream = _words(codes), WordStream()
    samples = stream.feed(wire[: 4 * before] + wire[4 * (before + lost) :])
    assert stream.missing == lost
    codes[before : before + lost] = MISSING
    np.testing.assert_array_equal(samples, codes[:-_HELD])


@given(st.integers(_RUN, 180), st.integers(1, 255))
def test_a_damaged_counter_costs_one_sample(place: int, flip: int) -> None:
    """A word whose counter is damaged is one missing sample, and no other is touched."""
    codes = np.arange(200)
    wire = bytearray(_words(codes))
    wire[4 * place + 2] ^= flip
    stream = WordStream()
    samples = stream.feed(bytes(wire))
    if flip & 0xFC:  # the lower two bits hold none of the counter: no checksum, so that nobody can know
        assert stream.damaged == 1
        codes[place] = MISSING
        np.testing.assert_array_equal(samples, codes[:-_HELD])
    assert samples.size == codes.size - _HELD


@given(st.binary(max_size=300), st.integers(_RUN, 40), st.integers(1, 3))
def test_the_stream_is_found_again_behind_noise(noise: bytes, count: int, cut: int) -> None:
    """Behind any bytes and a word cut in half, the stream goes on with its true samples."""
    codes = np.full(100, 12345)
    stream = WordStream()
    samples = stream.feed(_words(codes)[: 4 * count + cut] + noise + _words(codes))
    assert (samples[-60:] == codes[0]).all()


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_noise_breaks_nothing(pieces: list[bytes]) -> None:
    """Random bytes raise nothing and hardly ever look like samples."""
    stream = WordStream()
    for piece in pieces:
        samples = stream.feed(piece)
        assert ((samples >= MISSING) & (samples < 1 << 17)).all()


def test_negative_currents_are_kept() -> None:
    """Around zero, values of both signs are averaged as they are, so that their mean is right."""
    with Ppk2Emulator(Constant(0.0), noise=8.0) as instrument, _meter(instrument.path, average=1) as meter:
        trace = meter.read(0.3)
    assert (trace.amps < 0).any()
    assert abs(trace.amps.mean()) < 2e-8


def test_three_seconds_without_a_lost_sample() -> None:
    """At 100 kS/s nothing is lost, damaged or skipped, and times go on by the sample."""
    with Ppk2Emulator(Constant(0.01)) as instrument, _meter(instrument.path) as meter:
        trace = meter.read(3.0)
        assert instrument.dropped_bytes == 0
    counts = trace.counts
    assert (counts.missing, counts.checksum_errors, counts.garbage_bytes, counts.overloads) == (0, 0, 0, 0)
    assert len(trace.time_s) > 2500
    assert np.isfinite(trace.power_w).all()
    assert np.mean(trace.power_w) == pytest.approx(0.01, rel=1e-4)
    assert np.median(np.diff(trace.time_s)) == pytest.approx(0.001, rel=0.01)


def test_a_gap_is_missing_and_time_goes_on() -> None:
    """Samples that the instrument lost are counted and NaN, and a step behind them stays at its time."""
    at = time.perf_counter() + 1.5
    with Ppk2Emulator(Step(0.01, 0.02, at)) as instrument, _meter(instrument.path, average=1) as meter:
        meter.start()
        time.sleep(0.2)
        for _ in range(20):
            instrument.drop(40)
            time.sleep(0.02)
        time.sleep(max(0.0, at + 0.3 - time.perf_counter()))
        trace = meter.stop()
    assert trace.counts.missing == 800
    assert np.isnan(trace.power_w).sum() == 800
    step = trace.time_s[np.flatnonzero(trace.power_w > 0.015)[0]]
    assert step == pytest.approx(at, abs=0.05)


def test_losses_are_not_averaged_away() -> None:
    """Of averages as large a share is missing as of the samples, however they were spread."""
    with Ppk2Emulator(Constant(0.01)) as instrument, _meter(instrument.path, average=100) as meter:
        meter.start()
        time.sleep(0.2)
        for _ in range(40):
            instrument.drop(40)
            time.sleep(0.02)
        trace = meter.stop()
    assert trace.counts.missing == 1600
    assert np.isnan(trace.power_w).sum() == pytest.approx(16, abs=1)


@pytest.mark.parametrize("fault", ["halved", "oscillating"])
def test_odd_streams_are_read_whole(fault: str) -> None:
    """Words cut at the edges of reads, and a range that changes with every sample, lose and bend nothing."""
    odd = Ppk2Emulator(Constant(0.01), halved=fault == "halved", oscillating=fault == "oscillating")
    with odd as instrument, _meter(instrument.path) as meter:
        trace = meter.read(0.6)
    assert (trace.counts.missing, trace.counts.checksum_errors, trace.counts.garbage_bytes) == (0, 0, 0)
    assert np.mean(trace.power_w) == pytest.approx(0.01, rel=2e-3)


@pytest.mark.parametrize("average", [1, 7, 1000])
def test_averages_keep_the_energy(average: int) -> None:
    """Whatever number of samples is averaged, the mean power is the same."""
    with Ppk2Emulator(Constant(0.01)) as instrument, _meter(instrument.path, average=average) as meter:
        trace = meter.read(0.5)
        assert meter.spec.update_period_s == pytest.approx(average * 1e-5)
    assert np.median(np.diff(trace.time_s)) == pytest.approx(average * 1e-5, rel=0.05)
    assert np.mean(trace.power_w) == pytest.approx(0.01, rel=1e-3)


def test_a_stream_left_on_is_ended_before_the_metadata() -> None:
    """An instrument that still streams from an earlier program is stopped and read as any other."""
    with Ppk2Emulator(Constant(0.01)) as instrument:
        with _meter(instrument.path) as meter:
            meter.start()
            time.sleep(0.1)
            meter._stopping.set()  # as if the program had died: no stop command
            assert meter._thread is not None
            meter._thread.join()
            meter._thread = None
        with _meter(instrument.path) as meter:
            trace = meter.read(0.3)
    assert np.mean(trace.power_w) == pytest.approx(0.01, rel=1e-3)


def test_as_a_source_it_supplies_the_device() -> None:
    """In source mode the voltage is set in mV, big-endian, and the output switched on."""
    with Ppk2Emulator(Constant(0.01)) as instrument:
        with _meter(instrument.path, mode="source", volts=3.3) as meter:
            trace = meter.read(0.3)
        assert bytes(instrument.received).endswith(b"\x11\x02\x0d\x0c\xe4\x0c\x01\x06\x07")
        assert instrument.regulator_v == 3.3
    assert np.mean(trace.power_w) == pytest.approx(0.01, rel=1e-3)
    assert np.mean(trace.amps) == pytest.approx(0.01 / 3.3, rel=1e-3)


def test_an_output_can_be_left_as_it_is() -> None:
    """With power: false the output is not touched, and what is off draws nothing."""
    with Ppk2Emulator(Constant(0.01)) as instrument:
        with _meter(instrument.path, mode="source", power=False) as meter:
            trace = meter.read(0.3)
        assert b"\x0c\x01" not in instrument.received
    assert abs(np.mean(trace.power_w)) < 1e-6


def test_an_overload_is_counted() -> None:
    """Samples at or above 1 A are counted as overloads."""
    with Ppk2Emulator(Constant(1.2 * _VOLTS)) as instrument, _meter(instrument.path) as meter:
        trace = meter.read(0.3)
    assert trace.counts.overloads > 1000


def test_the_data_port_is_found() -> None:
    """Of the two ports of an instrument the one whose location ends in 1 is offered, and no other device's."""
    ports = [
        SerialPort("/dev/ttyACM0", VID, PID, "PPK2", "1-1:1.3", ""),
        SerialPort("/dev/ttyACM1", VID, PID, "PPK2", "1-1:1.1", ""),
        SerialPort("/dev/ttyACM2", 0x0483, 0x5740, "other", "1-2:1.1", ""),
    ]
    assert Ppk2.find(Surroundings(ports=lambda: ports)) == [{"port": "/dev/ttyACM1"}]
    assert Ppk2.find(Surroundings(ports=lambda: ports[:1])) == [{"port": "/dev/ttyACM0"}]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"mode": "both"}, "mode"),
        ({"volts": 5.1}, "volts"),
        ({"volts": "3.3"}, "volts"),
        ({"average": 0}, "average"),
        ({"average": 1.5}, "average"),
        ({"power": "on"}, "power"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], named: str) -> None:
    """An option with a wrong value is a MeterError that names it."""
    with pytest.raises(MeterError, match=named):
        _meter("/dev/null", **options)
