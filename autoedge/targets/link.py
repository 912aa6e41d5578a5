"""The host's end of the agent's protocol: commands out, answers in, nothing waits for ever."""

from __future__ import annotations

import contextlib
import errno
import queue
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from autoedge.agent.frames import Frame, FrameError, read_frame, write_frame
from autoedge.errors import TargetError, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

_TAIL_LINES = 20
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_STOP_S = 3.0


class LostTargetError(Transient, TargetError):
    """The agent died, hung or stopped making sense; a new one may work."""


class AgentLink:
    """A running agent process and the frames to and from it.

    Args:
        command: Starts the agent.
        cwd: Where; a folder that holds no Python files.
        name: The target's, for messages.
    """

    def __init__(self, command: Sequence[str], cwd: Path, name: str) -> None:
        self._name = name
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
            raise TargetError(f"target '{name}': the agent cannot be started: {error}") from error
        self._threads = [threading.Thread(target=pump, daemon=True) for pump in (self._receive, self._listen)]
        for thread in self._threads:
            thread.start()

    def _receive(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: PIPE was asked for
        try:
            while (frame := read_frame(self._process.stdout)) is not None:
                self._frames.put(frame)
        except FrameError as error:
            self._frames.put(error)
        except (OSError, ValueError):
            pass  # closed under our feet: the end is the message
        self._frames.put(None)

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - for the type checker: PIPE was asked for
        try:
            for line in self._process.stderr:
                self._tail.append(line.decode("utf-8", "replace").rstrip())
        except (OSError, ValueError):
            pass  # closed

    def answer(self, *, patience_s: float, on_phase: Callable[[str], None] | None = None) -> Frame:
        """Wait for the answer to the command sent last.

        Args:
            patience_s: Longest silence before the agent counts as lost.
            on_phase: Told of the phases that a running job reports.

        Raises:
            LostTargetError: The agent died, hung or answered with something else.
            TargetError: The agent refused the command.
            OSError: The target's disk is full or cannot be written to.
        """
        while True:
            try:
                frame = self._frames.get(timeout=patience_s)
            except queue.Empty:
                raise LostTargetError(f"target '{self._name}': no answer within {patience_s:g} s") from None
            if frame is None:
                raise LostTargetError(f"target '{self._name}': {self._last_words()}")
            if isinstance(frame, FrameError):
                raise LostTargetError(f"target '{self._name}': sent something that is not the protocol: {frame}")
            if "phase" in frame.body:
                if on_phase is not None:
                    on_phase(str(frame.body["phase"]))
                continue
            if frame.body.get("errno") in _DISK:
                raise OSError(frame.body["errno"], frame.body["error"], f"target '{self._name}'")
            if "error" in frame.body:
                raise TargetError(f"target '{self._name}': {frame.body['error']}")
            return frame

    def send(self, body: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Send a command without waiting; safe from another thread than the one that waits."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
        try:
            with self._sending:
                write_frame(self._process.stdin, body, arrays)
        except (OSError, ValueError) as error:
            raise LostTargetError(f"target '{self._name}': {self._last_words()}") from error

    def _last_words(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the agent closed its output"
        said = f"; its last words: {self._tail[-1]}" if self._tail else ""
        return f"the agent ended with exit code {code}{said}"

    def close(self) -> None:
        """End the agent: closing its input is enough for a sound one."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join(_STOP_S)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
