"""The machine that runs the command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.targets.base import Target
from autoedge.targets.link import AgentLink

if TYPE_CHECKING:
    from collections.abc import Mapping


class LocalTarget(Target):
    """This machine; the agent shares the variant cache's files and keeps unclaimed replies in the run's folder.

    Args:
        runtimes: Names of runtimes with the place of their class.
        blobs: Folder of files by content hash.
        jobs: Folder for replies until they are stored.
        name: As in the intent.
    """

    def __init__(self, runtimes: Mapping[str, str], *, blobs: Path, jobs: Path, name: str = "local") -> None:
        super().__init__(name, runtimes)
        self._blobs = blobs.absolute()
        self._jobs = jobs.absolute()

    def _start(self) -> AgentLink:
        root = str(Path(__file__).parents[2])
        code = f"import sys; sys.path[0] = {root!r}; from autoedge.agent.__main__ import main; main()"
        command = [sys.executable, "-c", code, "--blobs", str(self._blobs), "--jobs", str(self._jobs)]
        self._jobs.mkdir(parents=True, exist_ok=True)
        return AgentLink(command, self._jobs, self.name)
