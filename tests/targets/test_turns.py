"""One measurement at a time on a machine, several machines side by side; through real agents over SSH."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.targets.ssh import SshTarget

    Make = Callable[..., SshTarget]

_SOON_S = 120.0


class Occupied:
    """A target that measures until it is told to stop."""

    def __init__(self, target: SshTarget, job: dict[str, Any]) -> None:
        self._target = target
        self._measuring = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        endless = {**job, "protocol": {**job["protocol"], "latency_seconds": 300.0, "cap_seconds": 300.0}}
        self._reply = self._pool.submit(
            target.run, {**endless, "limits": {**job["limits"], "time_s": 400.0}}, {}, self._on
        )
        assert self._measuring.wait(_SOON_S)

    def _on(self, phase: str) -> None:
        if phase == "latency":
            self._measuring.set()

    def stop(self) -> None:
        """End the measurement, which until now went on."""
        assert not self._reply.done()
        self._target.cancel()
        assert self._reply.result(_SOON_S).body == {"cancelled": True}
        self._pool.shutdown()


def test_two_agents_on_one_machine_never_measure_at_once(
    make: Make, job: dict[str, Any], files: dict[str, Path]
) -> None:
    """The second agent waits for as long as the first measures, says so, and goes on when the turn is free."""
    with make("one") as one, make("two", jobs="of two") as two:
        assert one.marks & two.marks
        for target in (one, two):
            target.send_files(files)
        busy = Occupied(one, job)
        phases: list[str] = []
        waiting = threading.Event()

        def on(phase: str) -> None:
            phases.append(phase)
            if phase.startswith("waiting"):
                waiting.set()

        with ThreadPoolExecutor(1) as pool:
            reply = pool.submit(two.run, job, {}, on)
            assert waiting.wait(_SOON_S)
            assert all(phase.startswith("waiting for another measurement") for phase in phases)
            busy.stop()
            assert "done" in reply.result(_SOON_S).body
        assert "latency" in phases


def test_two_machines_measure_side_by_side(
    make: Make, job: dict[str, Any], files: dict[str, Path], another_machine: Callable[[str], tuple[str, ...]]
) -> None:
    """Agents with machine ids of their own, in namespaces of their own, do not wait for each other."""
    with make("one", wrap=another_machine("1")) as one, make("two", jobs="of two", wrap=another_machine("2")) as two:
        assert not one.marks & two.marks
        for target in (one, two):
            target.send_files(files)
        busy = Occupied(one, job)
        phases: list[str] = []
        assert "done" in two.run(job, {}, phases.append).body
        assert not any(phase.startswith("waiting") for phase in phases)
        busy.stop()
    told = [make(name, wrap=another_machine(name), host="board") for name in ("1", "2")]
    assert told[0].probe().machine != told[1].probe().machine
    assert told[0].marks & told[1].marks
