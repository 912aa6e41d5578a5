"""An emulated RDTech UM24C, UM25C or UM34C."""

from __future__ import annotations

import struct
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any

from autoedge.meters.um25c import CHECKED
from autoedge.testing.instrument import PtyInstrument

if TYPE_CHECKING:
    from autoedge.testing.profile import Profile

_MODELS = {"UM24C": (0x0963, 100, 1000, 3.0), "UM25C": (0x09C9, 1000, 10_000, 5.0), "UM34C": (0x0D4C, 100, 1000, 4.0)}
"""Id, steps in a volt, steps in an ampere, largest current."""
_ANSWER, _CLEAR, _SELECT = 0xF0, 0xF4, range(0xA0, 0xAA)


def status_block(
    model: str,
    *,
    volts: float,
    amps: float,
    watts: float,
    group: int = 0,
    charges: tuple[tuple[int, int], ...] = (),
    rest: bytes = bytes(32),
) -> bytes:
    """The 130 bytes that an instrument answers.

    Args:
        model: ``UM24C``, ``UM25C`` or ``UM34C``.
        volts: V.
        amps: A.
        watts: W.
        group: Selected data group.
        charges: mAh and mWh of the data groups, from group 0 on.
        rest: Bytes 96 to 127: data lines, charging mode, recording, settings.
    """
    number, per_volt, per_amp, _ = _MODELS[model]
    values = round(volts * per_volt), round(amps * per_amp), round(watts * 1000), 29, 84, group
    groups = b"".join(struct.pack(">II", *charge) for charge in charges)
    block = struct.pack(">HHHIHHH", number, *values) + groups.ljust(80, b"\0") + rest
    if model != "UM34C":
        return block + b"\xff\xf1"
    return block + bytes([0, reduce(xor, (block[offset] for offset in CHECKED))])


class Um25cEmulator(PtyInstrument):
    """Answers 0xF0 with its status; its values change every 0.5 s.

    Args:
        profile: The power that it measures.
        model: ``UM24C``, ``UM25C`` or ``UM34C``.
        **rest: As ``PtyInstrument``.

    Attributes:
        cleared: How often its data were deleted by 0xF4.
        group: Selected data group.
    """

    update_period_s = 0.5
    usual_lag_s = 0.5 / 3

    def __init__(self, profile: Profile, *, model: str = "UM25C", **rest: Any) -> None:
        super().__init__(profile, **rest)
        self.model = model
        self.cleared = 0
        self.group = 0

    def _received(self, data: bytes) -> None:
        for command in data:
            if command == _ANSWER:
                self._send(self._status(), self._dice.uniform(0.02, 0.12))
            elif command == _CLEAR:
                self.cleared += 1
            elif command in _SELECT:
                self.group = command - _SELECT.start

    def _status(self) -> bytes:
        # It knows no direction, and shows no more than its limit.
        amps = min(max(self.power_w(), 0.0) / self.volts, _MODELS[self.model][3])
        charges = ((123, 621),) if not self.cleared else ()
        return status_block(
            self.model, volts=self.volts, amps=amps, watts=amps * self.volts, group=self.group, charges=charges
        )
