"""Atorch USB and DC meters (UD18, J7-C and their like): one frame a second, unasked."""

from __future__ import annotations

from typing import NamedTuple

from autoedge.errors import MeterError
from autoedge.meters.framed import PushingMeter, Sample
from autoedge.meters.framing import Layout
from autoedge.meters.spec import MeterSpec

_SIZE = 36
_MAGIC = b"\xff\x55\x01"


class AtorchKind(NamedTuple):
    """One kind of instrument.

    Attributes:
        name: What it is called.
        volt: Step of its voltage, in V.
        amp: Step of its current, in A.
    """

    name: str
    volt: float
    amp: float


KINDS = {2: AtorchKind("DC meter", 0.1, 0.001), 3: AtorchKind("USB meter", 0.01, 0.01)}
"""By the fourth byte of a frame."""


def parse_report(frame: bytes) -> Sample:
    """What the 36 bytes of a DC or USB meter say; the power is voltage x current.

    Source: libsigrok, src/hardware/atorch/protocol.c; atorch-console, docs/protocol-design.md.
    """
    kind = KINDS[frame[3]]
    volts = int.from_bytes(frame[4:7], "big") * kind.volt
    amps = int.from_bytes(frame[7:10], "big") * kind.amp
    return Sample(volts * amps, volts, amps)


def sound_report(frame: bytes) -> bool:
    """Whether the last byte is the checksum: sum of the bytes from the third on, modulo 256, exclusive or 0x44.

    Source: atorch-console, docs/protocol-design.md; recomputed on seven captured frames.
    """
    return sum(frame[2:-1]) % 256 ^ 0x44 == frame[-1]


class Atorch(PushingMeter):
    """An Atorch USB or DC meter on a serial port; it is only listened to.

    Args:
        port: Device file, ``/dev/rfcomm0`` over Bluetooth or ``/dev/ttyUSB0``.
    """

    label = "Atorch meter"
    baud = 9600
    layout = Layout(_SIZE, len(_MAGIC), lambda head: head == _MAGIC, sound_report)
    push_period_s = 1.0
    patience_s = 3.5

    def _identify(self, frame: bytes) -> MeterSpec:
        kind = self._kind(frame)
        return MeterSpec(
            name="atorch",
            scope="board-input",
            update_period_s=1.0,
            settling_s=2.0,
            resolution_w=5 * kind.amp,
            gain=0.02,
            offset_w=10 * kind.amp,
            model=f"Atorch {kind.name}",
            accuracy_from="UNCONFIRMED: judged by its steps; no data sheet was found",
        )

    def _sample(self, frame: bytes) -> Sample:
        self._kind(frame)
        return parse_report(frame)

    def _kind(self, frame: bytes) -> AtorchKind:
        if frame[3] not in KINDS:
            message = f"this Atorch is of kind {frame[3]}, but only USB meters (3) and DC meters (2) are known"
            raise MeterError(f"{self._port}: {message}")
        return KINDS[frame[3]]
