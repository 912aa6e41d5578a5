"""Nordic Power Profiler Kit II: the current of small devices, 100,000 times a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.link import SerialLink
from autoedge.meters.ppk2_calibration import Calibration
from autoedge.meters.ppk2_samples import MISSING, WordStream
from autoedge.meters.sample_clock import SampleClock
from autoedge.meters.spec import MeterSpec
from autoedge.meters.thinning import too_few
from autoedge.meters.trace import Block

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

VID, PID = 0x1915, 0xC00A
SAMPLE_S = 1e-5
LIMIT_A = 1.0
"""Largest current; UNCONFIRMED, from hearsay of the vendor's specification."""

_GET_META_DATA = b"\x19"
_START, _STOP = b"\x06", b"\x07"
_OUTPUT_ON = b"\x0c\x01"
_REGULATOR = b"\x0d"
_MODES = {"ampere": b"\x11\x01", "source": b"\x11\x02"}
_VOLTS = (0.8, 5.0)
_MOST_AVERAGED = 100_000
_QUIET_S = 0.1
_ANSWER_S = 1.5
_GATHER_S = 0.03
_SILENCE_S = 1.2
_GAIN, _OFFSET_A = 0.1, 1e-6
_ACCURACY = "UNCONFIRMED: 10 % and 1 uA assumed; the voltage is the one that was set or stated"


class Ppk2(Meter):
    """Current of the device under test at the sampling rate of 100 kS/s, averaged on the host without any filter.

    Power is current times the voltage set or stated, since the instrument does not measure the voltage. Negative
    values around zero are kept. The vendor's smoothing after a change of range is left out: it alters short peaks, and
    the mean needs none.

    Args:
        port: Serial port: ``/dev/ttyACM0``.
        mode: ``ampere``: the device has its own supply, and its current flows through the meter; ``source``: the
            meter supplies it.
        volts: Supply of the device, 0.8 to 5 V: set in source mode, stated by the user in ampere mode.
        average: Samples averaged into one value, 1 to 100,000.
        power: In source mode, switch the output on when opening; False leaves it as it is.

    Raises:
        MeterError: An option is wrong.
    """

    def __init__(self, *, port: str, mode: str, volts: float, average: int = 100, power: bool = True) -> None:
        super().__init__()
        self._average = int(checked.number("average", average, 1, _MOST_AVERAGED))
        if self._average != average:
            raise MeterError(f"'average' is a whole number, but got {average!r}")
        self._port = checked.word("port", port)
        self._mode = checked.choice("mode", mode, _MODES)
        self._volts = checked.number("volts", volts, *_VOLTS)
        self._switch_on = checked.flag("power", power) and mode == "source"
        self._link: SerialLink | None = None
        self._amps_of = np.empty(0)
        self._begin()

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Those whose data port is here; mode and voltage are the user's to say."""
        ports = [port for port in around.ports() if (port.vid, port.pid) == (VID, PID)]
        data = [port for port in ports if port.location.endswith("1")]
        return [{"port": port.device} for port in data or ports[:1]]

    def _open(self) -> MeterSpec:
        link = self._link = SerialLink(self._port, 115200)
        calibration = self._calibration(link)
        self._amps_of = calibration.amps(self._volts)
        link.write(_MODES[self._mode])
        if self._mode == "source":
            link.write(_REGULATOR + round(1000 * self._volts).to_bytes(2, "big"))
        if self._switch_on:
            link.write(_OUTPUT_ON)
        period_s = self._average * SAMPLE_S
        return MeterSpec(
            name="ppk2",
            scope="board-input",
            update_period_s=period_s,
            settling_s=period_s,
            resolution_w=float(self._amps_of[1] - self._amps_of[0]) * self._volts,
            gain=_GAIN,
            offset_w=_OFFSET_A * self._volts,
            model=f"Nordic PPK2, hardware {calibration.hardware or 'unknown'}, {self._mode} mode, {self._volts:g} V",
            accuracy_from=_ACCURACY,
        )

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    def _stream(self, *, on: bool) -> None:
        link = self._connected()
        if on:
            link.drain()
            self._begin()
            link.write(_START)
        else:
            link.write(_STOP)
            link.drain(_QUIET_S)

    def _read(self) -> Block | None:
        link, samples = self._connected(), [np.empty(0, np.int64)]
        until = time.perf_counter() + _GATHER_S
        while (now := time.perf_counter()) < until:
            data = link.read(until - now)
            if data:
                samples.append(self._taken(data, time.perf_counter()))
        self._tell()
        if time.perf_counter() - self._heard_s > _SILENCE_S:
            raise MeterLostError(f"{self._port}: the PPK2 has sent no sample for {_SILENCE_S} s")
        return self._averaged(np.concatenate(samples))

    def _calibration(self, link: SerialLink) -> Calibration:
        """Ask for the metadata, after ending a stream that an earlier program may have left on."""
        link.write(_STOP)
        link.drain(_QUIET_S)
        link.write(_GET_META_DATA)
        text, until = "", time.monotonic() + _ANSWER_S
        while time.monotonic() < until:
            text += link.read(_QUIET_S).decode("latin-1")
            facts, end, _ = text.partition("\nEND")
            if end and "R0" in facts.upper():
                return Calibration.parse(facts)
        raise MeterError(f"{self._port}: no PPK2 answers; it has two ports, and the other one may be for data")

    def _begin(self) -> None:
        """Forget the recording before."""
        self._words = WordStream()
        self._clock = SampleClock(SAMPLE_S)
        self._received = 0
        self._waiting = np.empty(0)
        self._unpaid = 0
        self._heard_s = time.perf_counter()

    def _taken(self, data: bytes, at_s: float) -> np.ndarray:
        """The samples that arrived, behind those that were lost without a trace in the counter."""
        samples = self._words.feed(data)
        if not samples.size:
            return samples
        self._heard_s = at_s
        self._received += samples.size
        lost = self._clock.arrived(self._received, at_s)
        self._received += lost
        self.counts.missing += lost
        return np.concatenate([np.full(lost, MISSING), samples])

    def _tell(self) -> None:
        words = self._words
        self.counts.missing += words.missing
        self.counts.checksum_errors += words.damaged
        self.counts.garbage_bytes += words.garbage
        words.missing = words.damaged = words.garbage = 0

    def _averaged(self, samples: np.ndarray) -> Block | None:
        """Means of ``average`` samples each, at the middle of their time; what is left over waits."""
        amps = np.where(samples == MISSING, np.nan, self._amps_of[samples])
        self.counts.overloads += int((amps >= LIMIT_A).sum())
        amps = np.concatenate([self._waiting, amps])
        groups = amps.size // self._average
        self._waiting = amps[groups * self._average :]
        if not groups:
            return None
        table = amps[: groups * self._average].reshape(groups, self._average)
        present = np.isfinite(table).sum(axis=1)
        lost = self._average - present
        missing = (present == 0) | too_few(lost, self._average, self._unpaid)
        self._unpaid = (self._unpaid + int(lost.sum())) % self._average
        mean = np.where(missing, np.nan, np.nansum(table, axis=1) / np.maximum(present, 1))
        middle_s = self._clock.times(groups, self._average) - self._average * SAMPLE_S / 2
        return Block(middle_s, mean * self._volts, amps=mean)

    def _connected(self) -> SerialLink:
        if self._link is None:
            raise MeterLostError(f"{self._port}: the PPK2 is not open")
        return self._link
