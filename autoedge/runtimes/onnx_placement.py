"""Which provider of ONNX Runtime executes how many of a model's operators."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.runtimes.onnx_session import CPU, VERBOSE, opened, short
from autoedge.runtimes.own_process import code_for

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_S = 300
_PLACED = re.compile(r"placed on \[(\w+)\]\. Number of nodes: (\d+)")


def placement(session: Any, path: Path, knobs: Mapping[str, Any]) -> dict[str, int]:
    """Operators by provider, after the graph was rewritten for them; empty where all are the CPU's by choice.

    ONNX Runtime 1.24 and later say it of the session itself. Of an earlier one it stands in the log of another session,
    which is opened in a process of its own; there, operators that a provider compiled together count as one.

    Args:
        session: From ``opened``.
        path: What it was opened with.
        knobs: Likewise.
    """
    if knobs.get("provider", CPU) == CPU:
        return {}
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return logged_placement(path, knobs)
    counts: Counter[str] = Counter()
    for subgraph in session.get_provider_graph_assignment_info():
        counts[short(subgraph.ep_name)] += len(subgraph.get_nodes())
    return dict(counts)


def logged_placement(path: Path, knobs: Mapping[str, Any]) -> dict[str, int]:
    """The same from the log of a session in another process; empty where that does not tell."""
    command = [sys.executable, "-c", code_for(__name__), str(path), json.dumps(dict(knobs))]
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    counts: Counter[str] = Counter()
    for name, number in _PLACED.findall(ran.stderr.decode("utf-8", "replace")):
        counts[short(name)] += int(number)
    return dict(counts)


def main() -> None:
    """Open a session that writes on standard error what it does; ends by itself also when nobody waits any more."""
    signal.alarm(_LONGEST_S)
    opened(Path(sys.argv[1]), json.loads(sys.argv[2]), VERBOSE)
