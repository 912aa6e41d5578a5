"""How much memory the agent says that it may use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from autoedge.agent.memory import cgroup_limits, usable_memory_bytes

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/a/b\n", {"memory.max": "max", "a/memory.max": "2147483648", "a/b/memory.max": "max"}, [2 * GIB]),
        ("0::/a\n", {"memory.max": "1073741824", "a/memory.max": "3221225472"}, [GIB, 3 * GIB]),
        ("0::/\n", {"memory.max": "1073741824"}, [GIB]),
        ("0::/../x\n", {"memory.max": "1073741824"}, [GIB]),
        ("5:cpu:/c\n4:memory:/docker/1\n", {"memory/memory.limit_in_bytes": "1073741824"}, [GIB]),
        ("4:hugetlb,memory:/a\n", {"memory/a/memory.limit_in_bytes": "1073741824"}, [GIB]),
        ("5:cpu:/a\n", {"a/memory.max": "1", "memory/a/memory.limit_in_bytes": "1"}, []),
        ("nonsense\n", {}, []),
    ],
)
def test_limits_of_control_groups(tmp_path: Path, groups: str, files: dict[str, str], expected: list[int]) -> None:
    """Limits of both versions are found, those of parents too, and "max" is none."""
    _write(tmp_path / "proc/self/cgroup", groups)
    for name, text in files.items():
        _write(tmp_path / "sys/fs/cgroup" / name, f"{text}\n")
    assert cgroup_limits(tmp_path) == expected


def test_the_least_counts(tmp_path: Path) -> None:
    """Without limits it is physical memory; a control group's limit below it is what counts."""
    assert usable_memory_bytes(tmp_path) == psutil.virtual_memory().total
    _write(tmp_path / "proc/self/cgroup", "0::/\n")
    _write(tmp_path / "sys/fs/cgroup/memory.max", "104857600\n")
    assert usable_memory_bytes(tmp_path) == 100 * 2**20


def test_the_address_space_counts() -> None:
    """A limit of the address space, as prlimit sets it, is seen."""
    code = "from autoedge.agent.memory import usable_memory_bytes; print(usable_memory_bytes())"
    limited = [str(shutil.which("prlimit")), f"--as={GIB}", sys.executable, "-c", code]
    ran = subprocess.run(limited, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == min(GIB, psutil.virtual_memory().total)
