"""Run synthetic loads on a target under its meter."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.agent.frames import NONSENSE
from autoedge.bench.loads import PLACE, RUNTIME, load_job, load_power
from autoedge.errors import TargetError
from autoedge.targets.declared import open_target
from autoedge.workflows.metering import metering_of
from autoedge.workflows.targets import known_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.bench.loads import Load, LoadPower
    from autoedge.bench.metering import Metering
    from autoedge.device import Device
    from autoedge.targets.base import Target


@dataclass(frozen=True)
class LoadStand:
    """A target that was reached, with its meter open.

    Attributes:
        target: Runs loads.
        device: What it is.
        metering: What it draws.
        idle_power_w: At rest, as the user declares it; None where nobody said.
    """

    target: Target
    device: Device
    metering: Metering
    idle_power_w: float | None = None

    def measured(self, load: Load) -> LoadPower:
        """Run one load; takes as long as ``autoedge.bench.loads.load_seconds`` says, in the machine's turn.

        Raises:
            TargetError: The target was lost, or cannot run the load.
            MeterError: The meter was lost.
        """
        self.metering.begin()
        try:
            reply = self.target.run(load_job(load, self.metering), {}, self.metering.phase)
        except BaseException:
            self.metering.finish(None)
            raise
        if "done" not in reply.body:
            self.metering.finish(None)
            reason = reply.body.get("failed", "it was cancelled")
            raise TargetError(f"target '{self.target.name}': cannot run the load '{load}': {reason}")
        try:
            found = load_power(load, reply, self.metering.finish(reply), self.device.cores)
        except (StopIteration, *NONSENSE) as error:
            raise TargetError(f"target '{self.target.name}': sent a reply that makes no sense: {error!r}") from error
        self.target.acknowledge(reply.body["job"])
        return found


@contextmanager
def load_stand(name: str, file: Path | None, meter: Mapping[str, Any] | None) -> Iterator[LoadStand]:
    """A target with its meter, ready for loads; both are closed at the end.

    Args:
        name: Of the target, or its address.
        file: The targets file; None for the user's own.
        meter: ``type`` and options of the meter; None for the one that the target declares, or has.

    Raises:
        IntentError: Nobody knows the target.
        TargetError: It cannot be reached.
        MeterError: There is no meter, or it cannot be opened.
    """
    one = known_target(name, file)
    one = one if meter is None else replace(one, meter=meter)
    with tempfile.TemporaryDirectory(prefix="autoedge-power-") as folder:
        place = Path(folder)
        with open_target(one, {RUNTIME: PLACE}, blobs=place / "blobs", jobs=place / "jobs") as target:
            device = target.probe()
            with metering_of(target, one) as metering:
                yield LoadStand(target, device, metering, one.idle_power_w)
