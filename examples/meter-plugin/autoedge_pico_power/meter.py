"""A microcontroller with a current sensor that sends a line ten times a second."""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import TYPE_CHECKING, Any

from autoedge.meters.framed import PushingMeter, Sample
from autoedge.meters.framing import Layout
from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

LINE = b"P 05.1234 00.6543 75\n"
"""Volts, amperes, and the exclusive or of all bytes before it in two hexadecimal digits."""
_FORM = re.compile(rb"P \d\d\.\d{4} \d\d\.\d{4} [0-9A-F]{2}\n")


def checksum(text: bytes) -> bytes:
    """The exclusive or of all bytes, as the line shows it."""
    return b"%02X" % reduce(xor, text, 0)


def sound_line(line: bytes) -> bool:
    """Whether a line is whole and its checksum right."""
    return _FORM.fullmatch(line) is not None and line[18:20] == checksum(line[:18])


class PicoPower(PushingMeter):
    """The sensor on its USB port; it is only listened to.

    Args:
        port: Device file, often ``/dev/ttyACM0``.
    """

    label = "pico power meter"
    baud = 115200
    layout = Layout(len(LINE), 2, lambda head: head == LINE[:2], sound_line)
    push_period_s = 0.1

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Ports whose USB descriptor carries the firmware's own product text."""
        return [{"port": port.device} for port in around.ports() if port.product == "pico-power"]

    def _identify(self, frame: bytes) -> MeterSpec:
        del frame  # a line tells figures, and nothing of the instrument
        return MeterSpec(
            name="pico-power",
            scope="board-input",
            update_period_s=0.1,
            settling_s=0.2,
            resolution_w=0.0005,  # 0.1 mA at 5 V
            gain=0.01,
            offset_w=0.005,
            model="pico-power",
            accuracy_from="UNCONFIRMED: a shunt of 1 %, and ten steps",
        )

    def _sample(self, frame: bytes) -> Sample:
        volts, amps = float(frame[2:9]), float(frame[10:17])
        return Sample(volts * amps, volts, amps)
