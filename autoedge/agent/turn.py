"""One measurement at a time on a machine, whoever asks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path


class Turn:
    """The machine's lock; it falls with the process that holds it.

    Args:
        path: Lock file; by default one for the whole machine in its temporary folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or Path(tempfile.gettempdir()) / "autoedge-machine.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Try to take the turn; False while another measurement has it."""
        descriptor = _open(self._path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def leave(self) -> None:
        """Let the next one measure."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open(path: Path) -> int:
    """Open for any user: reading is enough to lock, and another user's file in /tmp may not be opened to create."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
