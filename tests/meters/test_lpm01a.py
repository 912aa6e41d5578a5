"""X-NUCLEO-LPM01A: its two streams, its commands, its energy counter."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.lpm01a import PID, VID, Lpm01a
from autoedge.meters.lpm01a_binary import BinaryStream
from autoedge.meters.lpm01a_text import TextStream
from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.testing.emulators.lpm01a import Lpm01aEmulator, binary, decimal
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter
    from autoedge.meters.lpm01a_stream import Stream
    from autoedge.testing.faults import Faults
    from autoedge.testing.profile import Profile

_VOLTS = 1.8
_STAMP = bytes.fromhex("F0F3 00000000 00 FFFF")


def _meter(port: str, **options: object) -> Lpm01a:
    return Lpm01a(**{"port": port, "volts": _VOLTS, **options})  # type: ignore[arg-type]


def _fed(stream: Stream, wire: bytes, cuts: list[int]) -> np.ndarray:
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    return np.concatenate([stream.feed(wire[start:end]) for start, end in pairwise(edges)])


class TestContract(MeterContract):
    """The LPM01A's driver keeps to what every meter's driver keeps to; below 1 mW four figures resolve 0.1 uW."""

    low_w = 300e-6
    high_w = 900e-6

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[Lpm01aEmulator, Callable[[str], Meter]]:
        """An instrument in energy mode at 1 kHz."""
        return Lpm01aEmulator(profile, faults=faults), _meter

    def unnoticed_w(self, watts: float) -> float:
        """A value has no checksum: an altered figure makes it anything that the instrument can measure."""
        del watts
        return 0.2 * _VOLTS


def test_the_published_text_is_read() -> None:
    """6409-07 is 640.9 uA; time stamps, NUL bytes, events and answers between the values are no values."""
    stream = TextStream(1000, 0.2)
    wire = (
        b"PowerShield > ack start\r\n6409-07\r\nTimeStamp: 001s 000ms, buff 00%\r\n\x006409-07\r\nevent 1 ris\r\n"
        b"TimeStamp:>001s 001ms, buff 12%\r\npwr on\r\n6409-07\r\n"
    )
    np.testing.assert_allclose(stream.feed(wire), [640.9e-6] * 3, rtol=1e-12)
    assert (stream.missing, stream.damaged, stream.garbage, stream.ended) == (0, 0, 0, "")


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"6409-071234-08", [640.9e-6, 12.34e-6]),
        (b"6401234-08", [np.nan, 12.34e-6]),
        (b"6409-01234-08", [np.nan, 12.34e-6]),
        (b"64?9-07", [np.nan]),
        (b"6409-", [np.nan]),
        (b"6409+07", [np.nan]),
        (b"9999-00", [np.nan]),
        (b"TimeStamp: 0\x1f1s 000ms, buff 00%", []),
        (b"6409-07TimeStamp: 001s 000ms, buff 00%", [640.9e-6]),
        (b"hello there", []),
    ],
)
def test_odd_lines_bend_no_value(line: bytes, values: list[float]) -> None:
    """Glued values are parted, what is left over of one is NaN, and what cannot be a value is none."""
    stream = TextStream(1000, 0.2)
    np.testing.assert_allclose(stream.feed(line + b"\r\n"), values, rtol=1e-12)


@pytest.mark.parametrize(
    ("line", "ended"),
    [(b"end", "ended"), (b"summary beg", "ended"), (b"error overrun", "overrun"), (b"err overrun", "overrun")],
)
def test_an_end_is_noticed(line: bytes, ended: str) -> None:
    """After an end or an error nothing is taken for a value, and the reason is kept."""
    stream = TextStream(1000, 0.2)
    assert stream.feed(b"6409-07\r\n" + line + b"\r\n0001-07\r\n9999-06\r\n").size == 1
    assert ended in stream.ended


def test_the_published_binary_is_read() -> None:
    """52A0 is 640.9 uA and 3145 is 79.35 mA, to the format's 0.2 %; the instrument's own words are no values."""
    words = ["F0F3 00000000 00 FFFF", "52A0", "F0F7 0CE4 FFFF", "F0F8 FFFD FFFF", "F0F9 01 FFFF", "3145"]
    words += ["F0F2" + b"calibrated\r\n".hex() + "FFFF", "F0F5 FFFF", "52A0"]
    stream = BinaryStream(1000, 0.2)
    values = stream.feed(b"PowerShield > ack start\r\n" + bytes.fromhex("".join(words)))
    np.testing.assert_allclose(values, [640.9e-6, 79.35e-3, 640.9e-6], rtol=2e-3)
    assert (stream.garbage, stream.damaged, stream.overcurrents, stream.ended) == (0, 0, 1, "")


@pytest.mark.parametrize(
    ("word", "reason"),
    [("F0F4 FFFF", "current"), ("F0F6 FFFF", "powered down"), ("F0F1 6F6F7073 0D0A FFFF", "oops")],
)
def test_a_binary_end_is_noticed(word: str, reason: str) -> None:
    """After the words for an end, a power cut or an error nothing is taken, and the reason is kept."""
    stream = BinaryStream(1000, 0.2)
    assert stream.feed(_STAMP + bytes.fromhex("52A0" + word + "52A0")).size == 1
    assert reason in stream.ended


@given(st.lists(st.floats(1e-7, 0.05), min_size=1, max_size=60), st.lists(st.integers(0, 900), max_size=10))
def test_any_cutting_gives_the_same_values(amps: list[float], cuts: list[int]) -> None:
    """Both streams give every value to its rounding, whatever pieces the bytes come in."""
    text = b"".join(f"{decimal(one)}\r\n".encode() for one in amps)
    np.testing.assert_allclose(_fed(TextStream(1000, 0.2), text, cuts), amps, rtol=5.1e-4)
    stream = BinaryStream(1000, 0.2)
    np.testing.assert_allclose(_fed(stream, _STAMP + binary(np.array(amps)), cuts), amps, rtol=2.1e-3, atol=1e-12)
    assert stream.garbage == 0


@given(st.lists(st.binary(max_size=80), max_size=20), st.booleans())
def test_noise_breaks_nothing(pieces: list[bytes], binary_stream: bool) -> None:  # noqa: FBT001 - drawn
    """Random bytes raise nothing and never give a value beyond what the instrument can measure."""
    stream = (BinaryStream if binary_stream else TextStream)(1000, 0.2)
    for piece in pieces:
        values = stream.feed(piece)
        assert (np.isnan(values) | ((values >= 0) & (values <= 0.2))).all()


@given(st.binary(max_size=60))
def test_the_binary_stream_is_found_again(noise: bytes) -> None:
    """Behind any bytes, values are right again from a time stamp on."""
    stream = BinaryStream(1000, 0.2)
    stream.feed(_STAMP + b"\x52\xa0" * 3 + noise)
    if not stream.ended:
        values = stream.feed(bytes(9) + _STAMP * 2 + b"\x52\xa0" * 50)
        np.testing.assert_allclose(values[-40:], 640.9e-6, rtol=2e-3)


@pytest.mark.parametrize("lost", [2, 40])
def test_time_stamps_tell_what_is_missing(lost: int) -> None:
    """Values that a time stamp shows to be missing are counted and NaN."""
    stream = TextStream(1000, 0.2)
    line = b"6409-07\r\n"
    stream.feed(b"TimeStamp: 000s 000ms, buff 00%\r\n" + line * (1000 - lost))
    values = stream.feed(b"TimeStamp: 001s 000ms, buff 00%\r\n" + line)
    assert np.isnan(values).sum() == lost
    assert stream.missing == lost


def test_ten_seconds_of_energy_bins() -> None:
    """10,000 bins of 5000-09 J in 10 s are 50 mJ and 5 mW; over 70 inferences 714.29 uJ each."""
    meter = _meter("/dev/null")
    joules = TextStream(1000, 1e-3).feed(b"5000-09\r\n" * 10_000)
    meter._clock.arrived(10_000, 10.0)
    block = meter._block(joules)
    assert block is not None
    assert block.energy_j[-1] == pytest.approx(50.0e-3, rel=1e-9)
    assert 1e6 * block.energy_j[-1] / 70 == pytest.approx(714.29, abs=0.005)
    np.testing.assert_allclose(block.power_w, 5.0e-3, rtol=1e-9)
    assert block.time_s[-1] == pytest.approx(10.0)
    assert block.time_s[-1] - block.time_s[0] == pytest.approx(9.999)


def test_a_lost_bin_counts_as_the_last() -> None:
    """The counter never becomes NaN and never falls: a lost bin counts as the last that came, also across reads."""
    meter = _meter("/dev/null")
    nan = float("nan")
    np.testing.assert_allclose(meter._counter(np.array([nan, 2.0, nan, nan, 3.0])), [0, 2, 4, 6, 9])
    np.testing.assert_allclose(meter._counter(np.array([nan, 1.0])), [12, 13])


def test_the_sequence_of_the_tiny_benchmark() -> None:
    """The instrument is asked in the order of the MLCommons runner, and given back with its output off."""
    with Lpm01aEmulator(Constant(1e-3)) as instrument:
        with _meter(instrument.path) as meter:
            meter.read(0.2)
        assert instrument.commands == [
            *("stop", "powershield", "version", "htc", "pwr off", "acqtime inf", "trigdelay 0", "trigsrc sw"),
            *("output energy", "format ascii_dec", "freq 1k", "volt 1800m", "pwr on nostatus", "start", "stop"),
            *("pwr off", "hrc"),
        ]
        assert not instrument.controlled


def test_the_emulator_knows_the_runner_s_own_commands() -> None:
    """Display and event input are acknowledged, and what is unknown or out of limits is refused."""
    with Lpm01aEmulator(Constant(1e-3)) as instrument, _meter(instrument.path) as meter:
        assert meter._shell is not None
        for command in ('lcd 1 "AutoEdge"', "eventsrc d7 fal", "volt 2-0", "acqtime 100u", "freq 100"):
            meter._shell.ask(command)
        assert meter._shell.ask("volt get") == "2-0"
        for command in ("volt 5000m", "freq 3k", "format hex", "sing"):
            with pytest.raises(MeterError, match="refuses"):
                meter._shell.ask(command)


@pytest.mark.parametrize("old_words", [False, True])
def test_a_refusal_is_told(old_words: bool) -> None:  # noqa: FBT001 - parametrised
    """An error in the old or the new wording is a MeterError with the command and the detail."""
    with Lpm01aEmulator(Constant(1e-3), old_words=old_words) as instrument:
        meter = _meter(instrument.path)
        meter._commands = lambda: ("freq 7k",)  # type: ignore[method-assign]
        with pytest.raises(MeterError, match=r"refuses 'freq 7k'.*unknown"), meter:
            pass


@pytest.mark.parametrize(
    ("freq", "mode"), [("100", "energy"), ("1k", "energy"), (5000, "energy"), ("1k", "current"), ("100k", "current")]
)
def test_power_and_energy_are_right_at_any_rate(freq: str | int, mode: str) -> None:
    """At every rate and in both formats the values are right to their rounding, and none is lost."""
    with Lpm01aEmulator(Constant(5e-3)) as instrument, _meter(instrument.path, freq=freq, mode=mode) as meter:
        trace = meter.read(0.8)
        period_s = meter.spec.update_period_s
    assert (trace.counts.missing, trace.counts.checksum_errors, trace.counts.garbage_bytes) == (0, 0, 0)
    assert len(trace.time_s) > 0.5 / period_s
    np.testing.assert_allclose(trace.power_w, 5e-3, rtol=2e-3)
    assert np.median(np.diff(trace.time_s)) == pytest.approx(period_s, rel=0.05)
    if mode == "energy":
        energy_j = trace.energy_j[-1] - trace.energy_j[0]
        assert energy_j == pytest.approx(5e-3 * period_s * (len(trace.time_s) - 1), rel=1e-6)


def test_a_step_keeps_its_energy_and_its_time() -> None:
    """The counter over a step is the profile's energy, with the step at its time."""
    at = time.perf_counter() + 1.0
    profile = Step(1e-3, 9e-3, at)
    with Lpm01aEmulator(profile) as instrument, _meter(instrument.path) as meter:
        trace = meter.read(at + 1.0 - time.perf_counter())
        truth_j = instrument.truth(float(trace.time_s[0]), float(trace.time_s[-1]))
    assert trace.energy_j[-1] - trace.energy_j[0] == pytest.approx(truth_j, rel=0.03)
    assert trace.time_s[np.flatnonzero(trace.power_w > 5e-3)[0]] == pytest.approx(at, abs=0.05)


def test_values_lost_in_the_instrument_are_missing() -> None:
    """Values that ran over in the instrument are counted, and the counter goes on as if they had been like the last."""
    with Lpm01aEmulator(Constant(5e-3)) as instrument, _meter(instrument.path) as meter:
        meter.start()
        time.sleep(1.2)  # a first time stamp, to count from
        instrument.drop(50)
        time.sleep(1.2)
        trace = meter.stop()
    assert trace.counts.missing == 50
    assert np.isnan(trace.power_w).sum() == 50
    assert trace.energy_j[-1] - trace.energy_j[0] == pytest.approx(5e-6 * (len(trace.time_s) - 1), rel=1e-6)


def test_more_than_50_ma_is_an_overload() -> None:
    """Values at or above 50 mA are counted, in both modes."""
    for mode in ("energy", "current"):
        with Lpm01aEmulator(Constant(0.1)) as instrument, _meter(instrument.path, mode=mode) as meter:
            trace = meter.read(0.3)
        assert trace.counts.overloads == trace.counts.samples > 0


def test_an_acquisition_that_ends_by_itself_is_a_lost_meter() -> None:
    """What ends without being stopped is reported with the reason, and what came before is kept."""
    with Lpm01aEmulator(Constant(1e-3)) as instrument, _meter(instrument.path) as meter:
        instrument.settings["acqtime"] = "300m"
        meter.start()
        deadline = time.monotonic() + 5
        while not meter.lost and time.monotonic() < deadline:
            time.sleep(0.02)
        trace = meter.stop()
    assert "ended" in trace.lost
    assert len(trace.time_s) > 250


def test_events_are_no_values() -> None:
    """An edge at D7 leaves no trace in the values."""
    with Lpm01aEmulator(Constant(1e-3)) as instrument, _meter(instrument.path) as meter:
        meter.start()
        for _ in range(5):
            time.sleep(0.05)
            instrument.mark()
        trace = meter.stop()
    assert trace.counts.garbage_bytes == 0
    np.testing.assert_allclose(trace.power_w, 1e-3)


def test_the_port_is_found_by_its_name() -> None:
    """ST's id is shared by many boards, so that the product's name decides."""
    ports = [
        SerialPort("/dev/ttyACM0", VID, PID, "STM32 Virtual ComPort", "1-1:1.0", ""),
        SerialPort("/dev/ttyACM1", VID, PID, "PowerShield (Virtual ComPort in FS Mode)", "1-2:1.0", ""),
    ]
    assert Lpm01a.find(Surroundings(ports=lambda: ports)) == [{"port": "/dev/ttyACM1"}]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"volts": 5.0}, "volts"),
        ({"freq": "3k"}, "freq"),
        ({"freq": "10k"}, "mode: current"),
        ({"mode": "power"}, "mode"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], named: str) -> None:
    """An option with a wrong value is a MeterError that names it or what to use."""
    with pytest.raises(MeterError, match=named):
        _meter("/dev/null", **options)
