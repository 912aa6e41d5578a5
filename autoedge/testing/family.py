"""The CPU time of a process and everything that it started."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _WAITED = 1, 11, 13  # fields of /proc/PID/stat behind the name: ppid, utime, cutime; proc_pid_stat(5)


class _Member(NamedTuple):
    """A process at one moment.

    Attributes:
        parent: Process id.
        own_s: CPU time of its threads.
        waited_s: CPU time of children that ended and were waited for, and of theirs.
    """

    parent: int
    own_s: float
    waited_s: float


class Family:
    """A process and its descendants, also those that outlive their parents.

    A descendant that ended is counted on in its parent, which waited for it. One that was never seen alive counts
    too, unless its parent ignores SIGCHLD or it was an orphan.

    Args:
        pid: The process.

    Raises:
        ProcessLookupError: There is no such process.
    """

    def __init__(self, pid: int) -> None:
        first = _member(pid)
        if first is None:
            raise ProcessLookupError(f"there is no process {pid}")
        self._members = {pid: first}
        self._strangers: set[int] = set()
        self._ended_s = 0.0

    def cpu_s(self) -> float:
        """CPU seconds spent so far; may fall a little for a moment when a descendant ends."""
        self._meet()
        before = self._members
        # Parents are read before their children, so that one that ends in between is missed once rather than twice.
        now = {pid: member for pid in before if (member := _member(pid)) is not None}
        for pid, member in before.items():
            if pid not in now and member.parent not in now:  # nobody in the family waited for it
                self._ended_s += member.own_s + member.waited_s
        self._members = now
        return self._ended_s + sum(member.own_s + member.waited_s for member in now.values())

    def _meet(self) -> None:
        listed = {int(entry.name) for entry in os.scandir(_PROC) if entry.name.isdecimal()}
        self._strangers &= listed
        unknown = {}
        for pid in listed - self._strangers - self._members.keys():
            member = _member(pid)
            if member is not None:
                unknown[pid] = member.parent
        while born := {pid for pid, parent in unknown.items() if parent in self._members}:
            for pid in sorted(born):
                self._members[pid] = _Member(unknown.pop(pid), 0.0, 0.0)
        self._strangers |= unknown.keys()


def _member(pid: int) -> _Member | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 1 :].split()
    user, system, waited_user, waited_system = (int(ticks) for ticks in fields[_USER : _WAITED + 2])
    try:
        own_s = time.clock_gettime(~pid << 3 | 2)  # the clock of clock_getcpuclockid(3): finer than the ticks
    except OSError:
        own_s = (user + system) * _TICK_S
    return _Member(int(fields[_PARENT]), own_s, (waited_user + waited_system) * _TICK_S)
