"""Frames of one length cut out of a stream of bytes that may begin anywhere and hold anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from autoedge.meters.trace import Counts


@dataclass(frozen=True)
class Layout:
    """What a frame looks like.

    Attributes:
        size: Bytes in a frame.
        head: Bytes that ``starts`` looks at.
        starts: Whether so many bytes begin a frame.
        sound: Whether a whole frame that begins so is one: its checksum, or what it says.
    """

    size: int
    head: int
    starts: Callable[[bytes], bool]
    sound: Callable[[bytes], bool]


class Framer:
    """Finds the frames of a stream, however it is cut, and counts what lies between them.

    A frame that is not sound counts as one checksum error, and the next is looked for behind its first byte, so that
    a whole frame behind a truncated one is not lost. All other bytes that belong to no frame count as garbage.

    Args:
        layout: What a frame looks like.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._bytes = bytearray()
        self._unsound = 0  # bytes to come that belong to a frame which counted as an error

    def feed(self, data: bytes, counts: Counts) -> list[bytes]:
        """The frames that are complete now that these bytes have come."""
        layout, frames, at = self._layout, [], 0
        self._bytes += data
        while len(self._bytes) - at >= layout.head:
            if not layout.starts(bytes(self._bytes[at : at + layout.head])):
                at += self._skip(counts)
                continue
            if len(self._bytes) - at < layout.size:
                break
            frame = bytes(self._bytes[at : at + layout.size])
            if layout.sound(frame):
                frames.append(frame)
                at += layout.size
                self._unsound = 0
                continue
            if not self._unsound:
                counts.checksum_errors += 1
                self._unsound = layout.size
            at += self._skip(counts)
        del self._bytes[:at]
        return frames

    def clear(self) -> int:
        """Forget the beginning of a frame that will not be finished; how many bytes that was."""
        dropped = len(self._bytes)
        self._bytes.clear()
        self._unsound = 0
        return dropped

    def _skip(self, counts: Counts) -> int:
        if self._unsound:
            self._unsound -= 1
        else:
            counts.garbage_bytes += 1
        return 1
