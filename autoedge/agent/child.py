"""Start a worker, watch it from outside, and turn every way it can end into a reason that people understand."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.agent.frames import Frame, FrameError, read_frame, write_frame
from autoedge.agent.worker import reply_of
from autoedge.runtimes.own_process import code_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from queue import Queue

    import numpy as np

_TAIL_LINES = 20
_LINE = 500
_GRACE_S = 2.0


class Child:
    """One worker process; its frames arrive in ``inbox`` as ``(child, Frame | FrameError | None)``.

    Args:
        inbox: Where frames go; None marks the end.
        job: Sent to the worker.
        arrays: Sent with it.
    """

    def __init__(self, inbox: Queue[Any], job: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        receive, send = os.pipe()
        command = [sys.executable, "-c", code_for("autoedge.agent.worker"), "worker", str(send), str(os.getpid())]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[send],
            start_new_session=True,
        )
        os.close(send)
        self.started = time.monotonic()
        self.phase = "start"
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._threads = [
            threading.Thread(target=self._pump, args=(receive, inbox), daemon=True),
            threading.Thread(target=self._keep_tail, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            assert self.process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
            write_frame(self.process.stdin, job, arrays)
        except BrokenPipeError:
            pass  # it died at once; its end will say why

    def _pump(self, receive: int, inbox: Queue[Any]) -> None:
        with os.fdopen(receive, "rb") as stream:
            try:
                for frame in iter(lambda: read_frame(stream), None):
                    inbox.put((self, frame))
                    if reply_of(frame.body):
                        break
            except (FrameError, ValueError) as error:
                inbox.put((self, FrameError(str(error))))
        inbox.put((self, None))

    def _keep_tail(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - for the type checker: PIPE was asked for
        for line in iter(lambda: self.process.stdout.readline(_LINE), b""):  # type: ignore[union-attr]
            self._tail.append(line.decode("utf-8", "replace").rstrip())

    def tell(self, answer: Any) -> None:
        """Answer the look that the worker shows."""
        with contextlib.suppress(OSError, ValueError):  # it died meanwhile; its end will say why
            assert self.process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
            write_frame(self.process.stdin, {"answer": answer})

    def resident_mib(self) -> float:
        """Resident memory now; 0 once it has ended."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        except (OSError, IndexError, ValueError):
            return _resident_by_psutil(self.process.pid)

    def stop(self) -> None:
        """Kill it with all that it started, and collect what is left."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for thread in self._threads:
            thread.join(_GRACE_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def why_it_ended(self) -> str:
        """The reason after it ended without a reply."""
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return f"it closed its reply channel without an answer during {self.phase}"
        said = f"; its last words: {self._tail[-1]}" if self._tail else ""
        if code == -signal.SIGKILL:
            return f"it was killed during {self.phase}, most likely by the system because memory ran out"
        if code < 0:
            return f"it crashed with signal {-code} ({signal.Signals(-code).name}) during {self.phase}{said}"
        return f"it ended by itself with exit code {code} during {self.phase}{said}"


def _resident_by_psutil(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    except psutil.Error:
        return 0.0


def failure_of(frame: Frame | FrameError | None, child: Child) -> str | None:
    """The reason for a failed job that the worker's last message gives; None when it is a result."""
    if frame is None:
        return child.why_it_ended()
    if isinstance(frame, FrameError):
        return f"it answered with something that is not the agent's protocol during {child.phase}: {frame}"
    return frame.body.get("failed")
