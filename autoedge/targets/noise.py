"""What a login shell prints before the agent speaks: passed over, and kept for messages."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from autoedge.agent.frames import pack

if TYPE_CHECKING:
    from autoedge.agent.frames import Readable

_BEGINNING = pack({})[:4]  # every frame begins alike
_MOST = 2**20
_KEPT = 10
_PIECE = 2**14


class PastNoise:
    """A stream for ``read_frame`` that begins with the first line that can begin a frame.

    Args:
        stream: The agent's output.

    Attributes:
        noise: The last lines before it.
        heard: When something arrived last, on ``time.monotonic``'s clock: a long frame on a slow line is no silence.
        pending: Bytes so far of the frame that is arriving.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.heard = time.monotonic()
        self.pending = 0
        self._begun = False
        self.noise: deque[str] = deque(maxlen=_KEPT)

    def readline(self, limit: int, /) -> bytes:
        """The next line; before the first frame, the line that begins it."""
        self.pending = passed = 0
        while True:
            line = self._stream.readline(limit)
            self.heard = time.monotonic()
            if self._begun or not line or line.startswith(_BEGINNING) or passed > _MOST:
                self._begun = True
                return line
            passed += len(line)
            if text := line.decode("utf-8", "replace").strip():
                self.noise.append(text)

    def read(self, size: int, /) -> bytes:
        """That many bytes."""
        pieces, left = [], size
        while left:
            piece = self._stream.read(min(left, _PIECE))
            self.heard = time.monotonic()
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
            self.pending += len(piece)
        return b"".join(pieces)
