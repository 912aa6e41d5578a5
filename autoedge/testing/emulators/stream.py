"""An instrument that sends one stream, where what is late holds up what comes after it."""

from __future__ import annotations

import heapq
from typing import Any

from autoedge.testing.instrument import PtyInstrument


class StreamInstrument(PtyInstrument):
    """Keeps the order of what it sends, as a wire does: frames a millisecond apart never overtake one another."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._free_at = 0.0

    def _send(self, reply: bytes, after_s: float = 0.0) -> None:
        waiting, self._waiting = self._waiting, []
        super()._send(reply, after_s)
        for due, order, piece in sorted(self._waiting):
            self._free_at = max(self._free_at, due)
            heapq.heappush(waiting, (self._free_at, order, piece))
        self._waiting = waiting
