"""The power at idle, before and after the work: what net energy is counted above."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoedge.bench.integrals import Window, finite, settled_part
from autoedge.bench.uncertainty import expanded, rectangular, rounding, standard_error, total
from autoedge.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.meters.trace import Trace

DRIFT_SHARE = 0.03
DRIFT_ERRORS = 3.0
"""Idle drifted where it changed by more than 3 %, or by more than three standard errors."""
_FEWEST = 4
LARGEST_SHARE = 0.9
"""With idle above this share of the power, net energy is hardly resolved."""


@dataclass(frozen=True)
class Idle:
    """Mean power of one or several stretches without work.

    Attributes:
        power_w: Mean over the stretches, weighted by time.
        parts: Standard uncertainties in W: noise, drift between stretches, quantisation. The meter's gain and offset
            are not among them, since they are the same for the work.
        seconds: Length of the stretches.
        n: Readings used.
        n_eff: Independent readings that they are worth.
    """

    power_w: float
    parts: Mapping[str, float]
    seconds: float
    n: int
    n_eff: float

    @property
    def error_w(self) -> float:
        """Combined standard uncertainty."""
        return total(self.parts)

    @property
    def uncertainty_w(self) -> float:
        """Expanded uncertainty U, about 95 %."""
        return expanded(self.parts, {"noise": max(1.0, self.n_eff - 1)})


def idle_power(
    trace: Trace, stretches: Sequence[tuple[float, float]], *, clock_s: float = 0.0, settled: bool = False
) -> Idle:
    """The idle power of stretches of a recording, their settling left out.

    Args:
        trace: The recording.
        stretches: Start and end of each, on the trace's clock; each longer than the meter takes to settle.
        clock_s: By how much the ends may be off on that clock.
        settled: The device was idle before the stretches too, so that nothing has to settle.

    Raises:
        MeterError: A stretch holds no settled values; take a longer one.
    """
    means, errors, lengths, counts, worth = [], [], [], 0, 0.0
    for start, end in stretches:
        power = _readings(trace, Window(start, end, clock_s), settled=settled)
        error, independent = standard_error(power)
        means.append(float(power.mean()))
        errors.append(error)
        lengths.append(end - start)
        counts, worth = counts + power.size, worth + independent
    if not means:
        raise MeterError("an idle power takes a stretch at idle")
    shares = np.array(lengths) / sum(lengths)
    parts = {
        "noise": float(np.hypot.reduce(shares * errors)),
        "drift": rectangular(float(np.ptp(means)) / 2),
        "quantisation": rounding(trace.spec.resolution_w),
    }
    return Idle(float(shares @ means), parts, sum(lengths), counts, worth)


def _readings(trace: Trace, window: Window, *, settled: bool) -> np.ndarray:
    time, power = finite(trace)
    ends = (window.start_s + window.clock_s, window.end_s - window.clock_s)
    first, last = ends if settled else settled_part(trace.spec, window)
    inside: np.ndarray = power[(time >= first) & (time <= last)]
    if inside.size < _FEWEST:
        spec = trace.spec
        least = 2 * (spec.settling_s + window.clock_s) + (_FEWEST + 2) * spec.update_period_s
        raise MeterError(
            f"{spec.name}: {window.length_s:.1f} s at idle hold {inside.size} settled values, which are too few; "
            f"take {least:.1f} s or more"
        )
    return inside


class Drift(NamedTuple):
    """How idle changed from before the work to after it.

    Attributes:
        change_w: After less before.
        share: Of the idle power before.
        significant: More than 3 %, or more than three standard errors.
    """

    change_w: float
    share: float
    significant: bool


def drift(before: Idle, after: Idle) -> Drift:
    """How idle changed; where significantly, the device or its surroundings were not the same any more."""
    change = after.power_w - before.power_w
    share = change / before.power_w if before.power_w else math.copysign(math.inf, change) if change else 0.0
    error = math.hypot(before.error_w, after.error_w)
    return Drift(change, share, abs(share) > DRIFT_SHARE or abs(change) > DRIFT_ERRORS * error)


def amplification(share: float) -> float:
    """How much larger a relative error is in net than in gross: sqrt(1 + r^2) / (1 - r), independent equal errors.

    Args:
        share: r = idle power / total power, 0 or more; infinite from 1 on.
    """
    return math.sqrt(1 + share * share) / (1 - share) if share < 1 else math.inf


def why_not_net(power_w: float, idle: Idle, net_j: float, uncertainty_j: float) -> str:
    """Why net energy is not resolved; empty where it is.

    Args:
        power_w: Mean power at work.
        idle: The power at idle.
        net_j: Net energy, of any number of items.
        uncertainty_j: Its expanded uncertainty.
    """
    share = idle.power_w / power_w if power_w > 0 else math.inf
    if abs(net_j) <= uncertainty_j:
        return f"net energy is smaller than its uncertainty ({net_j:.3g} J and +/- {uncertainty_j:.3g} J)"
    if share > LARGEST_SHARE:
        return f"idle is {share:.0%} of the power, which makes errors of net {amplification(share):.0f} times larger"
    return ""
