"""One agent for one run: what an earlier connection left behind is ended before a new agent begins.

A connection can die without the device noticing, and an agent can hang. Either would keep the machine's turn, and files
half sent, from the agent that the host starts next.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOCK = "agent.lock"
"""The file in a jobs folder that its agent holds."""
_TRIES = 100
_PAUSE_S = 0.1


def be_alone(jobs: Path) -> None:
    """Hold the jobs folder for this process until it ends; kill the agent that holds it.

    Raises:
        OSError: It cannot be held; the earlier agent belongs to another user or cannot be killed.
    """
    descriptor = _opened(jobs)
    seen = b""
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0)
            if holder == seen and holder.isdigit():  # seen twice, so that it is the holder's own entry
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(holder), signal.SIGKILL)  # its worker dies with it
            seen = holder
            time.sleep(_PAUSE_S)
            continue
        if os.fstat(descriptor).st_nlink == 0:  # the one before took the folder along when it ended
            os.close(descriptor)
            descriptor = _opened(jobs)
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        return  # the descriptor stays open, and the lock held, as long as the process lives
    raise OSError(f"{jobs}: an earlier agent works there and cannot be ended")


def _opened(jobs: Path) -> int:
    jobs.mkdir(parents=True, exist_ok=True)
    return os.open(jobs / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
