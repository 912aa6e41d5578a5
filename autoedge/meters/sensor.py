"""A meter that is part of the machine: asked for a value it answers at once, or it is broken."""

from __future__ import annotations

import errno
import time
from abc import abstractmethod

from autoedge.errors import MeterError
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.trace import Block

_PATIENCE_S = 1.2
"""How long a sensor may fail before it counts as lost."""
_GONE = frozenset({errno.ENOENT, errno.ENODEV, errno.EACCES, errno.EPERM})
"""Errors that waiting does not mend; a busy bus (EIO, EAGAIN, ETIMEDOUT) or a pause of the sensor (ENODATA) may end."""


class Sensor(Meter):
    """Polls ``_values``, stamps each answer in the middle of the reading, and counts what fails.

    A value that cannot be read is counted as missing, one that makes no sense under ``checksum_errors``; a sensor
    that gives neither for over a second, or that has vanished, is lost.
    """

    on_device = True

    def __init__(self) -> None:
        super().__init__()
        self._heard = 0.0

    @abstractmethod
    def _values(self) -> dict[str, float] | None:
        """One reading in the terms of ``Block.one``; None when there is nothing new.

        Raises:
            OSError: It cannot be read now.
            ValueError: It makes no sense.
            MeterError: The sensor must not be used any more.
        """

    def _prove(self) -> dict[str, float] | None:
        """A first reading, so that a sensor which cannot be read says so when it is opened."""
        try:
            return self._values()
        except (OSError, ValueError) as error:
            raise MeterError(f"{type(self).__name__} cannot be read: {advice(error)}") from error

    def _stream(self, *, on: bool) -> None:
        if on:
            self._heard = time.monotonic()

    def _close(self) -> None:
        """Nothing is kept open."""

    def _read(self) -> Block | None:
        before = time.perf_counter()
        try:
            values = self._values()
        except OSError as error:
            self.counts.missing += 1
            self._bear(error, gone=error.errno in _GONE)
            return None
        except ValueError as error:
            self.counts.checksum_errors += 1
            self._bear(error, gone=False)
            return None
        self._heard = time.monotonic()
        return None if values is None else Block.one((before + time.perf_counter()) / 2, **values)

    def _bear(self, error: Exception, *, gone: bool) -> None:
        if gone or time.monotonic() - self._heard > _PATIENCE_S:
            raise MeterLostError(f"{self.spec.name}: the sensor is gone: {error}") from error


def advice(error: Exception) -> str:
    """What an error of a kernel file means, and what helps."""
    if isinstance(error, PermissionError):
        return f"{error}; run as root, or let your user read that file"
    if isinstance(error, OSError) and error.errno == errno.ENODATA:
        return f"{error}; the channel is switched off: as root, write 1 to its *_enable file"
    return str(error)
