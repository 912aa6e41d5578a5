"""Run one job of a worker module in a child process, within limits, whatever the model does to it."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import site
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autoedge.errors import ModelError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_log = logging.getLogger(__name__)
_POLL_MS = 20
_EXIT_GRACE_S = 5.0
_REPLY_BYTES = 16 * 2**20
_LOGGED_BYTES = 8000
_ROOT = str(Path(__file__).parents[2])


@dataclass(frozen=True)
class Limits:
    """What one job in a child process may take.

    Attributes:
        time_s: Wall time in seconds.
        memory_mib: Resident memory in MiB, watched from outside.
    """

    time_s: float = 120.0
    memory_mib: int = 8192

    def __post_init__(self) -> None:
        if self.time_s <= 0 or self.memory_mib <= 0:
            raise ValueError(f"limits are above 0, but got {self.time_s} s and {self.memory_mib} MiB")


DEFAULT = Limits()
CONVERSION = Limits(time_s=1800.0, memory_mib=16384)


def run(worker: str, job: Mapping[str, Any], *, subject: Path, role: str, limits: Limits) -> Any:
    """Do a job in a fresh process and return its answer.

    Args:
        worker: Module that serves the job, see ``worker.serve``.
        job: JSON values.
        subject: The file that messages name.
        role: Who works, for messages: ``converter``.
        limits: Beyond them the child is killed.

    Raises:
        ModelError: The worker refused the file, crashed, or went beyond the limits.
        StoreError: The disk is full or cannot be written.
    """
    with started(worker, job, subject) as (process, replies):
        reply = _listen(process, replies, limits)
        if isinstance(reply, bytes):
            with suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT_GRACE_S)
    if isinstance(reply, str):
        raise ModelError(f"{subject}: the {role} {reply}")
    answer = _answer(reply)
    if answer is None:
        raise ModelError(f"{subject}: the {role} {how_it_ended(process.returncode)}")
    if "storage" in answer:
        raise StoreError(f"{subject}: the {role} could not write its files: {answer['storage']}")
    if "refused" in answer:
        raise ModelError(f"{subject}: {answer['refused']}")
    return answer["result"]


@contextmanager
def started(worker: str, job: Mapping[str, Any], subject: Path) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A fresh process at its job, and what it answers; it is killed at the end, and what it printed is logged.

    Args:
        worker: Module that takes the job, see ``worker.begun``.
        job: JSON values.
        subject: The file that the log names.
    """
    receive, send = os.pipe()
    with tempfile.TemporaryFile() as noise, os.fdopen(receive, "rb", buffering=0) as replies:
        try:
            process = _start(worker, send, noise)
        finally:
            os.close(send)
        try:
            _hand_over(process, job)
            yield process, replies
        finally:
            _kill(process)
            _log_noise(noise, subject)


def _start(worker: str, send: int, noise: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # the tools iterate over sets: equal bytes need equal hashes
    if _ROOT not in site.getsitepackages():
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), _ROOT]))
    return subprocess.Popen(
        # -P: a file called onnx.py in the user's folder is not to be imported.
        [sys.executable, "-P", "-m", worker, str(send), str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=noise,
        stderr=noise,
        pass_fds=(send,),
        env=environment,
        start_new_session=True,  # the terminal's Ctrl-C goes to the parent alone, which then ends the child
    )


def _hand_over(process: subprocess.Popen[bytes], job: Mapping[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
    with suppress(BrokenPipeError):  # it died at once; its end will say why
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()


def _listen(process: subprocess.Popen[bytes], replies: IO[bytes], limits: Limits) -> bytes | str:
    """All that the child answers, or why it has to be stopped."""
    import psutil

    deadline = time.monotonic() + limits.time_s
    received = bytearray()
    waiting = select.poll()
    waiting.register(replies, select.POLLIN)
    while True:
        if waiting.poll(_POLL_MS):
            piece = replies.read(65536)
            if not piece:
                return bytes(received)
            received += piece
            if len(received) > _REPLY_BYTES:
                return f"answered with more than {_REPLY_BYTES // 2**20} MiB and was stopped"
        if time.monotonic() > deadline:
            return f"took more than {limits.time_s:g} s and was stopped"
        with suppress(psutil.Error):
            if psutil.Process(process.pid).memory_info().rss > limits.memory_mib * 2**20:
                return f"needed more than {limits.memory_mib} MiB of memory and was stopped"


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _answer(reply: bytes) -> dict[str, Any] | None:
    """What the worker said; None when it ended before it had said it all."""
    try:
        answer = json.loads(reply)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def how_it_ended(code: int) -> str:
    """Why a process without an answer ended, as the end of a sentence."""
    if code == -signal.SIGKILL:
        return "was killed from outside, most likely because memory ran out"
    if code < 0:
        return f"crashed on it (signal {-code}, {signal.Signals(-code).name})"
    return f"ended without an answer (exit code {code})"


def _log_noise(noise: IO[bytes], subject: Path) -> None:
    noise.seek(max(0, noise.seek(0, os.SEEK_END) - _LOGGED_BYTES))  # its last words tell most
    said = noise.read().decode("utf-8", "replace").strip()
    if said:
        _log.debug("while working on %s: %s", subject, said)
