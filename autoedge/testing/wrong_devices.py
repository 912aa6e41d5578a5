"""What may be behind a port in place of the meter that was expected."""

from __future__ import annotations

from autoedge.testing.instrument import PtyInstrument
from autoedge.testing.profile import Constant


class SilentDevice(PtyInstrument):
    """Takes everything and says nothing, such as a modem that was left plugged in."""

    def __init__(self) -> None:
        super().__init__(Constant(0.0))


class EchoingDevice(PtyInstrument):
    """Sends back what it is sent, such as a loop-back plug or a shell."""

    def __init__(self) -> None:
        super().__init__(Constant(0.0))

    def _received(self, data: bytes) -> None:
        self._send(data)


class BabblingDevice(PtyInstrument):
    """Sends random bytes without end, such as a log at another rate.

    Args:
        seed: Of the bytes.
    """

    push_period_s = 0.01

    def __init__(self, seed: int = 0) -> None:
        super().__init__(Constant(0.0), seed=seed)

    def _push(self, due: float) -> bytes:
        del due
        return self._dice.randbytes(20)


WRONG_DEVICES = (SilentDevice, EchoingDevice, BabblingDevice)
"""Every kind, for parametrised tests."""
