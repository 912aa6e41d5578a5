"""Read an intent file, and write one back with every default filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.intent.dump import dump_resolved
from autoedge.intent.problem import Problems, shown
from autoedge.intent.tree import Node, read_tree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from autoedge.intent.resolved import Intent

__all__ = ["dump_resolved", "load_intent"]

VERSION = 1


def load_intent(path: Path, trust: Iterable[Path] = ()) -> Intent:
    """The intent in a YAML file; paths in it are relative to its folder.

    Args:
        path: The file.
        trust: Files and folders whose code may be loaded, as the command line says.

    Raises:
        IntentError: With all problems of the file at once, one line each:
            ``intent.yaml:9 constraints[1]: latency_p95 takes a time, but got 20 MiB``.
    """
    problems = Problems(path)
    root = read_tree(path, problems)
    _check_version(root, problems)

    from autoedge.intent.meaning import read_meaning
    from autoedge.intent.shape import check_shape

    return read_meaning(path, check_shape(root, problems), problems, trust)


def _check_version(root: Node, problems: Problems) -> None:
    """Under another version all else may mean something else, so it is not looked at."""
    version = root.at(("version",))
    if version is root or version.value is None or (type(version.value) is int and version.value == VERSION):
        return
    rule = f"this AutoEdge reads version {VERSION} of the intent file"
    problems.add(version.line, ("version",), f"{rule}, but got {shown(version.plain)}")
    problems.raise_if_any()
