"""The process that runs one candidate: one job in, phase reports and one reply out, then the end."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable

from autoedge.agent.frames import read_frame, write_frame
from autoedge.agent.looks import StoppedError
from autoedge.agent.orphan import die_with_parent
from autoedge.errors import AutoEdgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


def main() -> None:
    """Run the job that standard input holds and answer on the descriptor named as the first argument.

    Standard output belongs to the model's libraries, which may print what they like.
    """
    reply_fd, parent = int(sys.argv[2]), int(sys.argv[3])
    die_with_parent(parent)
    _volunteer_for_the_oom_killer()
    from autoedge.agent.job import run_job

    with os.fdopen(reply_fd, "wb") as out:
        frame = read_frame(sys.stdin.buffer)
        if frame is None:
            return
        try:
            module, _, name = frame.body["runtime"].partition(":")
            runtime = getattr(import_module(module), name)()
            body, arrays = run_job(
                frame.body,
                frame.arrays.get("expected"),
                runtime,
                lambda phase: write_frame(out, {"phase": phase}),
                _asking(out) if frame.body.get("looks") else None,
            )
        except StoppedError as stopped:
            write_frame(out, {"stopped": str(stopped)})
        except AutoEdgeError as error:
            write_frame(out, {"failed": str(error)})
        except MemoryError:
            write_frame(out, {"failed": "the process ran out of memory"})
        except Exception as error:  # noqa: BLE001 - a runtime may raise anything; the host gets the reason
            where = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            write_frame(out, {"failed": f"{type(error).__name__}: {error}", "traceback": where})
        else:
            write_frame(out, {"done": body}, arrays)


def _asking(out: BinaryIO) -> Callable[[dict[str, Any], Mapping[str, np.ndarray]], Any]:
    """Shows a look to the host and waits for its answer on standard input."""

    def ask(body: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
        write_frame(out, {"look": body}, arrays)
        answer = read_frame(sys.stdin.buffer)
        if answer is None:
            raise SystemExit  # the agent is gone
        return answer.body.get("answer")

    return ask


def _volunteer_for_the_oom_killer() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError:
        return  # not Linux, or not allowed: the kernel then chooses by itself


def reply_of(frame_body: dict[str, Any]) -> bool:
    """Whether a frame of a worker is its last."""
    return any(end in frame_body for end in ("done", "failed", "stopped"))
