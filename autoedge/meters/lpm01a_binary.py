"""An LPM01A's ``bin_hexa`` stream: two bytes a value, and words of its own between them (ST UM2269)."""

from __future__ import annotations

import re

import numpy as np

from autoedge.meters.lpm01a_stream import Stream

_META = 15  # exponent that is none
_STAMP = re.compile(rb"\xf0\xf3.{5}\xff\xff", re.DOTALL)
_STAMP_LENGTH = 9
_MARK, _ERROR, _INFORMATION, _TIME, _END, _OVERCURRENT, _POWERED_DOWN = 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6
_VOLTAGE, _TEMPERATURE, _POWER = 0xF7, 0xF8, 0xF9
_LENGTHS = {_TIME: _STAMP_LENGTH, _END: 4, _OVERCURRENT: 4, _POWERED_DOWN: 4, _VOLTAGE: 6, _TEMPERATURE: 6, _POWER: 5}
_LONGEST_TEXT = 256
_OVERFLOW = 1 << 31
_ENDS = {
    _END: "the acquisition ended, perhaps since the current was too large",
    _POWERED_DOWN: "the device under test was powered down",
}


class BinaryStream(Stream):
    """Values of 12 bits and an exponent of 16, kept in step by the words between them.

    The stream begins with a time stamp; whatever comes before is the answer to the command. A value has neither mark
    nor checksum: the way relies on USB, which loses and alters no byte. Where a word between the values is wrong
    nevertheless, nothing is taken up to the next time stamp.
    """

    def __init__(self, rate_hz: float, largest: float) -> None:
        super().__init__(rate_hz, largest)
        self._in_step = False

    def _parse(self) -> None:
        while not self.ended:
            if not self._in_step and not self._find_stamp():
                return
            self._take_values()
            if len(self._bytes) < 2 or not self._meta():  # noqa: PLR2004 - a value or the tag of a word
                return

    def _find_stamp(self) -> bool:
        stamp = _STAMP.search(self._bytes)
        skipped = stamp.start() if stamp else max(0, len(self._bytes) - _STAMP_LENGTH + 1)
        if self._reference is not None:
            self.garbage += skipped
        self._bytes = self._bytes[skipped:]
        self._in_step = stamp is not None
        return self._in_step

    def _take_values(self) -> None:
        words = np.frombuffer(self._bytes, ">u2", len(self._bytes) // 2).astype(np.int64)
        meta = np.flatnonzero(words >> 12 == _META)
        words = words[: meta[0]] if meta.size else words
        self._bytes = self._bytes[2 * words.size :]
        self._take((words & 0xFFF) * 16.0 ** -(words >> 12))

    def _meta(self) -> bool:
        """Take the word of the instrument at the front; False while it is not whole."""
        tag, length = self._bytes[1], self._length()
        if length is None:
            return False
        word, wrong = self._bytes[:length], self._bytes[0] != _MARK or not length
        if wrong or word[-2:] != b"\xff\xff":
            self._bytes = self._bytes[1:]
            self.garbage += 1
            self._in_step = False
            return True
        self._bytes = self._bytes[length:]
        if tag == _TIME:
            ms = int.from_bytes(word[2:6], "big")
            self._stamped(ms % _OVERFLOW)
        elif tag == _OVERCURRENT:
            self.overcurrents += 1
        elif tag == _ERROR:
            self.ended = f"error: {word[2:-2].decode('ascii', 'replace').strip()[:80]}"
        self.ended = self.ended or _ENDS.get(tag, "")
        return True

    def _length(self) -> int | None:
        """Bytes of the word at the front; 0 for one that cannot be, None while too few are here to tell."""
        tag = self._bytes[1]
        if tag in (_ERROR, _INFORMATION):
            end = self._bytes.find(b"\xff\xff", 2, _LONGEST_TEXT)
            if end < 0:
                return 0 if len(self._bytes) >= _LONGEST_TEXT else None
            return end + 2
        length = _LENGTHS.get(tag, 0)
        return length if len(self._bytes) >= length else None
