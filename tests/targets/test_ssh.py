"""A target over SSH: the agent is sent once, jobs run as on any target, and what finished is never lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.targets.archive import agent_archive
from autoedge.targets.connection import REMOTE_COMMAND, ssh_command
from autoedge.targets.declared import DeclaredTarget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.targets.ssh import SshTarget

    Make = Callable[..., SshTarget]


def test_a_job_runs_on_the_device(make: Make, job: dict[str, Any], files: dict[str, Path], tmp_path: Path) -> None:
    """A job over SSH gives what it gives locally; the agent and the files lie in the target's folder, once."""
    with make() as target:
        assert target.device is not None
        assert set(target.device.runtimes) == {"onnxruntime"}
        assert target.device.cores == len(os.sched_getaffinity(0))
        target.send_files(files)
        reply = target.run(job, {})
        assert len(reply.arrays["latency_ns"]) == 20
        assert reply.arrays["scores"].shape == (30, 3)
        assert reply.body["key"] == {"candidate": "c"}
    (agent,) = (tmp_path / "device" / "agents").iterdir()
    assert agent.name == f"{agent_archive().sha256}.pyz"
    assert {path.name for path in (tmp_path / "device" / "blobs").iterdir()} == set(files)
    before = agent.stat().st_mtime_ns
    with make():
        assert agent.stat().st_mtime_ns == before


def test_a_look_leaves_nothing(make: Make, tmp_path: Path) -> None:
    """Where no job ended, the agent leaves no folder behind, and a later one finds everything it needs."""
    target = make()
    for _ in range(2):
        with target:
            assert target.survey()["disk_free_mib"] > 0
            assert len(list((tmp_path / "device" / "jobs").iterdir())) == 1
        assert list((tmp_path / "device" / "jobs").iterdir()) == []


def test_a_damaged_agent_is_sent_again(make: Make, tmp_path: Path) -> None:
    """An archive on the device whose bytes are not what its name says is replaced before it runs."""
    archive = tmp_path / "device" / "agents" / f"{agent_archive().sha256}.pyz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"damaged")
    with make() as target:
        assert target.device is not None
    assert archive.read_bytes() == agent_archive().data
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_replies_wait_on_the_device(make: Make, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A reply that was not acknowledged is there after a reconnection, for the same run and for no other."""
    with make() as first:
        first.send_files(files)
        reply = first.run(job, {})
    with make(jobs="of another run") as other:
        assert list(other.unclaimed()) == []
    with make() as second:
        (kept,) = second.unclaimed()
        assert kept.body == reply.body
        np.testing.assert_array_equal(kept.arrays["latency_ns"], reply.arrays["latency_ns"])
        second.acknowledge(kept.body["job"])
        assert list(second.unclaimed()) == []


def test_the_remote_command_holds_no_data() -> None:
    """Whatever is declared, the command is constant, user and port are options, and the host comes last, behind --."""
    one = DeclaredTarget("a", "ssh://pi@host:2222", wrap=("taskset", "-c", "0"), python="/x/python", ssh=("-F", "f"))
    command = ssh_command(one)
    assert command[command.index("--") :] == ["--", "host", REMOTE_COMMAND]
    assert command[command.index("--") - 4 : command.index("--")] == ["-l", "pi", "-p", "2222"]
    assert not any("taskset" in word or "/x/python" in word for word in command)


def test_the_user_cannot_loosen_host_keys_by_options() -> None:
    """Ssh takes the first value of an option: the strict one comes before the user's options."""
    command = ssh_command(DeclaredTarget("a", "ssh://host", ssh=("-o", "StrictHostKeyChecking=no")))
    assert command.index("StrictHostKeyChecking=yes") < command.index("StrictHostKeyChecking=no")


def test_runtimes_of_plugins_stay_here(make: Make, tmp_path: Path) -> None:
    """Only AutoEdge's own runtimes are asked for on a device, since no other code is sent there."""
    from autoedge.targets.ssh import SshTarget

    declared = make()._declared
    runtimes = {"onnxruntime": "autoedge.runtimes.onnxruntime:OnnxRuntime", "foreign": "somebody.else:Runtime"}
    with SshTarget(declared, runtimes, jobs=tmp_path / "other") as target:
        assert target.device is not None
        assert set(target.device.runtimes) == {"onnxruntime"}


def test_clocks_are_aligned_by_round_trips(make: Make) -> None:
    """On one machine the clocks are one: the offset found lies within its own bound of zero."""
    with make() as target:
        clock = target.clock_offset()
        assert abs(clock.offset_s) <= clock.bound_s
        assert 0 < clock.bound_s < 5
