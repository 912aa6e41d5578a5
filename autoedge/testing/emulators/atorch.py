"""An emulated Atorch USB or DC meter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.testing.instrument import PtyInstrument

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile

_STEPS = {2: (10, 1000), 3: (100, 100)}
"""Steps in a volt and in an ampere, by kind."""


def report(kind: int, *, volts: float, amps: float, rest: bytes = bytes(25)) -> bytes:
    """The 36 bytes that an instrument sends.

    Args:
        kind: 2 for a DC meter, 3 for a USB meter.
        volts: V.
        amps: A; one that its field cannot hold as the nearest that it can.
        rest: Bytes 10 to 34: charge, energy, data lines, temperature, time.
    """
    per_volt, per_amp = _STEPS.get(kind, (100, 100))
    shown = round(min(max(amps * per_amp, 0.0), 2.0**24 - 1))
    values = round(volts * per_volt).to_bytes(3, "big") + shown.to_bytes(3, "big")
    body = bytes([1, kind]) + values + rest
    return b"\xff\x55" + body + bytes([sum(body) % 256 ^ 0x44])


class AtorchEmulator(PtyInstrument):
    """Sends a report once a second.

    Args:
        profile: The power that it measures.
        kind: 2 for a DC meter, 3 for a USB meter.
        **rest: As ``PtyInstrument``.
    """

    update_period_s = 1.0
    usual_lag_s = 0.3
    push_period_s = 1.0

    def __init__(self, profile: Profile, *, kind: int = 3, **rest: Any) -> None:
        super().__init__(profile, **rest)
        self._kind = kind

    def _push(self, due: float) -> bytes:
        return report(self._kind, volts=self.volts, amps=self.power_w(due) / self.volts)
