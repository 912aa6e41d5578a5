"""Files on the target by content hash: sent once, resumed when cut, checked before use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{64}")
_CHUNK = 2**20
_WAIT_S = 0.1


class Blobs:
    """A folder of files named by their SHA-256.

    Args:
        root: The folder; made when missing. The local agent shares the variant cache's.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self._checked: dict[str, tuple[int, int]] = {}
        self._held: dict[str, IO[bytes]] = {}

    def path(self, sha256: str) -> Path:
        """Where a blob lies or would lie."""
        if not _HASH.fullmatch(sha256):
            raise ValueError(f"a content hash is 64 hex digits, but got {sha256!r}")
        return self._root / sha256

    def has(self, sha256: str) -> bool:
        """Whether it is there and its bytes are what its name says; checked again whenever the file changes."""
        path = self.path(sha256)
        try:
            stat = path.stat()
        except OSError:
            return False
        seen = (stat.st_size, stat.st_mtime_ns)
        if self._checked.get(sha256) != seen:
            if _sha256(path) != sha256:
                return False
            self._checked[sha256] = seen
        return True

    def wanted(self, sha256: str) -> int | None:
        """From which byte a file must be sent; None when it is there.

        Waits while another agent takes the same file.
        """
        while not self.has(sha256):
            if self._hold(sha256) is not None:
                return self._part(sha256).stat().st_size
            time.sleep(_WAIT_S)
        return None

    def add(self, sha256: str, offset: int, data: bytes, *, last: bool) -> None:
        """Take the next piece of a file.

        Raises:
            ValueError: The whole does not have the promised hash; the transfer starts anew.
        """
        file = self._hold(sha256)
        if file is None:
            raise ValueError("a file is sent only after asking whether it is wanted")
        file.seek(offset)
        file.truncate()
        file.write(data)
        if last:
            file.flush()
            os.fsync(file.fileno())
            part = self._part(sha256)
            sound = _sha256(part) == sha256
            if sound:
                part.replace(self.path(sha256))
            else:
                part.unlink()
            self._held.pop(sha256).close()
            if not sound:
                raise ValueError(f"a file arrived damaged: its hash is not {sha256}")

    def _hold(self, sha256: str) -> IO[bytes] | None:
        """The unfinished file, held against other agents; None while another one has it."""
        if sha256 not in self._held:
            part = self._part(sha256)
            # Never cut when opened: another agent may be writing to it.
            file = os.fdopen(os.open(str(part), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken = not _is(file, part)  # another agent finished it while this one opened it
            except BlockingIOError:
                taken = True
            if taken:
                file.close()
                return None
            self._held[sha256] = file
        return self._held[sha256]

    def _part(self, sha256: str) -> Path:
        return self.path(sha256).with_suffix(".part")


def _is(file: IO[bytes], path: Path) -> bool:
    """Whether an open file still lies at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
