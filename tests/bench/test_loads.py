"""Synthetic loads: which ones, as which job, and what a meter says of one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from autoedge.agent.frames import Frame
from autoedge.agent.load import KERNELS
from autoedge.bench.loads import FEWEST, IDLE, Load, LoadPower, calibration_loads, fresh_loads, load_power
from autoedge.bench.metering import Recorded
from autoedge.errors import MeterError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace

SPEC = MeterSpec("fast", "board-input", 0.01, 0.0, 0.001, 0.01, 0.01)
WORK = Load("matmul", 2, 1.0)


def told(load: Load, busy: float, **changes: Any) -> LoadPower:
    """What is found of 12 s at 4 W on two cores."""
    time = np.arange(0, 14, 0.01)
    trace = Trace(time, np.full(time.size, 4.0), spec=SPEC, lost=changes.get("lost", ""))
    marks = [{"name": "energy", "start_ns": 1e9, "end_ns": 13e9}]
    used = {"cpu_s": 0.0, "machine_busy_s": 24 * busy, "machine_total_s": 24.0}
    conditions = {"changes": changes.get("changes", [])}
    body = {"done": {"marks": marks, "energy_window": used}, "conditions": conditions}
    return load_power(load, Frame(body, {}), Recorded(changes.get("traces", [trace]), 0.0, ""), 2)


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 16])
def test_a_calibration_holds_every_kind(cores: int) -> None:
    """The fewest loads hold idle thrice and every kind of work at two levels; all of them are within the device."""
    few, all_ = calibration_loads(cores, FEWEST), calibration_loads(cores)
    assert sum(load.idle for load in few) == 3
    levels = {kind: {(load.cores, load.duty) for load in few if load.kernel == kind} for kind in KERNELS}
    assert all(len(seen) == 2 for seen in levels.values())
    assert len(all_) == 23
    assert all(load.idle or (1 <= load.cores <= cores and 0 < load.duty <= 1) for load in all_)
    assert sorted(map(str, few)) == sorted(str(load) for load in few)
    assert calibration_loads(cores) == all_  # the order by chance is the same again, so that a stop loses nothing


def test_fresh_loads_differ_from_run_to_run() -> None:
    """Another seed, other loads."""
    assert fresh_loads(4, 8, 1) != fresh_loads(4, 8, 2)
    assert all(1 <= load.cores <= 4 and load.kernel in KERNELS for load in fresh_loads(4, 50, 0))


def test_power_and_use_of_a_load() -> None:
    """Mean power comes from the window, use from the counters; the meter's own errors stay out of the scatter."""
    found = told(WORK, 0.75)
    assert (found.power_w, found.busy, found.clock, found.refused) == (pytest.approx(4.0), 0.75, 1.0, "")
    assert found.error_w < 0.01
    assert LoadPower.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_what_spoils_a_load() -> None:
    """Throttling and other work in an idle stretch are refused; work beside a load is not, since it is counted."""
    assert told(WORK, 1.0, changes=["throttled"]).refused == "the device throttled itself"
    assert "other work keeps the processor 50 % busy" in told(IDLE, 0.5).refused
    assert not told(IDLE, 0.05).refused


def test_a_lost_meter_is_an_error() -> None:
    """Nothing is made up where the meter was lost or silent."""
    with pytest.raises(MeterError, match="unplugged"):
        told(WORK, 1.0, lost="unplugged")
    with pytest.raises(MeterError, match="gave no values"):
        told(WORK, 1.0, traces=[])


def test_names() -> None:
    """A load is told in plain words."""
    assert (str(WORK), str(IDLE)) == ("matmul, 2 cores, 100 %", "idle")
    assert str(Load("copy", 1, 0.5)) == "copy, 1 core, 50 %"
