"""A serial port as bytes: nothing here knows what they mean."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from autoedge.errors import MeterError
from autoedge.meters.base import MeterLostError


class SerialLink:
    """An open serial port, eight data bits, no parity, no flow control.

    Software flow control stays off: it would swallow 0x11 and 0x13 of a binary protocol.

    Args:
        port: Device file: ``/dev/ttyACM0``, ``/dev/rfcomm0``.
        baud: Bits a second; of no meaning on USB and Bluetooth.

    Raises:
        MeterError: It cannot be opened; says what to do.
    """

    def __init__(self, port: str, baud: int) -> None:
        try:
            import serial
        except ImportError as error:
            raise MeterError("serial meters need pyserial; pip install pyserial") from error
        self.port = port
        self._serial_error: type[Exception] = serial.SerialException
        try:
            self._serial: Any = serial.Serial(port, baud, timeout=0.0, write_timeout=1.0, exclusive=True, xonxoff=False)
        except (OSError, ValueError) as error:
            raise MeterError(f"{port}: cannot be opened: {_advice(error)}") from error

    def write(self, data: bytes) -> None:
        """Send all of it.

        Raises:
            MeterLostError: The port is gone.
        """
        try:
            self._serial.write(data)
        except (OSError, self._serial_error) as error:
            raise MeterLostError(f"{self.port}: the meter is gone: {error}") from error

    def read(self, timeout_s: float) -> bytes:
        """What has arrived; waits up to ``timeout_s`` for a first byte. Empty when nothing came.

        Raises:
            MeterLostError: The port is gone.
        """
        try:
            self._serial.timeout = timeout_s
            first = self._serial.read(1)
            return bytes(first + self._serial.read(self._serial.in_waiting)) if first else b""
        except (OSError, TypeError, self._serial_error) as error:  # TypeError: closed under our feet
            raise MeterLostError(f"{self.port}: the meter is gone: {error}") from error

    def drain(self, quiet_s: float = 0.0) -> int:
        """Throw away what has arrived, until nothing came for ``quiet_s``; how many bytes that was."""
        dropped = 0
        deadline = time.monotonic() + 10 * quiet_s
        while (data := self.read(quiet_s)) and time.monotonic() <= deadline:
            dropped += len(data)
        return dropped + len(data)

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError, self._serial_error):
            self._serial.close()


def _advice(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, PermissionError) or "ermission denied" in text:
        return "permission denied; add yourself to the group that owns it (often dialout) and log in again"
    if isinstance(error, FileNotFoundError) or "No such file" in text:
        return "there is no such device; `autoedge meters list` shows the ports that were found"
    if "exclusively lock" in text or "busy" in text:
        return "another program uses it"
    return text
