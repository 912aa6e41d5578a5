"""Ask runtimes what this machine can do for them, each in a process of its own: a broken driver may take it along."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Callable

from autoedge.agent.orphan import die_with_parent
from autoedge.runtimes.base import Runtime
from autoedge.runtimes.own_process import code_for

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_S = 60.0
"""After so long, what the runtimes have said so far has to do."""
_BEAT_S = 2.0
_GRACE_S = 5


def offers_of(places: Mapping[str, str], beat: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """By runtime, what it offers here (see ``Runtime.offers``); those are left out that depend on nothing.

    Args:
        places: Installed runtimes with the place of their class.
        beat: Called every few seconds while it takes.

    Returns:
        A runtime that crashed, or said nothing in time, has no knobs here.
    """
    end = time.monotonic() + LONGEST_S
    return {name: _asked(place, end, beat) for name, place in places.items() if _depends(place)}


def _depends(place: str) -> bool:
    return type(_runtime(place)).offers is not Runtime.offers


def _runtime(place: str) -> Runtime:
    module, _, name = place.partition(":")
    runtime: Runtime = getattr(import_module(module), name)()
    return runtime


def _asked(place: str, end: float, beat: Callable[[], None]) -> Any:
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "-c", code_for(__name__), place, str(os.getpid())],
        stdin=quiet,
        stdout=subprocess.PIPE,
        stderr=quiet,
        start_new_session=True,
    ) as process:
        try:
            lines = _said(process, end, beat).splitlines()
            offered = json.loads(lines[-1]) if process.returncode == 0 and lines else {}
        except ValueError:
            return {}
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
    return offered if isinstance(offered, dict) else {}


def _said(process: subprocess.Popen[bytes], end: float, beat: Callable[[], None]) -> bytes:
    while time.monotonic() < end:
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=min(_BEAT_S, max(end - time.monotonic(), 0.0)))[0]
        beat()
    return b""


def main() -> None:
    """Print what the runtime named first offers, as JSON; ends by itself also where the engine hangs."""
    die_with_parent(int(sys.argv[2]))
    signal.alarm(int(LONGEST_S) + _GRACE_S)
    offered = _runtime(sys.argv[1]).offers()
    sys.stdout.write(f"\n{json.dumps(offered)}\n")  # an engine may have printed something
