"""Loads on a target that says what it likes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.bench.loads import IDLE
from autoedge.bench.metering import Metering, Recorded
from autoedge.device import Device
from autoedge.errors import TargetError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace
from autoedge.workflows.loading import LoadStand

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICE = Device("0123456789abcdef", "aarch64", "cpu", 4, 4, 1000, "Linux", "3.11")


class Desk(Metering):
    """A meter that read a second of power."""

    def __init__(self) -> None:
        self.spec = MeterSpec("um25c", "board-input", 0.1, 0.1, 0.01, 0.01, 0.01)

    def begin(self) -> None:
        """Nothing to do."""

    def phase(self, name: str) -> None:
        """Nothing to do."""

    def finish(self, reply: Frame | None) -> Recorded:
        """Ten values."""
        del reply
        return Recorded([Trace(np.linspace(0, 1, 10), np.ones(10), spec=self.spec)], 0.0, "")


class Liar:
    """A target whose only answer is given."""

    name = "liar"

    def __init__(self, done: Mapping[str, Any]) -> None:
        self._done = done

    def run(self, *_: object) -> Frame:
        """The answer."""
        return Frame({"done": self._done, "job": "0" * 32}, {})


@pytest.mark.parametrize(
    "done",
    [
        {},
        {"marks": []},
        {"marks": [{"name": "energy", "start_ns": 10**400, "end_ns": 5}]},
        {"marks": [{"name": "energy", "start_ns": 0, "end_ns": 0}], "energy_window": {"cpu_s": 1.0}},
    ],
)
def test_a_load_whose_reply_makes_no_sense(done: dict[str, Any]) -> None:
    """It is the target's error, however it fails to add up."""
    stand = LoadStand(Liar(done), DEVICE, Desk())  # type: ignore[arg-type]  # it has all that a load uses
    with pytest.raises(TargetError, match="target 'liar': sent a reply that makes no sense"):
        stand.measured(IDLE)
