"""An emulated Nordic PPK2: 100,000 words a second in bursts of a millisecond."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.meters.ppk2_calibration import CODES, Calibration
from autoedge.testing.emulators.stream import StreamInstrument

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.testing.profile import Profile

METADATA = """Calibrated: 0
R0: 1003.3506
R1: 101.5865
R2: 10.3027
R3: 0.9636
R4: 0.0564
GS0: 0
GS1: 112.7890
GS2: 18.0115
GS3: 2.4217
GS4: 0.0729
GI0: 1
GI1: 0.9695
GI2: 0.9609
GI3: 0.9519
GI4: 0.9582
O0: 112.9420
O1: 75.4627
O2: 64.6020
O3: 50.4983
O4: 87.2177
S0: 0.000000048
S1: 0.000000596
S2: 0.000005281
S3: 0.000062577
S4: 0.002940743
I0: -0.000000104
I1: -0.000001443
I2: 0.000036439
I3: -0.000374119
I4: -0.009388455
UG0: 1.00
UG1: 1.00
UG2: 1.00
UG3: 1.00
UG4: 1.00
VDD: 3000
HW: 9173
mode: 2
IA: 56
END
"""
"""The answer of a real instrument to GET_META_DATA."""

_RATE = 100_000
_BURST_S = 0.001
_UP_TO_A = (50e-6, 500e-6, 5e-3, 60e-3)
"""Largest current of ranges 0 to 3."""
_ARGUMENTS = {0x0C: 1, 0x0D: 2, 0x11: 1, 0x25: 5}
_GET_META_DATA, _START, _STOP, _OUTPUT, _REGULATOR, _MODE = 0x19, 0x06, 0x07, 0x0C, 0x0D, 0x11
_SOURCE = 2


class Ppk2Emulator(StreamInstrument):
    """Emulates the instrument in both modes; no current flows while it is the source and its output is off.

    Args:
        profile: Power of the device under test.
        volts: Of the device's own supply, in ampere mode.
        metadata: Its answer to GET_META_DATA, which also tells how it turns amperes into codes.
        noise: Standard deviation of the converter's noise, in codes.
        oscillating: Take every other sample in the next coarser range.
        halved: Send every burst in two pieces, cut inside a word.
        **options: Those of ``PtyInstrument``; its ``speed`` stays 1.

    Attributes:
        output_on: Whether the output was switched on.
        regulator_v: What the regulator was set to, in V.
        source: Whether it is the source.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        volts: float = 3.0,
        metadata: str = METADATA,
        noise: float = 1.0,
        oscillating: bool = False,
        halved: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(profile, volts=volts, **options)
        self.output_on = False
        self.regulator_v = 0.0
        self.source = True
        self._metadata = metadata
        self._noise = noise
        self._oscillating = oscillating
        self._halved = halved
        self._random = np.random.default_rng(options.get("seed", 0))
        self._heard = b""
        self._dropping = 0
        self._started_s = 0.0
        self._taken = 0
        self._tables = self._amps_of_codes()

    def drop(self, samples: int) -> None:
        """Lose the next samples, as when its memory runs over; they are counted, but never sent."""
        self._dropping += samples

    def _amps_of_codes(self) -> NDArray[np.float64]:
        table: NDArray[np.float64] = Calibration.parse(self._metadata).amps(self._supply_v())
        return table.reshape(-1, CODES)

    def _supply_v(self) -> float:
        return self.regulator_v if self.source and self.regulator_v else self.volts

    def _received(self, data: bytes) -> None:
        self._heard += data
        while self._heard and len(self._heard) > _ARGUMENTS.get(self._heard[0], 0):
            end = 1 + _ARGUMENTS.get(self._heard[0], 0)
            command, argument, self._heard = self._heard[0], self._heard[1:end], self._heard[end:]
            self._obey(command, argument)

    def _obey(self, command: int, argument: bytes) -> None:
        if command == _GET_META_DATA:
            self._send(self._metadata.encode())
        elif command == _START:
            self._started_s, self._taken = time.perf_counter(), 0
            self.push_period_s = _BURST_S
        elif command == _STOP:
            self.push_period_s = 0.0
        elif command == _OUTPUT:
            self.output_on = argument == b"\x01"
        elif command == _REGULATOR:
            self.regulator_v = int.from_bytes(argument, "big") / 1000
        elif command == _MODE:
            self.source = argument[0] == _SOURCE
        self._tables = self._amps_of_codes()

    def _push(self, due: float) -> bytes:
        """The words of all samples that were taken up to a moment and not sent before."""
        last = int((due - self._started_s) * _RATE)
        numbers = np.arange(self._taken, max(last, self._taken))
        self._taken += numbers.size
        lost = min(self._dropping, numbers.size)
        self._dropping -= lost
        burst = self._words(numbers[lost:]).tobytes()
        if not self._halved or not burst:
            return burst
        half = self._dice.randrange(len(burst)) // 4 * 4 + 2
        self._send(burst[:half])
        return burst[half:]

    def _words(self, numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
        supply_v = self._supply_v()
        flows = self.output_on or not self.source
        watts = self._display.power_w(self._started_s + (numbers + 0.5) / _RATE)
        amps = watts / supply_v if flows else np.zeros(numbers.size)
        ranges = np.searchsorted(_UP_TO_A, amps)
        if self._oscillating:
            ranges = np.minimum(ranges + numbers % 2, len(_UP_TO_A))
        codes = np.empty(numbers.size)
        for index in np.unique(ranges):
            codes[ranges == index] = np.interp(amps[ranges == index], self._tables[index], np.arange(CODES))
        codes += self._random.normal(0.0, self._noise, numbers.size)
        codes = np.clip(np.rint(codes), 0, CODES - 1)
        words: NDArray[np.uint32] = (codes.astype(np.uint32) | ranges << 14 | numbers % 64 << 18).astype("<u4")
        return words
