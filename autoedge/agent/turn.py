"""One measurement at a time on a machine, whoever asks."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

_READABLE = 0o644


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
    """Open for any user: reading is enough to lock, and whoever makes the file lets all others read it.

    What lies there already may be anybody's: a link is not followed, a pipe is not waited for, no rights are changed.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(FileNotFoundError):
        return os.open(path, flags)
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _READABLE)
    except FileExistsError:  # another one was faster
        return os.open(path, flags)
    os.fchmod(descriptor, _READABLE)  # whatever the umask
    return descriptor
