"""Where meters are looked for: a file tree with the kernel's sensors, and the serial ports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, NamedTuple


class SerialPort(NamedTuple):
    """A serial port and what its USB descriptors say; empty or 0 where there are none.

    Attributes:
        device: ``/dev/ttyACM0``.
        vid: USB vendor.
        pid: USB product.
        product: Product text.
        location: USB bus, port and interface: ``1-1.2:1.1``.
        serial: Serial number text.
    """

    device: str
    vid: int
    pid: int
    product: str
    location: str
    serial: str


def serial_ports() -> list[SerialPort]:
    """The system's serial ports; none where pyserial is missing."""
    try:
        from serial.tools.list_ports import comports
    except ImportError:
        return []
    return [
        SerialPort(p.device, p.vid or 0, p.pid or 0, p.product or "", p.location or "", p.serial_number or "")
        for p in comports()
    ]


@dataclass(frozen=True)
class Surroundings:
    """What a search for meters looks at.

    Attributes:
        root: Root of the tree with ``sys`` and ``proc``; tests give their own.
        ports: Lists serial ports; ptys are never among the system's.
    """

    root: Path = Path("/")
    ports: Callable[[], list[SerialPort]] = serial_ports
