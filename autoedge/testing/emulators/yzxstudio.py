"""An emulated YZXStudio meter."""

from __future__ import annotations

import struct

from autoedge.testing.instrument import PtyInstrument


def frame(*, volts: float, amps: float, rest: bytes = bytes(16)) -> bytes:
    """The 28 bytes that an instrument sends.

    Args:
        volts: V, with sign.
        amps: A; one that its field cannot hold as the nearest that it can.
        rest: Bytes 11 to 26: charge, energy, time under load, data lines.
    """
    shown = round(min(max(amps * 10_000, 0.0), 2.0**32 - 1))
    body = b"\xab\x00\x00" + struct.pack("<iI", round(volts * 10_000), shown) + rest
    return body + bytes([sum(body) % 256])


class YzxstudioEmulator(PtyInstrument):
    """Sends four frames a second."""

    update_period_s = 0.25
    usual_lag_s = 0.1
    push_period_s = 0.25

    def _push(self, due: float) -> bytes:
        return frame(volts=self.volts, amps=self.power_w(due) / self.volts)
