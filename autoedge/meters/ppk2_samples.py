"""A PPK2's stream as words: kept in step by their counter, gaps filled with what is known to be missing."""

from __future__ import annotations

import numpy as np

MISSING = -1
_WORD = 4
_COUNT = 64
_RUN = 8
"""So many words that count up in a row are a stream in step: noise does so once in 64^7."""
_DOUBT = 3
"""So many words on either side of bytes that are no words may be halves of them, with a counter right by chance."""
_BEHIND = _WORD * (_RUN - 1) + 2  # bytes from the first of a run to the one that holds the last counter


class WordStream:
    """Turns bytes into one entry a sample, the same for any cutting of the stream into pieces.

    A word holds no mark of its beginning and no checksum, but a counter that goes up by one modulo 64. Where it does
    not, the next place is looked for from which eight words count up. If the words between just fill the gap they were
    damaged; otherwise what the counter skipped was lost, and the words next to the skipped bytes are not believed. Gaps
    of whole multiples of 64 cannot be seen here.

    Attributes:
        missing: Samples lost so far.
        damaged: Words thrown away since their counter was wrong, or since they lay next to bytes that are no words.
        garbage: Bytes skipped that belong to no sample.
    """

    def __init__(self) -> None:
        self.missing = 0
        self.damaged = 0
        self.garbage = 0
        self._bytes = b""
        self._expected: int | None = None  # counter of the word at the front of the bytes; None before the first
        self._skipped = 0
        self._last = np.empty(0, np.int64)  # the last words, which bytes behind them may put in doubt

    def feed(self, data: bytes) -> np.ndarray:
        """The samples that these bytes complete.

        Returns:
            Int64: bits 0 to 16 of each word (code and range); ``MISSING`` for a sample that was lost or damaged.
        """
        self._bytes += data
        parts = [np.empty(0, np.int64)]
        while True:
            if self._expected is not None and not self._skipped:
                parts.append(self._in_step(self._expected))
            gap = self._find_step() if len(self._bytes) > _BEHIND else None
            if gap is None:
                return np.concatenate(parts)
            parts.append(gap)

    def _in_step(self, expected: int) -> np.ndarray:
        """Take words as long as they count up."""
        words = np.frombuffer(self._bytes, "<u4", len(self._bytes) // _WORD).astype(np.int64)
        wrong = np.flatnonzero((words >> 18) % _COUNT != (expected + np.arange(words.size)) % _COUNT)
        good = int(wrong[0]) if wrong.size else words.size
        self._bytes = self._bytes[good * _WORD :]
        self._expected = (expected + good) % _COUNT
        taken = np.concatenate([self._last, words[:good] & 0x1FFFF])
        self._last = taken[-_DOUBT:]
        return taken[:-_DOUBT]

    def _find_step(self) -> np.ndarray | None:
        """Skip to where words count up again; what stands for the samples between, None while too few bytes tell."""
        places = len(self._bytes) - _BEHIND
        counters = np.frombuffer(self._bytes, np.uint8)[2:] >> 2
        steps = (counters[_WORD:] - counters[:-_WORD]) % _COUNT == 1
        runs = np.logical_and.reduce([steps[word * _WORD : word * _WORD + places] for word in range(_RUN - 1)])
        found = bool(runs.any())
        skipped = int(runs.argmax()) if found else places
        self._bytes = self._bytes[skipped:]
        self._skipped += skipped
        return self._back_in_step(int(counters[skipped])) if found else None

    def _back_in_step(self, counter: int) -> np.ndarray:
        """Account for what was skipped before the word with this counter."""
        skipped, self._skipped = self._skipped, 0
        expected, self._expected = self._expected, counter
        last, self._last = self._last, self._last[:0]
        words = skipped // _WORD
        gap = 0 if expected is None else (counter - expected) % _COUNT
        if skipped == 0:
            self.missing += gap
            return np.append(last, np.full(gap, MISSING))
        if expected is not None and skipped % _WORD == 0 and words % _COUNT == gap:
            self.damaged += words
            return np.append(last, np.full(words, MISSING))
        self.garbage += skipped
        self.missing += gap
        self._bytes = self._bytes[_DOUBT * _WORD :]
        self._expected = (counter + _DOUBT) % _COUNT
        doubtful = last.size + _DOUBT
        self.damaged += doubtful
        return np.full(gap + doubtful, MISSING)
