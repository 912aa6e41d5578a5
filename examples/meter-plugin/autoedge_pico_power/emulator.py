"""The meter without the meter: `python -m autoedge_pico_power.emulator` is one that shows 3 W on a port of its own."""

from __future__ import annotations

import signal

from autoedge.testing.instrument import PtyInstrument
from autoedge.testing.profile import Constant
from autoedge_pico_power.meter import checksum


def line(*, volts: float, amps: float) -> bytes:
    """The 21 bytes that the instrument sends."""
    text = b"P %07.4f %07.4f " % (volts, amps)
    return text + checksum(text) + b"\n"


class PicoPowerEmulator(PtyInstrument):
    """Sends a line ten times a second."""

    update_period_s = 0.1
    usual_lag_s = 0.05
    push_period_s = 0.1

    def _push(self, due: float) -> bytes:
        return line(volts=self.volts, amps=self.power_w(due) / self.volts)


if __name__ == "__main__":
    with PicoPowerEmulator(Constant(3.0)) as instrument:
        print(instrument.path, flush=True)
        signal.pause()
