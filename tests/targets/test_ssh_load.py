"""Synthetic loads on a device over SSH, where the agent is one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.agent.load import KERNELS
from autoedge.bench.loads import PLACE, RUNTIME, Load, load_job
from autoedge.meters.spec import MeterSpec
from autoedge.targets.ssh import SshTarget

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Meter:
    """What a load's job asks of a meter."""

    spec = MeterSpec("fast", "board-input", 0.001, 0.0, 0.001, 0.01, 0.01)
    signature = False
    on_device = False


def test_loads_run_on_a_device(loopback: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent that was sent as one file starts the load's processes, and tells windows and counters."""
    monkeypatch.setattr(MeterSpec, "shortest_window_s", property(lambda _: 0.3))
    declared = loopback.declared(folder=str(tmp_path / "device"))
    meter: Any = Meter()
    with SshTarget(declared, {RUNTIME: PLACE}, jobs=tmp_path / "jobs") as target:
        assert target.device is not None
        assert target.device.runtimes == {RUNTIME: "1"}
        reply = target.run(load_job(Load(next(iter(KERNELS)), 1, 0.5), meter), {})
        assert "done" in reply.body, reply.body
    assert [mark["name"] for mark in reply.body["done"]["marks"]] == ["idle", "loaded", "energy", "end"]
    assert reply.body["done"]["energy_window"]["machine_total_s"] > 0
