"""Devices made up by chance, whose power is not of any form that a power model fits.

Their power saturates in busy cores, differs by kind of work, leaks more when warm, follows the load late, and is noisy.
Time is simulated: an hour of calibration takes a tenth of a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.signal import lfilter

from autoedge.agent.frames import Frame
from autoedge.agent.load import KERNELS
from autoedge.bench.loads import Load, LoadPower, load_power, power_plan
from autoedge.bench.metering import Recorded
from autoedge.meters.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from autoedge.meters.spec import MeterSpec

    Series = NDArray[np.float64]

STEP_S = 0.05
OTHER = "other"
"""A kind of work that no calibration runs."""
_TICK_S = 0.01
_SCATTER_S = 2.0


@dataclass(frozen=True)
class Character:
    """What a device is like.

    Attributes:
        cores: How many.
        idle_w: At 25 degrees.
        work_w: Added by all cores at common work.
        saturation: How much more the first cores draw than the last ones; 0 would be alike.
        unlike: Standard deviation of the kinds' logarithms.
        by_kind: Factor of each kind of work.
        leak: Part by which power grows with a degree.
        heating: Degrees for a watt, in the end.
        heating_s: Time constant of that.
        lag_s: Time constant with which power follows the load.
        noise: Standard deviation of slow scatter, as a part.
        ambient: Degrees around it.
    """

    cores: int
    idle_w: float
    work_w: float
    saturation: float
    unlike: float
    by_kind: Mapping[str, float]
    leak: float
    heating: float
    heating_s: float
    lag_s: float
    noise: float
    ambient: float

    @classmethod
    def drawn(cls, dice: np.random.Generator) -> Character:
        """A device somewhere between a small board and a large one."""
        idle, work, unlike = dice.uniform(0.8, 4.0), dice.uniform(1.5, 12.0), dice.uniform(0.05, 0.2)
        return cls(
            cores=int(dice.choice([1, 2, 4, 4, 8])),
            idle_w=idle,
            work_w=work,
            saturation=dice.uniform(0.1, 2.0),
            unlike=unlike,
            by_kind={kind: float(np.exp(dice.normal(0, unlike))) for kind in KERNELS},
            leak=dice.uniform(0.001, 0.005),
            heating=dice.uniform(10, 35) / (idle + work),
            heating_s=dice.uniform(20, 120),
            lag_s=dice.uniform(0.05, 0.4),
            noise=dice.uniform(0.003, 0.02),
            ambient=dice.uniform(18, 32),
        )

    def another_day(self, dice: np.random.Generator) -> Character:
        """The same device at up to 4 degrees more or less, with a new kind of work, ``OTHER``."""
        kinds = {**self.by_kind, OTHER: float(np.exp(dice.normal(0, self.unlike)))}
        return replace(self, ambient=self.ambient + dice.uniform(-4, 4), by_kind=kinds)


class Told(NamedTuple):
    """A load as measured, with the truth about it.

    Attributes:
        load: What the meter said.
        power_w: True mean power.
        idle_w: True mean power of the rest before it.
    """

    load: LoadPower
    power_w: float
    idle_w: float


class _Stretch(NamedTuple):
    times: Series
    watts: Series
    busy_s: float


class SimulatedDevice:
    """A device with a meter on its supply, in simulated time.

    Args:
        character: What it is like; may be replaced.
        spec: The meter, whose gain and offset errors are drawn within its accuracy.
        dice: All chance.
    """

    def __init__(self, character: Character, spec: MeterSpec, dice: np.random.Generator) -> None:
        self.character = character
        self._spec = spec
        self._dice = dice
        self._gain = 1 + dice.uniform(-spec.gain, spec.gain)
        self._offset_w = dice.uniform(-spec.offset_w, spec.offset_w)
        self._warmth = character.heating * character.idle_w
        self._scatter = 0.0
        self._watts = character.idle_w
        self._now = 0.0

    def rest(self, seconds: float) -> float:
        """Do nothing for a while; true mean power in W."""
        return float(self._run(Load("nothing", 0, 1.0), seconds).watts.mean())

    def measured(self, load: Load) -> Told:
        """A rest, then a load as an agent's job would run it, as the bench would find it."""
        plan = power_plan(self._spec)
        idle = self.rest(self._dice.uniform(1, 2) + 3 * plan.lead_s)
        parts = [self._run(load, seconds) for seconds in (plan.lead_s, plan.window_s, plan.tail_s)]
        trace = self._shown(np.concatenate([p.times for p in parts]), np.concatenate([p.watts for p in parts]))
        ends = parts[0].times[-1], parts[1].times[-1]
        mark = {"name": "energy", "start_ns": ends[0] * 1e9, "end_ns": ends[1] * 1e9}
        counters = {
            "cpu_s": 0.0,
            "machine_busy_s": sum(part.busy_s for part in parts),
            "machine_total_s": self.character.cores * sum(STEP_S * part.times.size for part in parts),
        }
        reply = Frame({"done": {"marks": [mark], "energy_window": counters}}, {})
        found = load_power(load, reply, Recorded([trace], 0.0, ""), self.character.cores)
        self.rest(plan.lead_s)
        return Told(found, float(parts[1].watts.mean()), idle)

    def _run(self, load: Load, seconds: float) -> _Stretch:
        one, count = self.character, max(1, round(seconds / STEP_S))
        others = float(self._dice.uniform(0.002, 0.02)) * one.cores
        own = 0.0 if load.idle else load.cores * load.duty
        share = min(1.0, (own + others) / one.cores)
        shape = np.expm1(-one.saturation * share) / np.expm1(-one.saturation)
        factor = (own * one.by_kind.get(load.kernel, 1.0) + others) / (own + others)
        watts = self._drawn(one.idle_w + one.work_w * shape * factor, count)
        times: Series = np.linspace(self._now + STEP_S, self._now + count * STEP_S, count)
        self._now = float(times[-1])
        return _Stretch(times, watts, round(share * one.cores * count * STEP_S / _TICK_S) * _TICK_S)

    def _drawn(self, wanted: float, count: int) -> Series:
        """Power step by step towards what the load wants, with warmth, scatter and lag."""
        one, watts = self.character, np.empty(count)
        for place in range(count):
            self._warmth += STEP_S / one.heating_s * (one.heating * self._watts - self._warmth)
            self._scatter += self._dice.normal(0, one.noise * np.sqrt(STEP_S)) - STEP_S / _SCATTER_S * self._scatter
            hot = wanted * (1 + one.leak * (one.ambient + self._warmth - 25)) * (1 + self._scatter)
            self._watts += (hot - self._watts) * -np.expm1(-STEP_S / one.lag_s)
            watts[place] = self._watts
        return watts

    def _shown(self, times: Series, watts: Series) -> Trace:
        """What the meter records of that."""
        spec, tau = self._spec, self._spec.settling_s / 3
        left = np.exp(-STEP_S / tau) if tau else 0.0
        slow = lfilter([1 - left], [1, -left], watts, zi=[left * watts[0]])[0]
        every = max(1, round(spec.update_period_s / STEP_S))
        taken = slow[::every] * self._gain + self._offset_w
        shown = np.rint(taken / spec.resolution_w) * spec.resolution_w if spec.resolution_w else taken
        return Trace(times[::every], shown, spec=spec)
