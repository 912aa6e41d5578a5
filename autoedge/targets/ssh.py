"""A device that is reached with the system's ssh."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from autoedge.targets.archive import agent_archive
from autoedge.targets.base import Target
from autoedge.targets.connection import connect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.targets.declaration import DeclaredTarget
    from autoedge.targets.link import AgentLink

_OWN = ("autoedge.runtimes.", "autoedge.meters.", "autoedge.agent.")
_CONNECT_S = 40.0


class SshTarget(Target):
    """A device over SSH; the agent is sent there once, and keeps blobs and unclaimed replies in a folder there.

    Args:
        declared: The device.
        runtimes: Names of runtimes with the place of their class; those of plugins stay here, since only AutoEdge's
            own code is sent.
        jobs: Folder on this machine that belongs to this target in this run: it holds the name of the run's folder
            on the device, so that the same run finds its replies there again and no other does.
        patience_s: Longest silence before the agent counts as lost.
    """

    def __init__(
        self, declared: DeclaredTarget, runtimes: Mapping[str, str], *, jobs: Path, patience_s: float | None = None
    ) -> None:
        super().__init__(declared.name, self._carried(runtimes), host=declared.host, patience_s=patience_s)
        self.wrap = list(declared.wrap)
        self._declared = declared
        self._jobs = jobs
        self._opening: AgentLink | None = None

    def close(self) -> None:
        """End the agent, or the attempt to start one that another thread is waiting for."""
        if self._opening is not None:
            self._opening.close()
        super().close()

    def _carried(self, places: Mapping[str, str]) -> dict[str, str]:
        return {name: place for name, place in places.items() if place.startswith(_OWN)}

    def _start(self) -> AgentLink:
        archive = agent_archive()
        request = {
            "python": self._declared.python,
            "wrap": list(self.wrap),
            "folder": self._declared.folder,
            "jobs": self._run_id(),
            "sha256": archive.sha256,
            "size": len(archive.data),
        }
        link = connect(self._declared, "bootstrap.py", request, patience_s=self._patience_s)
        self._opening = link
        try:
            if link.answer(patience_s=_CONNECT_S).body.get("wanted"):
                link.write(archive.data)
            link.answer(patience_s=self._patience_s)  # it is starting
        except BaseException:
            link.close()
            raise
        finally:
            self._opening = None
        return link

    def _run_id(self) -> str:
        file = self._jobs / "run-id"
        self._jobs.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("x", encoding="ascii") as new:
                new.write(uuid.uuid4().hex)
        except FileExistsError:
            pass
        return file.read_text(encoding="ascii")
