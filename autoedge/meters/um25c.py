"""RDTech UM24C, UM25C and UM34C: USB meters that answer over Bluetooth."""

from __future__ import annotations

import struct
from functools import reduce
from operator import xor
from typing import NamedTuple

from autoedge.meters.framed import AskedMeter, Sample
from autoedge.meters.framing import Layout
from autoedge.meters.spec import MeterSpec

_SIZE = 130
_TRAILER = b"\xff\xf1"
_VOLTS_LIMIT = 30.0
_SHARE, _SPARE_W = 0.02, 0.02
CHECKED = (
    *(1, 3, 7, 9, 15, 17, 19, 23, 31, 39, 41, 45, 49, 53, 55, 57, 59, 63, 67, 69, 73, 79, 83, 89),
    *(97, 99, 109, 111, 113, 119, 121, 127),
)
"""Offsets whose exclusive or is the last byte of a UM34C's status."""


class UmModel(NamedTuple):
    """One of the three instruments.

    Attributes:
        name: Printed on it.
        volt: Step of its voltage, in V.
        amp: Step of its current, in A.
        limit_a: Largest current.
        gain: Limit of the gain error, as a fraction.
        offset_w: Limit of the offset error at 5 V.
    """

    name: str
    volt: float
    amp: float
    limit_a: float
    gain: float
    offset_w: float


MODELS = {
    0x0963: UmModel("UM24C", 0.01, 0.001, 3.0, 0.015, 0.03),
    0x09C9: UmModel("UM25C", 0.001, 0.0001, 5.0, 0.0015, 0.004),
    0x0D4C: UmModel("UM34C", 0.01, 0.001, 4.0, 0.015, 0.03),
}
"""By the id that a status block begins with."""


class UmStatus(NamedTuple):
    """What is used of a status block.

    Attributes:
        model: Of the instrument.
        volts: V.
        amps: A, without direction.
        watts: W.
    """

    model: UmModel
    volts: float
    amps: float
    watts: float


def parse_status(block: bytes) -> UmStatus:
    """What 130 bytes say that begin with a known model's id.

    Source: libsigrok, src/hardware/rdtech-um/protocol.c; rdserialtool, rdserial/um.
    """
    number, volts, amps, milliwatts = struct.unpack_from(">HHHI", block)
    model = MODELS[number]
    return UmStatus(model, volts * model.volt, amps * model.amp, milliwatts / 1000)


def sound_status(block: bytes) -> bool:
    """Whether a status block can be true: trailer or checksum, and power = voltage x current to 2 % + 20 mW.

    Only the UM34C has a checksum, of a quarter of its bytes.
    """
    status = parse_status(block)
    if status.model.name == "UM34C":
        whole = reduce(xor, (block[offset] for offset in CHECKED)) == block[-1]
    else:
        whole = block[-2:] == _TRAILER
    product = status.volts * status.amps
    return whole and status.volts <= _VOLTS_LIMIT and abs(product - status.watts) <= _SHARE * product + _SPARE_W


class Um25c(AskedMeter):
    """A UM24C, UM25C or UM34C on a serial port, told apart by what it answers.

    It is sent nothing but 0xF0, which asks for the status block: other bytes change its settings or delete its data.

    Args:
        port: Device file, often ``/dev/rfcomm0``.
    """

    label = "UM24C, UM25C or UM34C"
    baud = 9600
    layout = Layout(_SIZE, 2, lambda head: int.from_bytes(head, "big") in MODELS, sound_status)
    question = b"\xf0"
    poll_period_s = 0.5
    answer_s = 1.0

    def _identify(self, frame: bytes) -> MeterSpec:
        model = parse_status(frame).model
        self.label = model.name
        return MeterSpec(
            name="um25c",
            scope="board-input",
            update_period_s=0.5,
            settling_s=1.0,  # one update to be shown, and half of an answer that takes its time
            resolution_w=0.001,
            gain=model.gain,
            offset_w=model.offset_w,
            model=f"RDTech {model.name}",
            accuracy_from="UNCONFIRMED: the vendor's figures as quoted second hand",
        )

    def _sample(self, frame: bytes) -> Sample:
        status = parse_status(frame)
        self.counts.overloads += status.amps >= status.model.limit_a
        return Sample(status.watts, status.volts, status.amps)
