"""Synthetic loads that a power model is fitted to: which ones, as which job, and what a meter said of one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.agent.load import KERNELS, NOTHING
from autoedge.bench.energy import window_energy
from autoedge.bench.metering import covers
from autoedge.bench.power_plan import PowerPlan
from autoedge.bench.uncertainty import total
from autoedge.bench.usage import Usage
from autoedge.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.agent.frames import Frame
    from autoedge.bench.metering import Metering, Recorded
    from autoedge.meters.spec import MeterSpec

RUNTIME = "load"
PLACE = "autoedge.agent.load:Load"
FEWEST = 3 + 2 * len(KERNELS)
"""A fit takes idle and every kind of work on one core and on all: with all alone, 62 % of fresh loads were covered."""
_NO_MODEL = "0" * 64
_START_S = 2.0
_PATIENCE_S = 60.0
_MEMORY_MIB = 1e9
_REST_S = 0.05  # the job's own idle stretches: being idle is a load of its own here
_AT_ONCE = {"warmup_calls": 1, "warmup_seconds": 0.0, "warmup_cap_seconds": 1.0, "block_calls": 1, "block_seconds": 0.0}
_ONE_CALL = {**_AT_ONCE, "block_tolerance": 1e9, "latency_calls": 1, "latency_seconds": 0.0, "cap_seconds": 10.0}
_QUIET = 0.2
_OF_THE_METER = ("gain", "offset")


@dataclass(frozen=True)
class Load:
    """A synthetic load.

    Attributes:
        kernel: Kind of work, one of ``autoedge.agent.load.KERNELS``, or ``nothing``.
        cores: How many at work.
        duty: Share of the time in which they are.
    """

    kernel: str
    cores: int
    duty: float

    @property
    def idle(self) -> bool:
        """Whether nothing is done."""
        return self.kernel == NOTHING

    def __str__(self) -> str:
        if self.idle:
            return "idle"
        return f"{self.kernel}, {self.cores} core{'s' * (self.cores > 1)}, {self.duty:.0%}".replace("%", " %")


IDLE = Load(NOTHING, 0, 1.0)


def calibration_loads(cores: int, most: int | None = None, seed: int = 0) -> list[Load]:
    """The loads of a calibration, in random order, so that warmth and time of day hit all alike.

    Every kind of work on all cores, on one, and in between, with idle stretches among them: 23 in all.

    Args:
        cores: That a process may use.
        most: How many there is time for; what tells least is left out first.
        seed: Of the order.
    """
    kinds = list(KERNELS)
    between = [(max(1, cores // 2), 0.75), (cores, 0.5), (1, 0.5)]
    rounds = [
        [IDLE, IDLE, *(Load(kind, cores, 1.0) for kind in kinds)],
        [IDLE, *(Load(kind, 1, 1.0 if cores > 1 else 0.6) for kind in kinds)],
        [IDLE, *(Load(kind, *between[place % len(between)]) for place, kind in enumerate(kinds)), IDLE],
    ]
    loads = [load for some in rounds for load in some][:most]
    return [loads[place] for place in np.random.default_rng(seed).permutation(len(loads))]


def fresh_loads(cores: int, count: int, seed: int) -> list[Load]:
    """Random loads, for comparing a model with a meter on what it was not fitted to."""
    dice, kinds = np.random.default_rng([seed, 1]), list(KERNELS)
    return [
        Load(str(dice.choice(kinds)), int(dice.integers(1, cores + 1)), round(float(dice.uniform(0.3, 1.0)), 2))
        for _ in range(count)
    ]


@dataclass(frozen=True)
class LoadPower:
    """What a meter said of one load.

    Attributes:
        load: Which.
        busy: Share of all processor time that was busy; see ``Usage``.
        clock: Mean relative clock.
        power_w: Mean power.
        error_w: Standard uncertainty by scatter, steps and edges, without the instrument's gain and offset.
        refused: Why not to trust it; empty where it may be.
    """

    load: Load
    busy: float
    clock: float
    power_w: float
    error_w: float
    refused: str = ""

    def __post_init__(self) -> None:
        numbers = (self.busy, self.clock, self.power_w, self.error_w)
        if not self.refused and not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(f"what a meter says of a load is finite and not negative, but got {self}")

    @property
    def usage(self) -> Usage:
        """As a power model takes it; the load is the only candidate."""
        return Usage(1.0, 0.0, self.busy, self.busy, self.clock)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> LoadPower:
        """What ``to_json`` gave; KeyError, TypeError or ValueError when it is no such form."""
        return cls(**{**form, "load": Load(**form["load"])})


def power_plan(spec: MeterSpec) -> PowerPlan:
    """How long the stretches of a load's job are with a meter."""
    least = {"idle_seconds": _REST_S, "idle_samples": 0, "energy_seconds": 0.0, "energy_windows": 1}
    return PowerPlan.of(least, spec)


def load_seconds(spec: MeterSpec) -> float:
    """Wall time of one load's job."""
    return sum(power_plan(spec).stretches) + _START_S


def load_job(load: Load, metering: Metering) -> dict[str, Any]:
    """The job of one load, in the words of ``autoedge.agent.job``.

    Args:
        load: Which.
        metering: The meter that watches.
    """
    spec = metering.spec
    return {
        "runtime": RUNTIME,
        "model": _NO_MODEL,
        "data": None,
        "knobs": asdict(load),
        "batch": 1,
        "seed": 0,
        "scores": None,
        "evaluate": "no",
        "tolerance": 0.0,
        "protocol": _ONE_CALL,
        "power": {**asdict(power_plan(spec)), "signature": metering.signature},
        "metered": metering.on_device,
        "limits": {"time_s": 2 * load_seconds(spec) + _PATIENCE_S, "memory_mib": _MEMORY_MIB},
        "key": {},
    }


def load_power(load: Load, reply: Frame, recorded: Recorded, cores: int) -> LoadPower:
    """Power and use of the device during a load.

    Args:
        load: Which.
        reply: Of its job, which ended well.
        recorded: By the meter.
        cores: Of the device.

    Raises:
        MeterError: The meter was lost, or gave nothing during the load.
        ValueError: The reply makes no sense; also KeyError and TypeError.
    """
    done = reply.body["done"]
    mark = next(mark for mark in done["marks"] if mark["name"] == "energy")
    lost = next((trace.lost for trace in recorded.traces if trace.lost), "")
    if lost:
        raise MeterError(f"the meter was lost: {lost}")
    trace = next((one for one in recorded.traces if covers(one, mark)), None)
    if trace is None:
        raise MeterError("the meter gave no values while the load ran")
    start, end = mark["start_ns"] / 1e9, mark["end_ns"] / 1e9
    energy = window_energy(trace, start, end, clock_s=recorded.clock_s)
    usage = Usage.of(done["energy_window"], end - start, cores)
    changes = reply.body.get("conditions", {}).get("changes", ())
    refused = energy.refused or ("the device throttled itself" if "throttled" in changes else "")
    if load.idle and usage.busy > _QUIET:
        refused = f"other work keeps the processor {100 * usage.busy:.0f} % busy; nothing else may run meanwhile"
    random = {name: part for name, part in energy.parts.items() if name not in _OF_THE_METER}
    found = LoadPower(load, usage.busy, usage.clock, 0.0, 0.0, refused or "not looked at yet")
    if refused:
        return found
    return replace(found, power_w=energy.mean_power_w, error_w=total(random) / energy.length_s, refused="")
