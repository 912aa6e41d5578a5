"""The machine that runs the command."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autoedge.errors import TargetError
from autoedge.runtimes.own_process import code_for
from autoedge.targets.base import Target
from autoedge.targets.clock import SAME_CLOCK, ClockOffset
from autoedge.targets.link import AgentLink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LocalTarget(Target):
    """This machine; the agent shares the variant cache's files and keeps unclaimed replies in the run's folder.

    Args:
        runtimes: Names of runtimes with the place of their class.
        blobs: Folder of files by content hash.
        jobs: Folder for replies until they are stored.
        name: As in the intent.
        wrap: Command in front of the agent.
        python: Interpreter of the agent; None for the one that runs the command. A path, as that of the command of
            ``wrap``, is relative to the home folder.
        host: Another target on this machine, or a word that all targets on it share.
        patience_s: Longest silence before the agent counts as lost.
    """

    def __init__(
        self,
        runtimes: Mapping[str, str],
        *,
        blobs: Path,
        jobs: Path,
        name: str = "local",
        wrap: Sequence[str] = (),
        python: str | None = None,
        host: str | None = None,
        patience_s: float | None = None,
    ) -> None:
        super().__init__(name, runtimes, host=host, patience_s=patience_s)
        self._blobs = blobs.absolute()
        self._jobs = jobs.absolute()
        self.wrap = list(wrap)
        self._python = python or sys.executable

    def clock_offset(self) -> ClockOffset:
        """Nothing to find out: agent and host read the same clock."""
        return SAME_CLOCK

    def _start(self) -> AgentLink:
        command = [self._found(self._python, "the interpreter"), "-c", code_for("autoedge.agent.__main__")]
        if self.wrap:
            command = [self._found(self.wrap[0], "the command of wrap"), *self.wrap[1:], *command]
        self._jobs.mkdir(parents=True, exist_ok=True)
        return AgentLink([*command, "--blobs", str(self._blobs), "--jobs", str(self._jobs)], self._jobs, self.name)

    def _found(self, program: str, what: str) -> str:
        """The path of a program, as ``autoedge.agent.bootstrap`` finds it on a device."""
        path = str(Path.home() / program.removeprefix("~/")) if "/" in program else shutil.which(program)
        if not path or not os.access(path, os.X_OK):
            raise TargetError(f"target '{self.name}': {what}, {program}, is not there")
        return path
