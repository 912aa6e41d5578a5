"""The run folder: what lies where, and one process at a time in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

from contextlib import contextmanager


def cache_root() -> Path:
    """Where variants and other things that can be made again are kept: ``AUTOEDGE_CACHE`` or the user's cache."""
    from platformdirs import user_cache_path

    named = os.environ.get("AUTOEDGE_CACHE")
    return Path(named) if named else user_cache_path("autoedge")


class RunFolder:
    """One run's folder.

    Args:
        root: Made when missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.intent = root / "intent.resolved.yaml"
        self.database = root / "study.db"
        self.history = root / "history.jsonl"
        self.verdict = root / "verdict.json"
        self.front_csv = root / "front.csv"
        self.front_json = root / "front.json"
        self.report_html = root / "report.html"
        self.report_md = root / "report.md"
        self.bundle = root / "bundle"

    def jobs(self, target: str) -> Path:
        """Where a local agent keeps replies until they are stored."""
        return self.root / "raw" / f"agent-{target}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            StoreError: Another process holds it, or it cannot be written to.
        """
        from filelock import FileLock, Timeout

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            raise StoreError(
                f"{self.root}: another autoedge works in this folder; wait for it, or name another with --out"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.root}: cannot be written to ({error.strerror}); name another with --out"
            ) from error
        try:
            yield
        finally:
            lock.release()
