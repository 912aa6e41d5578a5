"""Generic SCPI: numbers, questions, overloads, answers that come late."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.scpi import Scpi
from autoedge.meters.scpi_line import is_identity, number, step
from autoedge.meters.surroundings import SerialPort, Surroundings
from autoedge.testing.emulators.scpi import IDENTITY, ScpiEmulator
from autoedge.testing.faults import Faults
from autoedge.testing.meter_contract import MeterContract
from autoedge.testing.profile import Constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.meters.base import Meter
    from autoedge.testing.profile import Profile


def _meter(port: str, **options: object) -> Scpi:
    return Scpi(port=port, **{"period": 0.05, "timeout": 0.15, **options})  # type: ignore[arg-type]


class TestContract(MeterContract):
    """The SCPI driver keeps to what every meter's driver keeps to, asking for voltage and current."""

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[ScpiEmulator, Callable[[str], Meter]]:
        """An instrument that is asked 20 times a second."""
        return ScpiEmulator(profile, faults=faults), _meter

    def unnoticed_w(self, watts: float) -> float:
        """A line has no checksum: an altered figure or exponent makes it any number."""
        del watts
        return math.inf


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1.23456789E-03", 1.23456789e-3), ("5", 5.0), ("-.5", -0.5), ("12.", 12.0), ("1e3", 1000.0)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    """All forms of decimal numbers that instruments use are read."""
    assert number(text) == value


@pytest.mark.parametrize("text", ["+9.9E+37", "-9.9E37", "9.91E37", "NAN", "inf", "1E9"])
def test_overloads_are_no_values(text: str) -> None:
    """The marks for an overload and for no value are NaN."""
    value = number(text)
    assert value is not None
    assert math.isnan(value)


@given(st.text(max_size=20))
def test_other_text_is_no_number(text: str) -> None:
    """Any text gives a number below the overload, NaN, or None, and raises nothing."""
    value = number(text)
    assert value is None or math.isnan(value) or abs(value) < 1e9
    assert step(text) >= 0


@pytest.mark.parametrize(
    ("text", "value"),
    [("+1.234E-03", 1e-6), ("5.10", 0.01), ("7", 1.0), (".25", 0.01), ("x", 0.0), ("1.5E+1", 1.0), ("+9.9E37", 0.0)],
)
def test_the_last_figure_tells_the_resolution(text: str, value: float) -> None:
    """The step of a number is that of its last figure."""
    assert step(text) == pytest.approx(value)


def test_an_identity_has_its_fields() -> None:
    """Four fields are an identity; an echo, a number and binary are none."""
    assert is_identity(IDENTITY)
    for text in ("*IDN?", "+1.0", "", "a,b\x00,c,d", "a,b,c," + 300 * "x"):
        assert not is_identity(text)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, ["MEAS:VOLT?", "MEAS:CURR?"]),
        ({"query": ":NUM:NORM:VAL? 3"}, [":NUM:NORM:VAL? 3"]),
        ({"volts": 5.1, "amps": "READ?", "setup": ["SYST:REM", "CONF:CURR:DC"]}, ["READ?"]),
    ],
)
def test_power_comes_from_what_is_asked(options: dict[str, object], asked: list[str]) -> None:
    """Power is the answer to one question, a product of two, or that of a stated voltage and one."""
    with ScpiEmulator(Constant(2.5)) as instrument:
        with _meter(instrument.path, **options) as meter:
            trace = meter.read(0.4)
            assert meter.spec.model == IDENTITY
            assert meter.spec.resolution_w < 1e-6
        assert instrument.lines[: 2 + len(options.get("setup", ()))] == ["*IDN?", "*CLS", *options.get("setup", ())]  # type: ignore[arg-type,misc]
        assert set(instrument.lines[4:]) == set(asked)
    assert len(trace.time_s) >= 3
    np.testing.assert_allclose(trace.power_w, 2.5, rtol=1e-7)
    assert trace.volts.size == (0 if "query" in options else trace.power_w.size)


def test_an_overload_is_counted() -> None:
    """A reading that says overload is NaN and counted, and the recording goes on."""
    with ScpiEmulator(Constant(2.5), limit_a=0.1) as instrument, _meter(instrument.path) as meter:
        trace = meter.read(0.3)
    assert not trace.lost
    assert np.isnan(trace.power_w).all()
    assert trace.counts.overloads == trace.counts.samples > 0


def test_a_question_that_is_not_understood_is_told() -> None:
    """A question that the instrument does not know is an error with what its error queue says."""
    with ScpiEmulator(Constant(2.5)) as instrument:
        meter = _meter(instrument.path, query="FETC:POW:TOTAL?")
        with pytest.raises(MeterError, match=r"FETC:POW:TOTAL\?.*Undefined header.*query"), meter:
            pass


def test_late_answers_are_never_taken_for_others() -> None:
    """Answers that come after the patience has run out are passed over: a voltage is never read as a current."""
    faults = Faults(every=5, delay_s=0.25)
    with ScpiEmulator(Constant(2.5), faults=faults) as instrument, _meter(instrument.path) as meter:
        trace = meter.read(3.0)
    assert not trace.lost
    assert len(trace.time_s) >= 2
    assert trace.counts.retries > 0
    np.testing.assert_allclose(trace.power_w, 2.5, rtol=1e-7)


def test_the_accuracy_is_the_user_s_to_state() -> None:
    """Without a data sheet the accuracy is marked as assumed, with one it is as stated."""
    with ScpiEmulator(Constant(2.5)) as instrument:
        with _meter(instrument.path) as meter:
            assert "UNCONFIRMED" in meter.spec.accuracy_from
        with _meter(instrument.path, gain=0.001, offset=0.002, scope="wall") as meter:
            assert (meter.spec.gain, meter.spec.offset_w, meter.spec.scope) == (0.001, 0.002, "wall")
            assert "UNCONFIRMED" not in meter.spec.accuracy_from


def test_none_is_looked_for() -> None:
    """No port is asked for a SCPI instrument: a question might do harm to another device."""
    ports = [SerialPort("/dev/ttyUSB0", 0x0403, 0x6001, "FT232R", "1-1:1.0", "")]
    assert Scpi.find(Surroundings(ports=lambda: ports)) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"query": "MEAS:POW?", "volts": 5.0}, "query"),
        ({"query": "MEAS:POW"}, "query"),
        ({"amps": "READ?\nOUTP OFF"}, "amps"),
        ({"volts": 0.0}, "volts"),
        ({"volts": True}, "volts"),
        ({"setup": "SYST:REM"}, "setup"),
        ({"setup": [3]}, "setup"),
        ({"period": 0}, "period"),
        ({"timeout": "1 s"}, "timeout"),
        ({"scope": "desk"}, "scope"),
        ({"gain": -0.1}, "gain"),
        ({"offset": "x"}, "offset"),
        ({"baud": 12}, "baud"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], named: str) -> None:
    """An option with a wrong value is a MeterError that names it."""
    with pytest.raises(MeterError, match=f"'{named}'"):
        _meter("/dev/null", **options)
