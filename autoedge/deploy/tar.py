"""The one form of tar that packs have: plain files, and nothing in them that depends on who wrote them, or when.

A pack is read by writing it again: each header is made anew from the name and size found in it, and must be equal byte
by byte. So links, devices, sparse files, extended headers, long names, odd numbers and wrong sums need no rules of
their own, and there is one archive of a bundle and no other. Any tar can unpack it.

It is not compressed. The weights of a model hardly shrink, compressed bytes differ between versions of zlib, and what
is not compressed cannot swell.

Source of the form: POSIX.1-1988, ustar.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from autoedge.deploy.plain_file import open_plain
from autoedge.errors import BundleError
from autoedge.intent.problem import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST_BYTES = 2**32
"""Of one file: the largest models."""
MOST_BYTES_TOGETHER = 5 * 2**30
MOST_FILES = 1000
"""Of a bundle; those that AutoEdge builds have a few dozen."""

_BLOCK = 512
_CHUNK = 2**20
_NAME = 100  # characters of a name beside those of its folder
_EMPTY = bytes(_BLOCK)
_SIZE = re.compile(rb"[0-7]{11}\0")
_ZERO = b"0000000\0"
_PLAIN = b"0"
_ADVICE = "get it again, or pack the bundle anew: autoedge bundle pack"


def header(name: str, size: int) -> bytes:
    """The block in front of a file, the same on every machine.

    Args:
        name: One that a manifest allows: ASCII, and folders of its own where it is long.
        size: In bytes, below 8 GiB.
    """
    folder, _, last = name.rpartition("/") if len(name) > _NAME else ("", "", name)
    parts = (
        last.encode().ljust(_NAME, b"\0"),
        b"0000644\0",  # read by all, written by the owner
        _ZERO * 2,  # nobody's
        f"{size:011o}\0".encode(),
        b"00000000000\0",  # of no time
        b" " * 8,  # the sum, for now
        _PLAIN,
        bytes(100),  # where a link leads
        b"ustar\x0000",
        bytes(64),  # no names of user and group
        _ZERO * 2,
        folder.encode().ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(parts)
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


class TarWriter:
    """Writes the members of a pack, one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write a file.

        Args:
            name: One that a manifest allows.
            size: Of all chunks together.
            chunks: Its content.

        Raises:
            BundleError: It is larger than a pack may hold, or not of that size.
        """
        check_size(size, name)
        self._file.write(header(name, size))
        written = 0
        for chunk in chunks:
            self._file.write(chunk)
            written += len(chunk)
            if written > size:
                break
        if written != size:
            raise BundleError(f"{name}: changed while it was packed; pack the bundle again")
        self._file.write(bytes(-size % _BLOCK))

    def end(self) -> None:
        """Write what tells that nothing follows."""
        self._file.write(_EMPTY * 2)


class TarReader:
    """Reads the members of a pack in the order in which they must come; nothing is taken from it but bytes.

    Args:
        file: At its beginning.
        place: Its path, for messages.
    """

    def __init__(self, file: BinaryIO, place: Path) -> None:
        self._file = file
        self._place = place
        self._next: tuple[str, int] | None = None
        self._room = MOST_BYTES_TOGETHER

    @property
    def name(self) -> str:
        """Of the next file; empty at the end.

        Raises:
            BundleError: What comes next is nothing that a pack holds.
        """
        if self._next is None:
            self._next = self._header()
        return self._next[0]

    def chunks(self, name: str, most: int = MOST_BYTES) -> Iterator[bytes]:
        """The content of the next file, to be read to its end.

        Args:
            name: Which file that must be.
            most: Bytes that it may have.

        Raises:
            BundleError: It is another one, too large, or cut off.
        """
        if self.name != name:
            found = f"'{shown(self.name)}'" if self.name else "nothing more"
            raise self._wrong(f"'{name}' comes next in it, but there is {found}")
        size = self._next[1] if self._next else 0
        if size > min(most, self._room):
            raise self._wrong(f"'{name}' may have {min(most, self._room)} bytes, but has {size}")
        self._next = None
        self._room -= size
        left = size
        while left:
            chunk = self._bytes(min(left, _CHUNK))
            left -= len(chunk)
            yield chunk
        if any(self._bytes(-size % _BLOCK)):
            raise self._wrong(f"there is something between '{name}' and the next file")

    def end(self) -> None:
        """Make sure that nothing follows.

        Raises:
            BundleError: Something does.
        """
        if self.name:
            raise self._wrong(f"nothing more belongs to it, but there is '{shown(self.name)}'")
        if self._bytes(_BLOCK) != _EMPTY or self._read(1):
            raise self._wrong("there is something behind its end")

    def _header(self) -> tuple[str, int]:
        block = self._bytes(_BLOCK)
        if block == _EMPTY:
            return "", 0
        last, folder, size = (block[:_NAME], block[345:500], block[124:136])
        try:
            name = "/".join(part.partition(b"\0")[0].decode("ascii") for part in (folder, last) if part[0])
        except UnicodeDecodeError:
            name = ""
        if not name or not _SIZE.fullmatch(size) or header(name, int(size[:-1], 8)) != block:
            raise self._wrong(_why(block))
        return name, int(size[:-1], 8)

    def _bytes(self, count: int) -> bytes:
        found = self._read(count)
        if len(found) < count:
            raise self._wrong("it ends too early")
        return found

    def _read(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            raise BundleError(f"{self._place}: cannot be read: {error.strerror}; {_ADVICE}") from error

    def _wrong(self, reason: str) -> BundleError:
        return BundleError(f"{self._place}: is no pack of AutoEdge, or a damaged one: {reason}; {_ADVICE}")


def check_size(size: int, name: str) -> None:
    """Refuse a file that no pack may hold.

    Raises:
        BundleError: It is too large.
    """
    if size > MOST_BYTES:
        raise BundleError(f"{name}: a file of a bundle has at most {MOST_BYTES} bytes, but this has {size}")


@contextmanager
def open_pack(path: Path) -> Iterator[TarReader]:
    """A pack to read.

    Raises:
        BundleError: There is no plain file.
    """
    with open_plain(path, _ADVICE) as file:
        yield TarReader(file, path)


def _why(block: bytes) -> str:
    """What is wrong with a header that AutoEdge would not have written."""
    if block[257:262] != b"ustar":
        return "what should be the header of a file is none"
    if block[156:157] not in (_PLAIN, b"\0"):
        return "it holds a link, a device or an extended header, and packs hold plain files alone"
    return "the header of a file is not as AutoEdge writes it"
