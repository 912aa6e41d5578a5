"""An LPM01A's ``ascii_dec`` stream: ``6409-07`` is 640.9 uA, and now and then there are words between the values."""

from __future__ import annotations

import re

import numpy as np

from autoedge.meters.lpm01a_stream import Stream

_SAMPLE = re.compile(rb"\d{4}[+-][01]\d")
_LENGTH = 7
_STAMP = re.compile(rb"TimeStamp:[ <>]*(\d{1,7})s (\d{1,3})ms, buff +\d{1,3}%")
_WORDS = re.compile(rb"(PowerShield > *)?(ack|event|pwr|temp)\b.*|PowerShield >")
_END = re.compile(rb"(PowerShield > *)?(end|summary beg|Acquisition completed)\b.*")
_ERROR = re.compile(rb"(PowerShield > *)?err(or)?\b[ :]*(.*)")
_LONGEST = 512
_PARTS = b"0123456789+-"


class TextStream(Stream):
    """Lines, robust to values that are glued together, cut off or damaged, and to NUL bytes.

    What is left of a line beside its values stands for as many as fit into it if it looks like figures, as in the
    MLCommons runner; otherwise it is garbage.
    """

    def _parse(self) -> None:
        *lines, self._bytes = self._bytes.replace(b"\0", b"").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            text = line.strip()
            if text and not self.ended:
                self._line(text)
        if len(self._bytes) > _LONGEST:
            self.garbage += len(self._bytes)
            self._bytes = b""

    def _line(self, text: bytes) -> None:
        if _SAMPLE.fullmatch(text):
            self._take(np.array([_value(text)]))
        elif stamp := _STAMP.search(text):
            self._figures(text[: stamp.start()])
            self._stamped(1000 * int(stamp.group(1)) + int(stamp.group(2)))
            self._figures(text[stamp.end() :])
        elif _END.fullmatch(text):
            self.ended = "the acquisition ended" if self._count else ""  # before the first value it is an earlier one
        elif error := _ERROR.fullmatch(text):
            self.ended = f"error: {error.group(3)[:80].decode('ascii', 'replace')}"
        elif not _WORDS.fullmatch(text):
            self._figures(text)

    def _figures(self, text: bytes) -> None:
        """Values from the end of the text on: it is its beginning that a cut leaves without its first half."""
        values: list[float] = []
        while _SAMPLE.fullmatch(text[-_LENGTH:]):
            values.append(_value(text[-_LENGTH:]))
            text = text[:-_LENGTH]
        if text:
            self.garbage += len(text)
            if 2 * sum(byte in _PARTS for byte in text) >= len(text):
                self._take_damaged(max(1, round(len(text) / _LENGTH)))
        self._take(np.array(values[::-1]))


def _value(text: bytes) -> float:
    return float(text[:4] + b"e" + text[4:])
