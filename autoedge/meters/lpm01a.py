"""ST X-NUCLEO-LPM01A (PowerShield): supplies small boards and measures them, as in MLPerf Tiny."""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.link import SerialLink
from autoedge.meters.lpm01a_binary import BinaryStream
from autoedge.meters.lpm01a_shell import RefusedError, Shell
from autoedge.meters.lpm01a_text import TextStream
from autoedge.meters.sample_clock import SampleClock
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Block

if TYPE_CHECKING:
    from autoedge.meters.lpm01a_stream import Stream
    from autoedge.meters.surroundings import Surroundings

VID, PID, PRODUCT = 0x0483, 0x5740, "PowerShield"
LIMIT_A = 0.05
RATES_HZ = {
    **{f"{rate}k": 1000 * rate for rate in (100, 50, 20, 10, 5, 2, 1)},
    **{str(rate): rate for rate in (500, 200, 100, 50, 20, 10, 5, 2, 1)},
}
"""What ``freq`` may be, and what it means."""

_TEXT_HZ = 5000
"""Fastest rate at which ascii_dec runs without end; bin_hexa tells currents only."""
_MODES = ("energy", "current")
_VOLTS = (1.8, 3.3)
_LARGEST_A = 0.2
_GATHER_S = 0.03
_QUIET_S = 0.1
_SILENCE_S = 1.2
_STEP_A = 1e-7
_GAIN, _ROUNDED = 0.02, {False: 0.0005, True: 0.002}
_ACCURACY = (
    "ST UM2243: better than 2 % where the current is static; UNCONFIRMED for changing currents, where the same and "
    "100 nA are assumed; half a unit of the last figure on top"
)


class Lpm01a(Meter):
    """Energy or current of a board that the instrument supplies with 1.8 to 3.3 V and at most 50 mA.

    In energy mode each value is the energy since the value before, and their sum is the counter ``energy_j``; a value
    that was lost counts as much as the last one that came. Rates up to 5 kS/s use the text format, above it the binary
    one. The board is switched off and on when the meter is opened, and off when it is closed.

    Args:
        port: Serial port: ``/dev/ttyACM0``.
        volts: Supply of the board, 1.8 to 3.3 V.
        freq: Values a second as the instrument names them, ``1k``; energy mode goes up to ``5k``.
        mode: ``energy`` or ``current``.

    Raises:
        MeterError: An option is wrong.
    """

    def __init__(self, *, port: str, volts: float, freq: str | int = "1k", mode: str = "energy") -> None:
        super().__init__()
        self._port = checked.word("port", port)
        self._volts = checked.number("volts", volts, *_VOLTS)
        names = {str(rate): name for name, rate in RATES_HZ.items()}
        self._freq = checked.choice("freq", names.get(str(freq), str(freq)), RATES_HZ)
        self._rate_hz = RATES_HZ[self._freq]
        self._energy = checked.choice("mode", mode, _MODES) == "energy"
        self._binary = self._rate_hz > _TEXT_HZ
        if self._energy and self._binary:
            raise MeterError(f"with 'mode: energy' 'freq' goes up to 5k, but got {freq!r}; use 'mode: current'")
        self._link: SerialLink | None = None
        self._shell: Shell | None = None
        self._begin()

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Those whose port is here; the voltage is the user's to say."""
        ports = [port for port in around.ports() if (port.vid, port.pid) == (VID, PID)]
        return [{"port": port.device} for port in ports if PRODUCT.lower() in port.product.lower()]

    def _open(self) -> MeterSpec:
        link = self._link = SerialLink(self._port, 3_686_400)
        shell = Shell(link)
        shell.say("stop")  # an earlier program may have left it running
        link.drain(_QUIET_S)
        board, firmware = shell.ask("powershield"), shell.ask("version")
        self._shell = shell
        with contextlib.suppress(RefusedError):  # it may be ours already; if not, the next command is refused
            shell.ask("htc")
        for command in self._commands():
            shell.ask(command)
        period_s = 1 / self._rate_hz
        full_j = _LARGEST_A * self._volts * period_s
        return MeterSpec(
            name="lpm01a",
            scope="board-input",
            update_period_s=period_s,
            settling_s=period_s,
            resolution_w=_STEP_A * self._volts,
            gain=_GAIN + _ROUNDED[self._binary],
            offset_w=_STEP_A * self._volts,
            energy_resolution_j=full_j / 1000 if self._energy else None,
            model=f"ST X-NUCLEO-LPM01A {board}, firmware {firmware}, {self._volts:g} V",
            accuracy_from=_ACCURACY,
        )

    def _commands(self) -> tuple[str, ...]:
        """What the MLCommons Tiny runner sets, less display and event input."""
        return (
            "pwr off",
            "acqtime inf",
            "trigdelay 0",
            "trigsrc sw",
            f"output {'energy' if self._energy else 'current'}",
            f"format {'bin_hexa' if self._binary else 'ascii_dec'}",
            f"freq {self._freq}",
            f"volt {round(1000 * self._volts)}m",
            "pwr on nostatus",
        )

    def _close(self) -> None:
        with contextlib.suppress(MeterError):
            if self._shell is not None:
                for command in ("pwr off", "hrc"):
                    self._shell.ask(command, tries=1)
        if self._link is not None:
            self._link.close()
        self._link = self._shell = None

    def _stream(self, *, on: bool) -> None:
        link, shell = self._connected()
        if on:
            link.drain()
            self._begin()
            shell.say("start")  # its answer is the head of the stream
        else:
            shell.say("stop")
            link.drain(_QUIET_S)

    def _begin(self) -> None:
        """Forget the recording before."""
        largest = _LARGEST_A * (self._volts / self._rate_hz if self._energy else 1.0)
        self._decoder: Stream = (BinaryStream if self._binary else TextStream)(self._rate_hz, largest)
        self._clock = SampleClock(1 / self._rate_hz)
        self._received = 0
        self._total_j = 0.0
        self._latest_j = 0.0
        self._heard_s = time.perf_counter()

    def _read(self) -> Block | None:
        link, _ = self._connected()
        values, until = [np.empty(0)], time.perf_counter() + _GATHER_S
        while (now := time.perf_counter()) < until:
            data = link.read(until - now)
            if data:
                values.append(self._taken(data, time.perf_counter()))
        self._tell()
        block = self._block(np.concatenate(values))
        if block is None and self._decoder.ended:
            raise MeterLostError(f"{self._port}: the LPM01A stopped: {self._decoder.ended}")
        if time.perf_counter() - self._heard_s > _SILENCE_S + 2 / self._rate_hz:
            raise MeterLostError(f"{self._port}: the LPM01A has sent no value for {_SILENCE_S} s")
        return block

    def _taken(self, data: bytes, at_s: float) -> np.ndarray:
        """The values that arrived, behind those that were lost without a time stamp that tells."""
        values = self._decoder.feed(data)
        if not values.size:
            return values
        self._heard_s = at_s
        self._received += values.size
        lost = self._clock.arrived(self._received, at_s)
        self._received += lost
        self.counts.missing += lost
        return np.concatenate([np.full(lost, math.nan), values])

    def _tell(self) -> None:
        stream = self._decoder
        self.counts.missing += stream.missing
        self.counts.checksum_errors += stream.damaged
        self.counts.garbage_bytes += stream.garbage
        self.counts.overloads += stream.overcurrents
        stream.missing = stream.damaged = stream.garbage = stream.overcurrents = 0

    def _block(self, values: np.ndarray) -> Block | None:
        if not values.size:
            return None
        times = self._clock.times(values.size)
        if not self._energy:
            self.counts.overloads += int((values >= LIMIT_A).sum())
            return Block(times, values * self._volts, amps=values)
        power = values * self._rate_hz
        self.counts.overloads += int((power >= LIMIT_A * self._volts).sum())
        return Block(times, power, energy_j=self._counter(values))

    def _counter(self, joules: np.ndarray) -> np.ndarray:
        """Running sum of the values, each lost one taken as the last that came."""
        known = np.concatenate([[self._latest_j], joules])
        came = np.maximum.accumulate(np.where(np.isfinite(known), np.arange(known.size), 0))
        filled = known[came][1:]
        sums: np.ndarray = self._total_j + np.cumsum(filled)
        self._latest_j, self._total_j = float(filled[-1]), float(sums[-1])
        return sums

    def _connected(self) -> tuple[SerialLink, Shell]:
        if self._link is None or self._shell is None:
            raise MeterLostError(f"{self._port}: the LPM01A is not open")
        return self._link, self._shell
