"""Files on the target by content hash: sent once, resumed when cut, checked before use."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{64}")
_CHUNK = 2**20


class Blobs:
    """A folder of files named by their SHA-256.

    Args:
        root: The folder; made when missing. The local agent shares the variant cache's.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        self._checked: dict[str, tuple[int, int]] = {}

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

    def received(self, sha256: str) -> int:
        """Bytes of an unfinished transfer that need not be sent again."""
        part = self._part(sha256)
        return part.stat().st_size if part.exists() else 0

    def add(self, sha256: str, offset: int, data: bytes, *, last: bool) -> None:
        """Take the next piece of a file.

        Raises:
            ValueError: The whole does not have the promised hash; the transfer starts anew.
        """
        part = self._part(sha256)
        with part.open("r+b" if part.exists() else "wb") as file:
            file.seek(offset)
            file.truncate()
            file.write(data)
            if last:
                file.flush()
                os.fsync(file.fileno())
        if last:
            if _sha256(part) != sha256:
                part.unlink()
                raise ValueError(f"a file arrived damaged: its hash is not {sha256}")
            part.replace(self.path(sha256))

    def _part(self, sha256: str) -> Path:
        return self.path(sha256).with_suffix(".part")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()
