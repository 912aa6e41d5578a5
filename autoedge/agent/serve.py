"""The agent: takes commands on standard input, starts a worker for each job, answers on standard output.

Commands are frames with a ``do``: ``hello``, ``clock``, ``survey``, ``meters``, ``meter``, ``record``, ``have``,
``put``, ``run``, ``cancel``, ``enough``, ``waiting``, ``fetch``, ``ack``, ``slots``. Each is answered by one frame, but
for the two that stop a job; ``run`` sends ``phase`` frames before its answer, and ``look`` frames where the job asks
for looks, each of which waits for ``go``, ``stop`` or ``evaluate``. When standard input closes, the agent kills its
worker and ends; a jobs folder in which nothing was ever kept goes with it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from autoedge.agent import machine
from autoedge.agent.blobs import Blobs
from autoedge.agent.child import Child, failure_of
from autoedge.agent.frames import NONSENSE, VERSION, WAITING, Frame, FrameError, read_frame, write_frame
from autoedge.agent.looks import ANSWERS
from autoedge.agent.offers import offers_of
from autoedge.agent.soaking import end_soak, in_soak
from autoedge.agent.spool import Spool
from autoedge.agent.turn import Turn
from autoedge.agent.watch import OwnMeter, Watch
from autoedge.agent.worker import reply_of
from autoedge.errors import AutoEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    Answer = tuple[dict[str, Any], Mapping[str, np.ndarray]]

_WATCH_S = 0.05
_TURN_S = 0.2
_TRIES_A_SIGN = 20
BEAT_S = 2.0
"""A running job is heard of at least so often."""
_STOPS = ("cancel", "enough")  # the second ends a soak with what it has; elsewhere there is nothing to keep


class Agent:
    """One host's agent on this machine.

    Args:
        commands: Binary stream of command frames.
        answers: Binary stream for answers; nothing else writes there.
        blobs: Folder for files by content hash.
        jobs: Folder for replies until they are stored by the host.
    """

    def __init__(self, commands: BinaryIO, answers: BinaryIO, *, blobs: Path, jobs: Path) -> None:
        self._commands = commands
        self._answers = answers
        self._blobs = Blobs(blobs)
        self._spool = Spool(jobs)
        self._turn = Turn()
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._child: Child | None = None
        self._meter = OwnMeter()

    def serve(self) -> None:
        """Answer commands until standard input closes."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            sender, frame = self._inbox.get()
            if sender != "host" or frame.body.get("do") in (*_STOPS, *ANSWERS):
                continue  # too late: what was to be stopped has ended
            try:
                body, arrays = self._answer(frame)
            except OSError as error:
                body, arrays = {"error": str(error), "errno": error.errno}, {}
            except AutoEdgeError as error:
                body, arrays = {"error": str(error)}, {}
            except (FrameError, ImportError, *NONSENSE) as error:
                body, arrays = {"error": f"{type(error).__name__}: {error}"}, {}
            write_frame(self._answers, body, arrays)

    def _listen(self) -> None:
        try:
            for frame in iter(lambda: read_frame(self._commands), None):
                self._inbox.put(("host", frame))
        except FrameError:
            pass  # a host that cannot speak the protocol is as good as gone
        if self._child is not None:
            self._child.stop()
        self._spool.close()
        os._exit(0)  # the main thread may be anywhere; everything worth keeping is on disk

    def _answer(self, frame: Frame) -> Answer:
        commands: dict[Any, Callable[[Frame], Answer]] = {
            "hello": self._hello,
            "clock": lambda _: ({"perf_ns": time.perf_counter_ns()}, {}),
            "survey": self._survey,
            "meters": self._meters,
            "meter": self._open_meter,
            "record": self._record,
            "have": self._have,
            "put": self._put,
            "run": self._run,
            "waiting": lambda _: ({"waiting": self._spool.waiting()}, {}),
            "fetch": self._fetch,
            "ack": self._acknowledge,
            "slots": self._slots,
        }
        do = frame.body.get("do")
        return commands[do](frame) if do in commands else ({"error": f"unknown command {do!r}"}, {})

    def _have(self, frame: Frame) -> Answer:
        wanted = {sha256: self._blobs.wanted(sha256) for sha256 in frame.body["hashes"]}
        return {"missing": {sha256: start for sha256, start in wanted.items() if start is not None}}, {}

    def _put(self, frame: Frame) -> Answer:
        body = frame.body
        self._blobs.add(body["sha256"], body["offset"], frame.arrays["data"].tobytes(), last=body["last"])
        return {"ok": True}, {}

    def _fetch(self, frame: Frame) -> Answer:
        kept = self._spool.read(frame.body["job"])
        return (kept.body, kept.arrays) if kept else ({"gone": True}, {})

    def _acknowledge(self, frame: Frame) -> Answer:
        self._spool.drop(frame.body["job"])
        return {"ok": True}, {}

    def _slots(self, frame: Frame) -> Answer:
        from autoedge.agent.slots import Slots

        body = frame.body
        slots = Slots(body["folder"], body["name"])
        if body["act"] == "fill":
            return {"filled": slots.fill(body["files"], body["said"], self._blobs)}, {}
        if body["act"] == "switch":
            slots.switch(body["slot"], body["bundle"], body["instead_of"])
        if body["act"] == "say":
            slots.say(body["slot"], body["said"])
        return {"state": slots.state()}, {}

    def _hello(self, frame: Frame) -> Answer:
        from importlib import import_module

        body = frame.body
        if body["version"] != VERSION:
            return {
                "error": f"this agent speaks protocol {VERSION}, the host {body['version']}: update the older one"
            }, {}
        runtimes = {}
        for name, place in body["runtimes"].items():
            module, _, attribute = place.partition(":")
            version = getattr(import_module(module), attribute)().version()
            if version is not None:
                runtimes[name] = version
        installed = {name: body["runtimes"][name] for name in runtimes}
        offers = offers_of(installed, lambda: write_frame(self._answers, {"phase": "trying what the runtimes offer"}))
        return {"version": VERSION, "device": {**machine.describe(), "runtimes": runtimes, "offers": offers}}, {}

    def _meters(self, frame: Frame) -> Answer:
        return {"meters": self._meter.found(frame.body["places"])}, {}

    def _open_meter(self, frame: Frame) -> Answer:
        return {"spec": self._meter.open(frame.body["place"], frame.body["options"])}, {}

    def _record(self, frame: Frame) -> Answer:
        trace = self._meter.recorded(frame.body["now"])
        if trace is None:
            return {"ok": True}, {}
        body, arrays = trace.pack()
        return {"trace": body}, arrays

    def _survey(self, _: Frame) -> Answer:
        from autoedge.agent.survey import survey

        if not self._wait_for_turn():
            return {"cancelled": True}, {}
        try:
            return survey(), {}
        finally:
            self._turn.leave()

    def _run(self, frame: Frame) -> Answer:
        job = frame.body["job"]
        paths = {"model": str(self._model(job)), "data": None}
        if job["data"] is not None:
            paths["data"] = str(self._blobs.path(job["data"]))
        if not self._wait_for_turn():
            return {"cancelled": True}, {}
        started, begun = time.time(), time.monotonic()
        watch = Watch(self._meter if job.get("metered") else None, (job.get("soak") or {}).get("look_s", 0.0))
        try:
            self._child = Child(self._inbox, {**job, **paths}, frame.arrays)
            ended = self._watch(self._child, job["limits"], watch)
        finally:
            if self._child is not None:
                self._child.stop()
            self._child = None
            observed, traces = watch.finish()
            self._turn.leave()
        if ended is None:
            return {"cancelled": True}, {}
        body, reply_arrays = ended
        body = {**body, "job": job["id"], "key": job["key"], **observed}
        reply_arrays = {**reply_arrays, **traces}
        body.update(started=started, duration_s=time.monotonic() - begun)
        if "stopped" not in body:  # why it was stopped only this host knows: to another it would say nothing
            self._spool.keep(job["id"], body, reply_arrays)
        return body, reply_arrays

    def _model(self, job: Mapping[str, Any]) -> Path:
        """The model file of a job: one that was sent, or one that is deployed here."""
        deployed = job.get("deployed")
        if deployed is None:
            return self._blobs.path(job["model"])
        from autoedge.agent.slots import Slots

        return Slots(deployed["folder"], deployed["name"]).file(deployed["slot"], deployed["place"])

    def _wait_for_turn(self) -> bool:
        tries = 0
        while not self._turn.take():
            if tries % _TRIES_A_SIGN == 0:  # now and then, so that the host knows that the agent lives
                write_frame(self._answers, {"phase": WAITING})
            tries += 1
            if self._cancelled(_TURN_S):
                return False
        return True

    def _cancelled(self, seconds: float) -> bool:
        try:
            sender, frame = self._inbox.get(timeout=seconds)
        except queue.Empty:
            return False
        return bool(sender == "host" and frame.body.get("do") in _STOPS)

    def _watch(self, child: Child, limits: Mapping[str, float], watch: Watch) -> Answer | None:
        """Wait for the worker's reply; None when the host cancelled."""
        beat = time.monotonic() + BEAT_S
        while True:
            exceeded = _exceeded(child, limits)
            if exceeded:
                return {"failed": exceeded}, {}
            watch.look(child.process.pid)
            if time.monotonic() > beat:  # so that a host tells an agent that works from one that hangs
                beat = time.monotonic() + BEAT_S
                write_frame(self._answers, {"phase": child.phase})
            try:
                sender, frame = self._inbox.get(timeout=_WATCH_S)
            except queue.Empty:
                continue
            if sender == "host":
                if _stopped(child, frame.body.get("do")):
                    return None
                continue
            if sender is not child:
                continue  # the last words of an earlier worker
            if isinstance(frame, Frame) and not reply_of(frame.body):
                self._pass_on(frame, child, watch)
                continue
            return _ending(frame, child)

    def _pass_on(self, frame: Frame, child: Child, watch: Watch) -> None:
        """What a worker says before its reply: a look, or the phase that it enters."""
        if "look" in frame.body:
            write_frame(self._answers, {"look": frame.body["look"]}, frame.arrays)
            return
        child.phase = str(frame.body.get("phase", child.phase))
        write_frame(self._answers, {"phase": watch.phase(child.phase)})


def _ending(frame: Frame | FrameError | None, child: Child) -> Answer:
    """The answer that a worker's last message makes."""
    reason = failure_of(frame, child)
    if reason is not None or not isinstance(frame, Frame):
        return {"failed": reason, "traceback": getattr(frame, "body", {}).get("traceback", "")}, {}
    if "stopped" in frame.body:
        return {"stopped": frame.body["stopped"]}, {}
    return {"done": frame.body["done"]}, frame.arrays


def _exceeded(child: Child, limits: Mapping[str, float]) -> str:
    """Which limit a worker exceeds; empty where it keeps to all."""
    if child.resident_mib() > limits["memory_mib"]:
        limit = f"{limits['memory_mib']:.0f} MiB"
        return f"it used more than {limit} of resident memory (limits.memory) in {child.phase}"
    if time.monotonic() - child.started > limits["time_s"]:
        return f"it took longer than {limits['time_s']:g} s (limits.time) and was stopped during {child.phase}"
    return ""


def _stopped(child: Child, command: Any) -> bool:
    """Whether a command ends the job; a soak is told to end by itself, with what it has, and a look is answered."""
    if command in ANSWERS:
        child.tell(command)
        return False
    if command == "enough" and in_soak(child.phase):
        end_soak(child.process.pid)
        return False
    return command in _STOPS
