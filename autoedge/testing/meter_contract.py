"""What every serial meter's driver must keep to: a suite of tests to derive from, for the drivers here and for plugins.

::

    class TestMyMeter(MeterContract):
        speed = 10.0

        def make(self, profile, faults=None):
            return MyInstrument(profile, faults=faults, speed=self.speed), lambda port: MyMeter(port=port)

It needs pytest.
"""

# ruff: noqa: S101 - assert is how pytest works

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.errors import MeterError
from autoedge.meters.spec import SCOPES, MeterSpec
from autoedge.meters.surroundings import Surroundings
from autoedge.testing.faults import Faults
from autoedge.testing.profile import Constant, Profile, Ramp, Step
from autoedge.testing.wrong_devices import WRONG_DEVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoedge.meters.base import Meter
    from autoedge.meters.trace import Trace
    from autoedge.testing.instrument import PtyInstrument

_SLACK_S = 0.15
"""How late a busy machine may stamp a sample or take a step."""
_CYCLES = 200
_INCIDENTS = ("missing", "checksum_errors", "garbage_bytes", "retries")
_SURVIVED = {
    "chunked": (Faults(every=3, chunked=True), ()),
    "delayed": (Faults(every=3, delay_s=0.25), ()),
    "garbage": (Faults(every=3, garbage=23), _INCIDENTS),
    "corrupted": (Faults(every=3, corrupted=True), _INCIDENTS),
    "truncated": (Faults(every=3, truncated=True), _INCIDENTS),
    "duplicated": (Faults(every=3, duplicated=True), (*_INCIDENTS, "repeats")),
}
"""Faults, and the counts of which at least one must tell of it; none where all that was sent arrives whole."""


class MeterContract:
    """Tests of one driver against its emulated instrument; a subclass gives ``make``.

    Attributes:
        speed: How much faster than real the instrument that ``make`` gives runs.
        low_w: A power well inside the meter's range.
        high_w: A higher one, also inside.
        silence_s: Within what time an instrument that falls silent must be reported.
    """

    speed: float = 1.0
    low_w: float = 2.0
    high_w: float = 6.0
    silence_s: float = 2.0

    def make(self, profile: Profile, faults: Faults | None = None) -> tuple[PtyInstrument, Callable[[str], Meter]]:
        """An emulated instrument, not yet running, and what makes a meter for the path of its port."""
        raise NotImplementedError

    def unnoticed_w(self, watts: float) -> float:
        """How far one altered byte may move a value without notice: 0 where a checksum protects it."""
        del watts
        return 0.0

    def test_publishes_what_it_is(self) -> None:
        """The spec of an open meter is complete and survives being written and read."""
        with self._opened(Constant(self.low_w)) as (_, meter):
            spec = meter.spec
        assert spec.name
        assert spec.scope in SCOPES
        assert min(spec.update_period_s, spec.settling_s, spec.resolution_w, spec.gain + spec.offset_w) > 0
        assert spec.model
        assert spec.accuracy_from
        assert MeterSpec.from_json(spec.to_json()) == spec

    def test_a_constant_load_is_right(self) -> None:
        """Of a constant load every sample is right to the resolution, at the rate that the spec names."""
        with self._opened(Constant(self.low_w)) as (_, meter):
            seconds = max(0.3, 12 * self._period_s(meter))
            trace = meter.read(seconds)
            assert not trace.lost
            assert len(trace.time_s) >= seconds / self._period_s(meter) / 3
            self._assert_right(trace, self.low_w)

    def test_a_step_is_followed(self) -> None:
        """Before a step its first power is shown, after it the second: within 5 % once settled, later exactly."""
        instrument, _ = self.make(Constant(self.low_w))
        at = time.perf_counter() + 0.5 + 6 * instrument.update_period_s / self.speed
        with self._opened(Step(self.low_w, self.high_w, at)) as (_, meter):
            period_s, settling_s = self._period_s(meter), meter.spec.settling_s / self.speed
            late = at + 3 * settling_s + 2 * period_s + _SLACK_S
            trace = meter.read(late + max(6 * period_s, 0.2) - time.perf_counter())
        self._assert_right(trace.between(0.0, at - period_s - _SLACK_S), self.low_w)
        settled = trace.between(at + settling_s + period_s + _SLACK_S, np.inf)
        allowed = 0.05 * (self.high_w - self.low_w) + trace.spec.resolution_w
        assert np.nanmax(np.abs(settled.power_w - self.high_w)) <= allowed
        self._assert_right(trace.between(late, np.inf), self.high_w, spare=1e-3 * (self.high_w - self.low_w))

    def test_a_ramp_is_followed(self) -> None:
        """On a ramp the shown power runs behind the true one by no more than update and settling."""
        instrument, _ = self.make(Constant(self.low_w))
        start = time.perf_counter() + 0.4
        seconds = 1.5 + 15 * instrument.update_period_s / self.speed
        profile = Ramp(self.low_w, self.high_w, start, start + seconds)
        with self._opened(profile) as (_, meter):
            trace = meter.read(start + seconds - time.perf_counter())
            behind_s = (meter.spec.update_period_s + meter.spec.settling_s) / self.speed + _SLACK_S
        slope = (self.high_w - self.low_w) / seconds
        error = trace.power_w - profile.power_w(trace.time_s)
        assert error.size > 5  # noqa: PLR2004 - enough to see a ramp
        assert np.nanmax(error) <= slope * _SLACK_S + trace.spec.resolution_w
        assert np.nanmin(error) >= -slope * behind_s - trace.spec.resolution_w
        assert np.nanmax(trace.power_w) - np.nanmin(trace.power_w) > (self.high_w - self.low_w) / 2

    def test_times_lie_in_the_recording(self) -> None:
        """Times never fall and lie between the start and the stop of the recording, whatever came before it."""
        with self._opened(Constant(self.low_w)) as (_, meter):
            time.sleep(max(0.2, 3 * self._period_s(meter)))  # what arrives before the start is not part of it
            start = time.perf_counter()
            trace = meter.read(max(0.3, 8 * self._period_s(meter)))
            end = time.perf_counter()
        assert len(trace.time_s)
        assert (np.diff(trace.time_s) >= 0).all()
        assert trace.time_s[0] >= start - self._period_s(trace)
        assert trace.time_s[-1] <= end

    @pytest.mark.parametrize("kind", _SURVIVED)
    def test_survives(self, kind: str) -> None:
        """A fault on every third reply ends no recording, bends no value and is counted."""
        faults, counts = _SURVIVED[kind]
        with self._opened(Constant(self.low_w), faults) as (_, meter):
            trace = meter.read(max(1.2, 16 * self._period_s(meter)))
        unnoticed_w = self.unnoticed_w(self.low_w) if kind == "corrupted" else 0.0
        assert not trace.lost
        assert len(trace.time_s) >= 3  # noqa: PLR2004 - it goes on after the first incidents
        self._assert_right(trace, self.low_w, spare=unnoticed_w)
        assert abs(np.nanmedian(trace.power_w) - self.low_w) <= trace.spec.resolution_w
        if counts and not unnoticed_w:
            assert any(getattr(trace.counts, name) for name in counts)

    def test_a_hang_up_is_reported(self) -> None:
        """A meter that is unplugged is reported lost in under 2 s; what it had recorded is kept."""
        with self._opened(Constant(self.low_w)) as (instrument, meter):
            meter.start()
            time.sleep(max(0.4, 4 * self._period_s(meter)))
            instrument.hang_up()
            self._assert_lost(meter, 2.0)
            trace = meter.stop()
        assert trace.lost
        self._assert_right(trace, self.low_w)

    def test_a_hang_up_between_recordings_is_reported(self) -> None:
        """A meter that is unplugged while nobody records is reported lost in under 2 s of the next recording."""
        with self._opened(Constant(self.low_w)) as (instrument, meter):
            meter.read(max(0.2, 2 * self._period_s(meter)))
            instrument.hang_up()
            meter.start()
            self._assert_lost(meter, 2.0)
            assert meter.stop().lost

    def test_silence_is_reported(self) -> None:
        """A meter that hangs, with its port still there, is reported lost."""
        with self._opened(Constant(self.low_w)) as (instrument, meter):
            meter.start()
            time.sleep(max(0.4, 4 * self._period_s(meter)))
            instrument.mute()
            self._assert_lost(meter, self.silence_s)
            self._assert_right(meter.stop(), self.low_w)

    def test_records_again(self) -> None:
        """A meter records as often as it is asked to, also after it was closed and opened again."""
        instrument, meter_at = self.make(Constant(self.low_w))
        with instrument:
            meter = meter_at(instrument.path)
            for _ in range(2):
                with meter:
                    for _ in range(2):
                        trace = meter.read(max(0.3, 5 * self._period_s(meter)))
                        assert not trace.lost
                        assert len(trace.time_s)
                        self._assert_right(trace, self.low_w)

    def test_leaks_nothing(self) -> None:
        """No thread and no file descriptor is left over 200 times open and close, every tenth with a recording."""
        instrument, meter_at = self.make(Constant(self.low_w))
        with instrument:
            with meter_at(instrument.path):
                pass  # what is imported or cached once is no leak
            before = _held()
            for cycle in range(_CYCLES):
                with meter_at(instrument.path) as meter:
                    if cycle % 10 == 0:
                        meter.start()
                        meter.stop()
            assert _held() == before

    def test_a_missing_port_is_told(self) -> None:
        """Opening a port that is not there is a MeterError that names it, as often as it is tried."""
        _, meter_at = self.make(Constant(self.low_w))
        meter = meter_at("/dev/no-such-port")
        for _ in range(2):
            with pytest.raises(MeterError, match="/dev/no-such-port"), meter:
                pass

    @pytest.mark.parametrize("device", WRONG_DEVICES)
    def test_a_wrong_device_is_told(self, device: Callable[[], PtyInstrument]) -> None:
        """Another device behind the port is a MeterError that names the port, and leaks nothing."""
        _, meter_at = self.make(Constant(self.low_w))
        with device() as instrument:
            before = _held()
            with pytest.raises(MeterError, match=instrument.path), meter_at(instrument.path):
                pass
            assert _held() == before

    def test_finds_nothing_where_nothing_is(self) -> None:
        """Without ports no instrument is found."""
        _, meter_at = self.make(Constant(self.low_w))
        assert type(meter_at("/dev/no-such-port")).find(Surroundings(ports=list)) == []

    @contextmanager
    def _opened(self, profile: Profile, faults: Faults | None = None) -> Iterator[tuple[PtyInstrument, Meter]]:
        instrument, meter_at = self.make(profile, faults)
        with instrument, meter_at(instrument.path) as meter:
            yield instrument, meter

    def _period_s(self, published: Meter | Trace) -> float:
        return published.spec.update_period_s / self.speed

    @staticmethod
    def _assert_right(trace: Trace, watts: float, spare: float = 0.0) -> None:
        assert trace.power_w.size
        assert np.nanmax(np.abs(trace.power_w - watts)) <= trace.spec.resolution_w + spare

    @staticmethod
    def _assert_lost(meter: Meter, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not meter.lost and time.monotonic() < deadline:
            time.sleep(0.01)
        assert meter.lost


def _held() -> tuple[int, int]:
    """Threads and file descriptors of this process."""
    return threading.active_count(), sum(1 for _ in Path("/proc/self/fd").iterdir())
