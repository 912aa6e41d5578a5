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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autoedge.errors import ModelError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)
_POLL_S = 0.02
_EXIT_GRACE_S = 5.0
_REPLY_BYTES = 16 * 2**20
_LOGGED_BYTES = 4000
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
    receive, send = os.pipe()
    with tempfile.TemporaryFile() as noise, os.fdopen(receive, "rb", buffering=0) as replies:
        try:
            process = _start(worker, send, noise)
        finally:
            os.close(send)
        try:
            _hand_over(process, job)
            reply = _listen(process, replies, limits)
        finally:
            code = _end(process)
            said = _log_noise(noise, subject)
    if isinstance(reply, str):
        raise ModelError(f"{subject}: the {role} {reply}")
    answer = _parsed(reply)
    if answer is None:
        raise ModelError(f"{subject}: the {role} {_how_it_ended(code)}{said}")
    if "storage" in answer:
        raise StoreError(f"{subject}: the {role} could not write its files: {answer['storage']}")
    if "refused" in answer:
        raise ModelError(f"{subject}: {answer['refused']}")
    return answer["result"]


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
    received = b""
    while True:
        if select.select([replies], [], [], _POLL_S)[0]:
            piece = replies.read(65536)
            if not piece:
                return received
            received += piece
            if len(received) > _REPLY_BYTES:
                return f"answered with more than {_REPLY_BYTES // 2**20} MiB and was stopped"
            continue
        if time.monotonic() > deadline:
            return f"took more than {limits.time_s:g} s and was stopped"
        with suppress(psutil.Error):
            if psutil.Process(process.pid).memory_info().rss > limits.memory_mib * 2**20:
                return f"needed more than {limits.memory_mib} MiB of memory and was stopped"


def _end(process: subprocess.Popen[bytes]) -> int:
    """The exit code; a child that has closed its reply pipe gets a moment to end by itself."""
    with suppress(subprocess.TimeoutExpired):
        if sys.exc_info()[0] is None and process.poll() is None:
            process.wait(0.0 if _still_replying(process) else _EXIT_GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    return code
