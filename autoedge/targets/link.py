"""The host's end of the agent's protocol: commands out, answers in, nothing waits for ever."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, BinaryIO

from autoedge.agent.frames import Frame, FrameError, pack, read_frame
from autoedge.errors import TargetError, Transient
from autoedge.intent.problem import escaped
from autoedge.targets import deadline
from autoedge.targets.deadline import Allowed, Deadline
from autoedge.targets.noise import PastNoise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

_TAIL_LINES = 20
_LINE = 500
_SAID = 2000
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_STOP_S = 3.0
PATIENCE_S = 20.0


class LostTargetError(Transient, TargetError):
    """The agent died, hung or stopped making sense; a new one may work."""


class AgentLink:
    """A running agent process and the frames to and from it.

    Args:
        command: Starts the agent, or the ssh that does.
        cwd: Where; a folder that holds no Python files.
        name: The target's, for messages.
        patience_s: Longest time in which the agent takes nothing of what it is sent.
        ended: Words the end of the process from its exit code and last lines; by default they are told as they are.
        here: Whether the agent's disk is this machine's: when it is full, this machine failed and not a target.
    """

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        name: str,
        *,
        patience_s: float = PATIENCE_S,
        ended: Callable[[int, Sequence[str]], TargetError] | None = None,
        here: bool = True,
    ) -> None:
        self._name = name
        self._patience_s = patience_s
        self._ended = ended or self._plain_end
        self._here = here
        self._frames: queue.Queue[Frame | FrameError | None] = queue.Queue()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._sending = threading.Lock()
        try:
            # A session of its own: Ctrl-C is for the host, which stops the agent in order.
            self._process = subprocess.Popen(
                list(command),
                cwd=cwd,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            what = f"'{command[0]}': {error.strerror}"
            raise TargetError(f"target '{name}': the agent cannot be started: {what}") from error
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
        assert self._process.stdout is not None  # noqa: S101 - likewise
        assert self._process.stderr is not None  # noqa: S101 - likewise
        self._input: BinaryIO = self._process.stdin  # type: ignore[assignment]
        os.set_blocking(self._input.fileno(), False)
        self._output = PastNoise(self._process.stdout)
        self._threads = [
            threading.Thread(target=self._receive, args=(self._output,), daemon=True),
            threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _receive(self, stream: PastNoise) -> None:
        try:
            while (frame := read_frame(stream)) is not None:
                self._frames.put(frame)
        except FrameError as error:
            self._frames.put(error)
        except (OSError, ValueError):
            pass  # closed under our feet: the end is the message
        except Exception as error:  # noqa: BLE001 - whatever a device comes up with, who waits must hear of the end
            self._frames.put(FrameError(repr(error)))
        self._tail.extendleft(escaped(line)[:_LINE] for line in reversed(stream.noise))
        self._frames.put(None)

    def _listen(self, stream: BinaryIO) -> None:
        try:
            for line in iter(lambda: stream.readline(_LINE), b""):
                if text := escaped(line.decode("utf-8", "replace").strip()):
                    self._tail.append(text)
        except (OSError, ValueError):
            pass  # closed

    def answer(
        self,
        *,
        patience_s: float,
        allowed: Allowed | None = None,
        on_phase: Callable[[str], None] | None = None,
        on_look: Callable[[Frame], str] | None = None,
    ) -> Frame:
        """Wait for the answer to the command sent last.

        Args:
            patience_s: Longest silence before the agent counts as lost.
            allowed: Longest time in all; by default the patience, however much else the agent says.
            on_phase: Told of the phases that a running job reports.
            on_look: Shown the looks of a running job; what it says is sent back.

        Raises:
            LostTargetError: The agent died, hung or answered with something else.
            TargetError: The agent refused the command, or could not be reached at all.
            OSError: The disk of this machine, where the agent runs, is full or cannot be written to.
        """
        until = Deadline(patience_s, allowed or Allowed(patience_s))
        while True:
            frame = self._next(until)
            if frame is None:
                raise self._end()
            if isinstance(frame, FrameError):
                said = escaped(str(frame))[:_LINE]
                raise LostTargetError(f"target '{self._name}': sent something that is not the protocol: {said}")
            if "phase" in frame.body:
                until.hear(frame.body["phase"])
                self._check(until)
                if on_phase is not None:
                    on_phase(escaped(str(frame.body["phase"]))[:_LINE])
                continue
            if "look" in frame.body and on_look is not None:
                self.send({"do": on_look(frame)})
                continue
            if "error" in frame.body:
                raise self._refusal(frame)
            return frame

    def _next(self, until: Deadline) -> Frame | FrameError | None:
        while True:
            left, _ = until.left(self._output.heard, self._output.pending)
            try:
                return self._frames.get(timeout=max(left, 0.0))
            except queue.Empty:
                self._check(until, self._output.pending)

    def _check(self, until: Deadline, pending: int = 0) -> None:
        left, problem = until.left(self._output.heard, pending)
        if left <= 0:
            raise LostTargetError(f"target '{self._name}': {problem}")

    def _refusal(self, frame: Frame) -> TargetError | OSError:
        reason = escaped(str(frame.body["error"]))[:_SAID]
        subject = f"target '{self._name}'"
        if frame.body.get("errno") in _DISK:
            if self._here:
                return OSError(frame.body["errno"], reason, subject)
            return TargetError(f"{subject}: its disk is full or cannot be written to: {reason}; free some space there")
        advice = f"; make an environment there: autoedge targets setup {self._name}" if "setup" in frame.body else ""
        return TargetError(f"{subject}: {reason}{advice}")

    def send(self, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Send a command without waiting for its answer; safe from another thread than the one that waits.

        Raises:
            LostTargetError: The agent has ended, or takes nothing any more.
        """
        self.write(pack(body, arrays))

    def write(self, data: bytes) -> None:
        """Send bytes that are no frame; see ``send``."""
        with self._sending:
            rest, last = memoryview(data), time.monotonic()
            end = last + self._patience_s + len(data) / deadline.SLOWEST
            while rest:
                try:
                    taken = os.write(self._input.fileno(), rest)
                except BlockingIOError:
                    taken = 0
                except (OSError, ValueError) as error:
                    raise self._end() from error
                if taken:
                    rest, last = rest[taken:], time.monotonic()
                    continue
                silent, late = (moment - time.monotonic() for moment in (last + self._patience_s, end))
                if silent <= 0:
                    raise LostTargetError(f"target '{self._name}': takes nothing for {self._patience_s:g} s")
                if late <= 0:
                    raise LostTargetError(f"target '{self._name}': takes what it is sent too slowly")
                select.select([], [self._input], [], min(silent, late))

    @property
    def over(self) -> bool:
        """Whether the agent has ended."""
        return self._process.poll() is not None

    def _end(self) -> TargetError | OSError:
        """What the end of the process means; what it refused before counts most."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return LostTargetError(f"target '{self._name}': the agent closed its output")
        for thread in self._threads:
            thread.join(_STOP_S)  # its last words may still be on their way
        while not self._frames.empty():
            frame = self._frames.get()
            if isinstance(frame, Frame) and "error" in frame.body:
                return self._refusal(frame)
        return self._ended(code, list(self._tail))

    def _plain_end(self, code: int, tail: Sequence[str]) -> TargetError:
        said = f"; its last words: {tail[-1]}" if tail else ""
        return LostTargetError(f"target '{self._name}': the agent ended with exit code {code}{said}")

    def close(self) -> None:
        """End the agent: closing its input is enough for a sound one."""
        with contextlib.suppress(OSError):
            self._input.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)  # children too: they would hold its output open
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_STOP_S)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
