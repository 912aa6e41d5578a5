"""What a target is: a machine with an agent on it that runs jobs."""

from __future__ import annotations

import contextlib
import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from autoedge.device import Device
from autoedge.errors import TargetError
from autoedge.targets.link import AgentLink, LostTargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from autoedge.agent.frames import Frame


_PATIENCE_S = 20.0
_CHUNK = 4 * 2**20
VERSION = 1


class Target(ABC):
    """A machine that candidates run on; a context manager that holds its agent.

    Subclasses say how the agent is started there and nothing else: jobs, files and replies take the same way on every
    target.

    Args:
        name: As in the intent.
        runtimes: Names of runtimes with the place of their class, as the registry knows them.
    """

    def __init__(self, name: str, runtimes: Mapping[str, str]) -> None:
        self.name = name
        self.device: Device | None = None
        self._runtimes = dict(runtimes)
        self._link: AgentLink | None = None
        self._sent: set[str] = set()

    @abstractmethod
    def _start(self) -> AgentLink:
        """Start an agent on the target."""

    def __enter__(self) -> Self:
        self.probe()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def probe(self) -> Device:
        """Start the agent where none runs, and ask what the machine is.

        Raises:
            TargetError: No agent can be started there.
        """
        answer = self._ask({"do": "hello", "version": VERSION, "runtimes": self._runtimes})
        try:
            self.device = Device(**answer.body["device"])
        except (KeyError, TypeError) as error:
            raise TargetError(f"target '{self.name}': does not say what it is: {error}") from error
        return self.device

    def send_files(self, files: Mapping[str, Path]) -> None:
        """Bring files to the target, by content hash; those already there are not sent again.

        Raises:
            TargetError: The transfer failed, or a file is no longer what its hash says.
        """
        new = {sha: path for sha, path in files.items() if sha not in self._sent}
        if not new:
            return
        missing = self._ask({"do": "have", "hashes": list(new)}).body["missing"]
        for sha, offset in missing.items():
            for start, piece, last in _pieces(new[sha], int(offset)):
                body = {"do": "put", "sha256": sha, "offset": start, "last": last}
                self._ask(body, {"data": np.frombuffer(piece, np.uint8)})
        self._sent.update(new)

    def run(
        self,
        job: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        on_phase: Callable[[str], None] | None = None,
    ) -> Frame:
        """Run one job in a process of its own there.

        Args:
            job: See ``autoedge.agent.job.run_job``; ``runtime`` is a name, ``model`` and ``data`` are content hashes
                of files that were sent. ``key`` comes back with the reply.
            arrays: Sent with the job.
            on_phase: Told of each phase.

        Returns:
            A frame with ``done`` or ``failed`` (the reason), or ``cancelled``.

        Raises:
            LostTargetError: The agent died or hung; the next call starts a new one.
        """
        full = {**job, "id": uuid.uuid4().hex, "runtime": self._runtimes[str(job["runtime"])]}
        patience = float(job["limits"]["time_s"]) + _PATIENCE_S
        reply = self._ask({"do": "run", "job": full}, arrays, patience_s=patience, on_phase=on_phase)
        if "cancelled" not in reply.body and reply.body.get("job") != full["id"]:
            self.close()
            raise LostTargetError(f"target '{self.name}': answered another job than was asked for")
        return reply

    def cancel(self) -> None:
        """Stop the running job, from another thread; its ``run`` then returns ``cancelled``. Without one, nothing."""
        if self._link is not None:
            with contextlib.suppress(LostTargetError):
                self._link.send({"do": "cancel"})

    def unclaimed(self) -> Iterator[Frame]:
        """Replies that finished on the target and were never acknowledged: a host died in between."""
        for job in self._ask({"do": "waiting"}).body["waiting"]:
            reply = self._ask({"do": "fetch", "job": job})
            if "gone" not in reply.body:
                yield reply

    def acknowledge(self, job: str) -> None:
        """Tell the target that a reply is stored for good."""
        self._ask({"do": "ack", "job": job})

    def close(self) -> None:
        """End the agent and whatever it runs."""
        if self._link is not None:
            self._link.close()
            self._link = None
            self._sent.clear()

    def _ask(
        self,
        body: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
        *,
        patience_s: float = _PATIENCE_S,
        on_phase: Callable[[str], None] | None = None,
    ) -> Frame:
        if self._link is None:
            self._link = self._start()
        try:
            self._link.send(body, arrays)
            return self._link.answer(patience_s=patience_s, on_phase=on_phase)
        except LostTargetError:
            self.close()
            raise


def _pieces(path: Path, offset: int) -> Iterator[tuple[int, bytes, bool]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(min(offset, size))
        while True:
            start = file.tell()
            piece = file.read(_CHUNK)
            last = file.tell() >= size
            yield start, piece, last
            if last:
                return
