"""What a target tells of itself when it is probed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.registry import places
from autoedge.workflows.targets import probe_target

if TYPE_CHECKING:
    from pathlib import Path

KERNELS = {"memory_copy_gb_s", "matmul_f32_gflops", "matmul_f32_gflops_all", "int8_dot_gops", "pipe_us"}


def test_probe_over_ssh(loopback: Any, tmp_path: Path) -> None:
    """A probe over SSH has the device, its speed, its disk, its clock and its meters, as one JSON document."""
    import json

    from autoedge.targets.file import write_target

    file = tmp_path / "targets.yaml"
    one = loopback.declared()
    fields = {"address": one.address, "python": one.python, "folder": str(tmp_path / "device"), "ssh": list(one.ssh)}
    write_target(file, "device", fields)
    document = probe_target("device", file).plain()
    assert json.loads(json.dumps(document)) == document
    # The same Python is behind the server, and what tests need has every runtime.
    assert document["device"]["runtimes"].keys() == places("autoedge.runtimes").keys()
    assert set(document["survey"]["kernels"]) == KERNELS
    assert all(value > 0 for value in document["survey"]["kernels"].values())
    assert document["survey"]["disk_free_mib"] > 0
    assert document["clock"]["bound_s"] > 0
    assert isinstance(document["meters"], list)
