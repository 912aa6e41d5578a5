"""The child process that runs the user's code: hear what it tells, and end it with the iteration."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError, StoreError
from autoedge.models.child import how_it_ended, started

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_LONGEST_LINE = 2**20


def events(job: Mapping[str, Any]) -> Generator[dict[str, Any]]:
    """Do a job in a fresh process and give its events as they come; the process ends with the iteration.

    Time is not limited: what trains is the user's own code, and Ctrl-C ends it at once.

    Args:
        job: See ``making.make``.

    Raises:
        ModelError: The model, its weights or its data cannot be used, or the process crashed.
        StoreError: The disk is full or cannot be written.
    """
    with started("autoedge.compress.worker", job, Path(job["path"])) as (process, replies):
        while True:
            event = _event(replies.readline(_LONGEST_LINE))
            if event is None:
                code = process.wait()
                advice = "; a smaller batch needs less" if code == -signal.SIGKILL else ""
                raise ModelError(f"{job['path']}: the training {how_it_ended(code)}{advice}")
            if event["event"] == "done":
                return
            if event["event"] == "refused":
                raise ModelError(f"{job['path']}: {event['reason']}")
            if event["event"] == "storage":
                raise StoreError(f"{job['path']}: a candidate could not be written: {event['reason']}")
            yield event


def _event(line: bytes) -> dict[str, Any] | None:
    """What the child said; None when it ended before it had said it all."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
