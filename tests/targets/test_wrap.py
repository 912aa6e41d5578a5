"""A command in front of the agent: what it takes away is seen, and is another device to the measurements."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.targets.link import LostTargetError
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.targets.ssh import SshTarget

    Make = Callable[..., SshTarget]

MIB = 2**20


def _one_core() -> tuple[str, ...]:
    return ("taskset", "-c", str(min(os.sched_getaffinity(0))))


def test_wrap_over_ssh(make: Make, job: dict[str, Any], files: dict[str, Path]) -> None:
    """An agent on one core and with a memory limit says so, has a fingerprint of its own, and measures."""
    plain = make("plain").probe()
    with make("small", wrap=(*_one_core(), "prlimit", f"--as={6000 * MIB}")) as target:
        assert target.device is not None
        assert target.device.cores == 1
        assert target.device.memory_mib == min(6000, plain.memory_mib)
        assert target.device.machine == plain.machine
        assert target.device.fingerprint != plain.fingerprint
        target.send_files(files)
        assert "done" in target.run(job, {}).body


def test_wrap_of_this_machine(tmp_path: Path) -> None:
    """A local agent can be wrapped too."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    with LocalTarget({}, **folders, wrap=(*_one_core(), "prlimit", f"--as={6000 * MIB}")) as target:
        assert target.device is not None
        assert target.device.cores == 1
        assert target.device.memory_mib <= 6000


def test_another_wrap_is_another_device(tmp_path: Path) -> None:
    """A command that takes away what the agent cannot see, such as a quota, keeps its measurements apart too."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    with LocalTarget({}, **folders) as plain, LocalTarget({}, **folders, wrap=("nice", "-n", "5")) as nice:
        assert plain.device is not None
        assert nice.device is not None
        assert nice.device.machine == plain.device.machine
        assert nice.device.cores == plain.device.cores
        assert nice.device.fingerprint != plain.device.fingerprint


def test_a_wrap_that_takes_too_much(tmp_path: Path) -> None:
    """An agent that dies behind a command may have died of it, so the message names that command."""
    folders = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
    with pytest.raises(LostTargetError, match=r"the agent ended .* `wrap`, prlimit --as=\d+, may leave it too little"):
        LocalTarget({}, **folders, wrap=("prlimit", f"--as={40 * MIB}")).probe()
