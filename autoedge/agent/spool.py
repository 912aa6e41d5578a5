"""What finished on the target stays there until the host says that it is stored.

A job's reply is written to disk before it is sent, so that a host killed at that moment finds it again. Beside the
replies lies the agent's own log of what it finished, which nothing reads but people and tests.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from autoedge.agent.alone import LOCK
from autoedge.agent.frames import Frame, FrameError, pack, read_frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

_NAME = re.compile(r"[0-9a-f]{8,64}")


class Spool:
    """Replies waiting to be collected, one file each.

    Args:
        root: Folder of its own; made when missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob("*.part"):
            left.unlink()

    def keep(self, job_id: str, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Store a reply for good, then log that the job finished."""
        part, whole = self._path(job_id).with_suffix(".part"), self._path(job_id)
        with part.open("wb") as file:
            file.write(pack(body, arrays))
            file.flush()
            os.fsync(file.fileno())
        part.replace(whole)
        _sync_folder(self._root)
        entry = {"job": job_id, "key": body.get("key"), "ended": "done" if "done" in body else "failed"}
        with (self._root / "finished.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
            log.flush()
            os.fsync(log.fileno())

    def waiting(self) -> list[str]:
        """Ids of the replies that nobody has acknowledged, oldest first."""
        kept = sorted(self._root.glob("*.reply"), key=lambda path: path.stat().st_mtime_ns)
        return [path.stem for path in kept if _NAME.fullmatch(path.stem)]

    def read(self, job_id: str) -> Frame | None:
        """A kept reply; None when there is none (any more). A damaged one is set aside as ``.damaged``."""
        path = self._path(job_id)
        try:
            with path.open("rb") as file:
                return read_frame(file)
        except FileNotFoundError:
            return None
        except FrameError:
            path.replace(path.with_suffix(".damaged"))
            return None

    def drop(self, job_id: str) -> None:
        """The host has stored it."""
        self._path(job_id).unlink(missing_ok=True)

    def close(self) -> None:
        """Take the folder away where nothing was ever kept in it: one that was only asked leaves nothing behind."""
        with suppress(OSError):
            if all(path.name == LOCK for path in self._root.iterdir()):
                (self._root / LOCK).unlink(missing_ok=True)
                self._root.rmdir()

    def _path(self, job_id: str) -> Path:
        if not _NAME.fullmatch(job_id):
            raise ValueError(f"a job id is 8 to 64 hex digits, but got {job_id!r}")
        return self._root / f"{job_id}.reply"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
