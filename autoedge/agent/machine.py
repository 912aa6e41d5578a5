"""What the agent can say of the machine that it runs on, and of its own process."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

from autoedge.agent.memory import usable_memory_bytes

_SELF = Path("/proc/self")
_NO_BOARD = "linux,dummy-virt"  # what virtual machines without a board of their own say


def describe() -> dict[str, Any]:
    """The machine in the terms of ``autoedge.device.Device``, without runtimes."""
    import psutil

    cores = usable_cores()
    physical = psutil.cpu_count(logical=False) or cores
    return {
        "machine": machine_hash(),
        "arch": platform.machine(),
        "cpu": device_name(),
        "cores": cores,
        "physical_cores": min(physical, cores),
        "memory_mib": usable_memory_bytes() // 2**20,
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def machine_hash() -> str:
    """Sixteen hex digits that tell machines apart; the machine's own id never leaves it."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"):
        try:
            identity = Path(path).read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if identity:
            break
    else:
        identity = platform.node()
    return hashlib.sha256(f"autoedge {identity}".encode()).hexdigest()[:16]


def usable_cores() -> int:
    """Logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_name(root: Path = Path("/")) -> str:
    """The board by its name where the system knows it, else the processor.

    Args:
        root: Where the system's files lie.
    """
    board = _read(root / "proc" / "device-tree" / "model").strip("\0 \n")
    if board not in ("", _NO_BOARD):
        return board
    lines = _read(root / "proc" / "cpuinfo").splitlines()
    if not lines:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    known = (named.get(key) for key in ("Model", "Hardware", "model name"))
    return next(filter(None, known), f"{platform.machine()} part {named.get('CPU part', 'unknown')}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def peak_memory_mib() -> float:
    """Peak resident memory of this process so far, in MiB."""
    peak = _peak_kib()
    if peak is not None:
        return peak / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak_memory(process: Path = _SELF) -> bool:
    """Let the peak begin anew at what is resident now, where the system can.

    Args:
        process: Where the system's files about this process lie.

    Returns:
        Whether it did. Only Linux can, and there ``clear_refs`` is often not writable in a container.
    """
    try:
        (process / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return _peak_kib(process) is not None


def _peak_kib(process: Path = _SELF) -> int | None:
    """The peak that can be forgotten, in KiB; None where the system does not tell it."""
    try:
        lines = (process / "status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)


def processor_seconds() -> tuple[float, float]:
    """Busy and total processor seconds of the whole machine since it started; zeros where the system does not say."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0, 0.0
    ticks = [int(field) for field in first[1:9]]  # user nice system idle iowait irq softirq steal
    hertz = os.sysconf("SC_CLK_TCK")
    total = sum(ticks)
    return (total - ticks[3] - ticks[4]) / hertz, total / hertz
