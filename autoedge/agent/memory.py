"""How much memory a process may use: the machine's, unless a limit allows less."""

from __future__ import annotations

import resource
from pathlib import Path

_CGROUP = "sys/fs/cgroup"


def usable_memory_bytes(root: Path = Path("/")) -> int:
    """The least of physical memory, the limits of this process's control groups, and its address space limit.

    Args:
        root: Of the tree with ``proc`` and ``sys``.
    """
    import psutil

    amounts = [int(psutil.virtual_memory().total), *cgroup_limits(root)]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        amounts.append(soft)
    return min(amounts)


def cgroup_limits(root: Path) -> list[int]:
    """Limits in bytes of the control groups that this process is in, version 1 and 2; each parent limits too."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            found += _limits(root / _CGROUP, group, "memory.max")
        elif "memory" in controllers.split(","):
            found += _limits(root / _CGROUP / "memory", group, "memory.limit_in_bytes")
    return found


def _limits(base: Path, group: str, name: str) -> list[int]:
    """Limits of a group and its parents; inside a container the group's own folder may be the base itself."""
    parts = [part for part in group.split("/") if part not in ("", "..")]
    folders = [base.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    found = []
    for folder in folders:
        try:
            text = (folder / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():  # else "max"
            found.append(int(text))
    return found
