"""What a target is: a machine with an agent on it that runs jobs."""

from __future__ import annotations

import contextlib
import logging
import shlex
import uuid
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from autoedge.agent.frames import NONSENSE
from autoedge.agent.looks import GO
from autoedge.agent.offers import LONGEST_S
from autoedge.errors import TargetError
from autoedge.intent.problem import escaped
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace
from autoedge.targets.clock import ClockOffset, clock_offset
from autoedge.targets.deadline import SLOWEST, Allowed
from autoedge.targets.deployed import SLOTS, Deployed, deployed_from
from autoedge.targets.described import device_from, jobs_from, look_from, reading_from, reply_from
from autoedge.targets.link import PATIENCE_S, AgentLink, LostTargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from autoedge.agent.frames import Frame
    from autoedge.device import Device

# Small enough that a slow radio link takes one well within the patience.
_CHUNK = 2**19
_SURVEY_S = 120.0
_TURN_S = 86_400.0  # a soak of somebody else's
_TRANSFER_S = 3600.0  # of a long recording over a slow radio link
_LATE_S = 30.0  # a job may end so much after its limit
_SHOWN = 200
VERSION = 1

_log = logging.getLogger(__name__)


class Target(ABC):
    """A machine that candidates run on; a context manager that holds its agent.

    Subclasses say how the agent is started there and nothing else: jobs, files and replies take the same way on every
    target.

    Args:
        name: As in the intent.
        runtimes: Names of runtimes with the place of their class, as the registry knows them.
        host: Another target on the same machine, or a word that all targets on one machine share: where their machine
            ids differ.
        patience_s: Longest silence before the agent counts as lost; beside a job's own time limit.
    """

    def __init__(
        self, name: str, runtimes: Mapping[str, str], *, host: str | None = None, patience_s: float | None = None
    ) -> None:
        self.name = name
        self.wrap: Sequence[str] = ()
        self.device: Device | None = None
        self.machine = f"target {name}"  # equal for targets that take turns, once it is known which ones do
        self._host = host
        self._patience_s = PATIENCE_S if patience_s is None else patience_s
        self._runtimes = dict(runtimes)
        self._link: AgentLink | None = None
        self._sent: set[str] = set()
        self._stopping = False

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
        hello = {"do": "hello", "version": VERSION, "runtimes": self._runtimes}
        answer = self._ask(hello, allowed=Allowed(LONGEST_S + self._patience_s))
        with self._told("does not say what it is"):
            device = device_from(answer.body.get("device", {}), self._runtimes)
        self.device = replace(device, wrap=shlex.join(self.wrap))
        return self.device

    @property
    def marks(self) -> frozenset[str]:
        """What its machine goes by: its own name, its host's and, once probed, its id. One in common is enough."""
        names = {f"target {self.name}", f"target {self._host or self.name}"}
        return frozenset(names if self.device is None else {*names, f"id {self.device.machine}"})

    def clock_offset(self) -> ClockOffset:
        """How far the device's monotonic clock stands from this machine's, by the fastest of several round trips.

        Both clocks drift, by up to 100 ppm: ask again after minutes.

        Raises:
            TargetError: The target cannot be asked.
        """
        return clock_offset(self._clock)

    def _clock(self) -> int:
        answer = self._ask({"do": "clock"})
        with self._told("does not tell its clock"):
            return reading_from(answer.body.get("perf_ns"))

    def survey(self) -> Mapping[str, Any]:
        """All that the device can tell of itself, with the speed of small timed kernels; takes some seconds.

        Returns:
            As ``autoedge.agent.survey`` describes it. It is a device's word: escape it before showing it.

        Raises:
            TargetError: The target cannot be asked.
        """
        patience = _SURVEY_S + self._patience_s
        return self._ask({"do": "survey"}, patience_s=patience, allowed=Allowed(patience, turn_s=_TURN_S)).body

    def meters(self, places: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """The power meters on the device, usable or not, best first.

        Args:
            places: Names of meters with the place of their class, as the registry knows them.

        Returns:
            Each as ``autoedge.meters.finder.Found.to_json`` gives it. It is a device's word: check it before use.

        Raises:
            TargetError: The target cannot be asked.
        """
        answer = self._ask({"do": "meters", "places": self._carried(places)}, patience_s=_SURVEY_S + self._patience_s)
        found = answer.body.get("meters")
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def open_meter(self, place: str, options: Mapping[str, Any]) -> MeterSpec:
        """Let the agent use one of the device's own meters from now on; what it publishes.

        Args:
            place: Of its class.
            options: It is opened with.

        Raises:
            TargetError: It cannot be opened, or publishes nonsense; says why.
        """
        form = self._ask({"do": "meter", "place": place, "options": dict(options)}).body.get("spec")
        with self._told("its meter publishes nonsense"):
            return MeterSpec.from_json(dict(form or {}))

    def start_recording(self) -> None:
        """Read the device's own meter by hand from now on; ``open_meter`` comes first.

        Raises:
            TargetError: The target cannot be asked.
        """
        self._ask({"do": "record", "now": "start"})

    def recorded(self, *, end: bool) -> Trace:
        """What that meter read since the last such call, on the device's clock.

        Args:
            end: Whether the recording ends; its last piece holds the counts of the whole.

        Raises:
            TargetError: The target cannot be asked.
        """
        allowed = Allowed(self._patience_s, transfer_s=_TRANSFER_S)
        answer = self._ask({"do": "record", "now": "stop" if end else "more"}, allowed=allowed)
        with self._told("sent no recording"):
            return Trace.unpack(answer.body["trace"], answer.arrays)

    def _carried(self, places: Mapping[str, str]) -> dict[str, str]:
        """Of classes by name, those whose code is on the target."""
        return dict(places)

    def send_files(self, files: Mapping[str, Path]) -> None:
        """Bring files to the target, by content hash; those already there are not sent again.

        Raises:
            TargetError: The transfer failed, or a file is no longer what its hash says.
        """
        new = {sha: path for sha, path in files.items() if sha not in self._sent}
        if not new:
            return
        missing = self._ask({"do": "have", "hashes": list(new)}).body.get("missing")
        if not (isinstance(missing, dict) and all(isinstance(offset, int) for offset in missing.values())):
            raise TargetError(f"target '{self.name}': does not say which files it has")
        for sha in new.keys() & missing.keys():
            for start, piece, last in _pieces(new[sha], max(0, missing[sha])):
                body = {"do": "put", "sha256": sha, "offset": start, "last": last}
                self._ask(body, {"data": np.frombuffer(piece, np.uint8)})
        self._sent.update(new)

    def run(
        self,
        job: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        on_phase: Callable[[str], None] | None = None,
        on_look: Callable[[Frame], str] | None = None,
    ) -> Frame:
        """Run one job in a process of its own there.

        Args:
            job: See ``autoedge.agent.job.run_job``; ``runtime`` is a name, ``model`` and ``data`` are content hashes
                of files that were sent. ``key`` comes back with the reply.
            arrays: Sent with the job.
            on_phase: Told of each phase.
            on_look: Shown the job's looks (see ``autoedge.agent.looks``), as ``autoedge.targets.described.look_from``
                gives them, and answers one of ``ANSWERS``. Without it the job runs through.

        Returns:
            A frame with ``done``, ``stopped`` (after which look) or ``failed`` (the reason), as
            ``autoedge.targets.described.reply_from`` gives it; or with ``cancelled``.

        Raises:
            LostTargetError: The agent died, hung, went on long after the job's limit, or sent a reply that makes no
                sense; the next call starts a new one.
        """
        full = {**job, "id": uuid.uuid4().hex, "runtime": self._runtimes[str(job["runtime"])]}
        full["looks"] = on_look is not None
        allowed = Allowed(job["limits"]["time_s"] + _LATE_S, turn_s=_TURN_S, transfer_s=_TRANSFER_S)

        def looked(look: Frame) -> str:
            try:
                sound = look_from(look)
            except NONSENSE as error:
                _log.warning("target '%s' showed a look that makes no sense: %r", self.name, error)
                return GO
            return GO if on_look is None else on_look(sound)

        reply = self._ask({"do": "run", "job": full}, arrays, allowed=allowed, on_phase=on_phase, on_look=looked)
        if self._stopping and "cancelled" in reply.body:
            return reply
        try:
            with self._told("sent a reply that makes no sense"):
                return reply_from(reply, full["id"])
        except TargetError as error:
            self.close()
            raise LostTargetError(str(error)) from error

    def cancel(self) -> None:
        """Stop the running job, from another thread; its ``run`` then returns ``cancelled``. Without one, nothing."""
        self._stop("cancel")

    def enough(self) -> None:
        """End a soak now, from another thread; its ``run`` then returns what there is. Other jobs are cancelled."""
        self._stop("enough")

    def _stop(self, how: str) -> None:
        self._stopping = True  # from now on it may say that a job was cancelled
        if self._link is not None:
            with contextlib.suppress(TargetError):
                self._link.send({"do": how})

    def unclaimed(self) -> Iterator[Frame]:
        """Replies that finished on the target and were never acknowledged: a host died in between.

        Those that make no sense, such as replies of another release, are dropped.

        Raises:
            TargetError: The target cannot be asked, or does not say which replies there are.
        """
        waiting = self._ask({"do": "waiting"})
        with self._told("does not say which replies wait"):
            jobs = jobs_from(waiting.body.get("waiting"))
        for job in jobs:
            allowed = Allowed(self._patience_s, transfer_s=_TRANSFER_S)
            reply = self._ask({"do": "fetch", "job": job}, allowed=allowed)
            if "gone" in reply.body:
                continue
            try:
                sound = reply_from(reply, job)
            except NONSENSE as error:
                _log.warning("target '%s' held a reply that makes no sense: %r", self.name, error)
                self.acknowledge(job)
                continue
            yield sound

    def acknowledge(self, job: str) -> None:
        """Tell the target that a reply is stored for good."""
        self._ask({"do": "ack", "job": job})

    def deployed(self, folder: str, name: str, **act: Any) -> Deployed:
        """The slots of a deployment, once something is done with them; see ``autoedge.agent.slots``.

        Args:
            folder: Of all deployments there, relative to the home folder.
            name: Of this one.
            act: ``act`` and what it takes: ``switch`` with ``slot``, ``bundle`` and ``instead_of``, or ``say`` with
                ``slot`` and ``said``; nothing to only look.

        Raises:
            TargetError: It cannot be done, or the target cannot be asked.
        """
        body = {"do": "slots", "folder": folder, "name": name, **(act or {"act": "state"})}
        answer = self._ask(body, allowed=Allowed(_TRANSFER_S))
        with self._told("does not say what is deployed"):
            return deployed_from(answer.body["state"])

    def fill_slot(self, folder: str, name: str, files: Mapping[str, str], said: Mapping[str, Any]) -> str:
        """Put a bundle into the slot that does not serve; its name.

        Args:
            folder: Of all deployments there, relative to the home folder.
            name: Of this one.
            files: By place in the bundle, the content hash of a file that was sent.
            said: Kept beside the slot.

        Raises:
            TargetError: It cannot be done; says why.
        """
        body = {"do": "slots", "act": "fill", "folder": folder, "name": name, "files": dict(files), "said": dict(said)}
        filled = self._ask(body, allowed=Allowed(_TRANSFER_S)).body.get("filled")
        if filled not in SLOTS:
            raise TargetError(f"target '{self.name}': does not say which slot it filled")
        return str(filled)

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
        patience_s: float | None = None,
        allowed: Allowed | None = None,
        on_phase: Callable[[str], None] | None = None,
        on_look: Callable[[Frame], str] | None = None,
    ) -> Frame:
        if self._link is None:
            self._link = self._start()
        link, sent = self._link, sum(one.nbytes for one in (arrays or {}).values())
        patience = (patience_s or self._patience_s) + sent / SLOWEST  # it may still be on its way
        try:
            link.send(body, arrays)
            return link.answer(patience_s=patience, allowed=allowed, on_phase=on_phase, on_look=on_look)
        except LostTargetError as error:
            hint = f"; its `wrap`, {shlex.join(self.wrap)}, may leave it too little" if self.wrap and link.over else ""
            self.close()
            raise LostTargetError(f"{error}{hint}") from error
        except TargetError:
            if link.over:
                self.close()
            raise

    @contextlib.contextmanager
    def _told(self, problem: str) -> Iterator[None]:
        """Turn nonsense that the device said into an error of the target."""
        try:
            yield
        except NONSENSE as error:
            said = escaped(f"lacks {error}" if isinstance(error, KeyError) else str(error))[:_SHOWN]
            raise TargetError(f"target '{self.name}': {problem}: {said}") from error


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
