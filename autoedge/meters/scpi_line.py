"""SCPI as lines of text: a question, its answer, and what the figures in it mean."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoedge.meters.link import SerialLink

_NUMBER = re.compile(r"[+-]?(?:\d+(\.\d*)?|(\.\d+))(?:[eE]([+-]?\d{1,3}))?")
_NOT_A_NUMBER = ("NAN", "INF", "+INF", "-INF", "INFINITY")
_OVERLOAD = 1e9
"""Instruments say +-9.9E37 for an overload, and 9.91E37 where there is no value."""
_LONGEST = 1024
_IDENTITY_COMMAS = 2
_IDENTITY_LENGTH = 200


class ScpiLine:
    """Asks one question at a time.

    Args:
        link: Where the instrument is.
        timeout_s: How long it may take to answer.

    Attributes:
        dropped: Bytes that came unasked.
    """

    def __init__(self, link: SerialLink, timeout_s: float) -> None:
        self.dropped = 0
        self._link = link
        self._timeout_s = timeout_s

    def say(self, command: str) -> None:
        """Send a command that has no answer."""
        self._link.write(command.encode("ascii") + b"\n")

    def ask(self, question: str) -> str:
        """The line that answers a question; empty when none came in time.

        Raises:
            MeterLostError: The port is gone.
        """
        self.dropped += self._link.drain()
        self.say(question)
        lines = self._lines(until=None, wait_s=self._timeout_s)
        return lines[-1] if lines else ""

    def catch_up(self, question: str, answer: str) -> bool:
        """Ask what has a known answer, and pass over all that comes before it; False when it does not come.

        Instruments answer in order, so that whatever came before was an answer to an earlier question, and late.
        """
        self.say(question)
        lines = self._lines(until=answer, wait_s=2 * self._timeout_s)
        self.dropped += sum(len(line) for line in lines if line != answer)
        return answer in lines[-1:]

    def _lines(self, *, until: str | None, wait_s: float) -> list[str]:
        """Whole lines up to a certain one, or the first if none is given."""
        lines: list[str] = []
        heard, end = b"", time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0:
            heard += self._link.read(left)
            *whole, heard = heard.split(b"\n")
            for index, line in enumerate(whole):
                lines.append(line.decode("ascii", "replace").strip())
                if until is None or lines[-1] == until:
                    self.dropped += len(b"\n".join([*whole[index + 1 :], heard]))
                    return lines
            heard = heard[-_LONGEST:]
        self.dropped += len(heard)
        return lines


def is_identity(text: str) -> bool:
    """Whether a line can answer ``*IDN?``: vendor, model, serial number and firmware (IEEE 488.2, 10.14)."""
    return (
        len(text) <= _IDENTITY_LENGTH and text.isprintable() and text.isascii() and text.count(",") >= _IDENTITY_COMMAS
    )


def number(text: str) -> float | None:
    """The number that a line says; NaN for an overload or no value, None when it says no number."""
    if text.upper() in _NOT_A_NUMBER:
        return math.nan
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) < _OVERLOAD else math.nan


def step(text: str) -> float:
    """What one unit of the last figure of a number is worth: ``+1.234E-03`` has steps of 1e-6; 0 for no value."""
    match = _NUMBER.fullmatch(text)
    if not match or abs(float(text)) >= _OVERLOAD:
        return 0.0
    digits = len(match.group(1) or match.group(2) or ".") - 1
    return float(10.0 ** (int(match.group(3) or 0) - digits))
