"""YZXStudio USB meters: four frames a second, unasked."""

from __future__ import annotations

import struct

from autoedge.meters.framed import PushingMeter, Sample
from autoedge.meters.framing import Layout
from autoedge.meters.spec import MeterSpec

_SIZE = 28
_HEAD = b"\xab"


def parse_frame(frame: bytes) -> Sample:
    """What 28 bytes say; the power is voltage x current, and the voltage has a sign.

    Source: usb-power-profiling, usb-power-profiling.js.
    """
    volts, amps = struct.unpack_from("<iI", frame, 3)
    return Sample(volts / 10_000 * (amps / 10_000), volts / 10_000, amps / 10_000)


def sound_frame(frame: bytes) -> bool:
    """Whether the last byte is the sum of all others, modulo 256."""
    return sum(frame[:-1]) % 256 == frame[-1]


class Yzxstudio(PushingMeter):
    """A YZXStudio meter on its USB port; it is only listened to.

    It is not looked for: its CH340 is in too many other devices, some of which start anew when their port is opened.

    Args:
        port: Device file, often ``/dev/ttyUSB0``.
    """

    label = "YZXStudio meter"
    baud = 115200
    layout = Layout(_SIZE, 1, lambda head: head == _HEAD, sound_frame)
    push_period_s = 0.25

    def _identify(self, frame: bytes) -> MeterSpec:
        del frame
        return MeterSpec(
            name="yzxstudio",
            scope="board-input",
            update_period_s=0.25,
            settling_s=0.5,
            resolution_w=0.0005,
            gain=0.005,
            offset_w=0.005,
            model="YZXStudio",
            accuracy_from="UNCONFIRMED: judged by its steps; no data sheet was found",
        )

    def _sample(self, frame: bytes) -> Sample:
        return parse_frame(frame)
