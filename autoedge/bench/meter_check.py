"""What a recording of a steady load tells of the meter itself, and whether it is fit for an energy window."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.energy import WindowEnergy, window_energy
from autoedge.bench.idle import DRIFT_ERRORS
from autoedge.bench.integrals import finite
from autoedge.bench.uncertainty import COVERAGE, expanded, rectangular, rounding, standard_error
from autoedge.bench.unfit import SHARE
from autoedge.errors import MeterError
from autoedge.meters.spec import SHORTEST_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace

    Series = NDArray[np.float64]

_FEWEST = 4
_ROUNDING = 1e-9
"""Values are equal that differ by no more than this share: what arithmetic makes of equal readings."""
_GAP = 2.0
"""Two values further apart than so many periods have a gap between them."""


@dataclass(frozen=True)
class Summary:
    """The power over a recording.

    Attributes:
        mean_w: Mean of the values.
        uncertainty_w: Its expanded uncertainty U, about 95 %: gain, offset, steps, scatter.
        least_w: Smallest value.
        largest_w: Largest value.
        values: How many there were.
        worth: Independent ones that they are worth.
    """

    mean_w: float
    uncertainty_w: float
    least_w: float
    largest_w: float
    values: int
    worth: float


@dataclass(frozen=True)
class Pace:
    """How fast a meter really is.

    Attributes:
        values_hz: Values a second.
        new_hz: Of those, how many differ from the one before. A load as steady as the steps of the meter repeats
            values that are new.
        repeats: Share of values that are exactly the one before.
        longest_gap_s: Longest time between two values.
        gaps: Times between two values of more than two periods.
    """

    values_hz: float
    new_hz: float
    repeats: float
    longest_gap_s: float
    gaps: int


@dataclass(frozen=True)
class Noise:
    """What a meter shows of a load that does not change.

    Attributes:
        sd_w: Standard deviation of the values about a straight line.
        autocorrelation: Of each value with the one before.
        step_w: Smallest difference between two values seen; None where all are equal.
        drift_w_per_min: Slope of the line.
        drifts: Whether the slope is more than three standard errors: the load is not steady, or the meter warms up.
    """

    sd_w: float
    autocorrelation: float
    step_w: float | None
    drift_w_per_min: float
    drifts: bool


@dataclass(frozen=True)
class MeterCheck:
    """What was found out of a meter.

    Attributes:
        summary: The power meanwhile.
        pace: How fast it is.
        noise: How still it is.
        window: The energy of a window of the length asked for; ``refused`` says why the meter is not fit for it.
        least_w: Smallest difference of mean power that two such windows tell apart on this meter.
        shortest_s: Shortest window for which the meter is fit at this load; None where none is.
    """

    summary: Summary
    pace: Pace
    noise: Noise
    window: WindowEnergy
    least_w: float
    shortest_s: float | None

    @property
    def fit(self) -> bool:
        """Whether the meter is fit for the window."""
        return not self.window.refused

    @property
    def least_j(self) -> float:
        """Smallest difference of energy that two such windows tell apart."""
        return self.least_w * self.window.length_s

    def to_json(self) -> dict[str, Any]:
        """As JSON values; what is not known is null."""
        window = {
            "seconds": self.window.length_s,
            "energy_j": _known(self.window.energy_j),
            "uncertainty_j": _known(self.window.uncertainty_j),
            "parts_j": {name: _known(part) for name, part in self.window.parts.items()},
            "method": self.window.method,
            "refused": self.window.refused,
        }
        return {
            "fit": self.fit,
            "summary": asdict(self.summary),
            "pace": asdict(self.pace),
            "noise": asdict(self.noise),
            "window": window,
            "least_difference_w": _known(self.least_w),
            "least_difference_j": _known(self.least_j),
            "shortest_window_s": self.shortest_s,
        }


def summary(trace: Trace) -> Summary:
    """The power over a recording.

    Raises:
        MeterError: It holds no values.
    """
    _, power = _values(trace, 1)
    error, worth = standard_error(power)
    mean = float(power.mean())
    parts = {
        "gain": rectangular(trace.spec.gain * mean),
        "offset": rectangular(trace.spec.offset_w),
        "quantisation": rounding(trace.spec.resolution_w),
        "noise": error,
    }
    doubt = expanded(parts, {"noise": max(1.0, worth - 1)})
    return Summary(mean, doubt, float(power.min()), float(power.max()), int(power.size), worth)


def check(trace: Trace, start_s: float, end_s: float) -> MeterCheck:
    """Judge a meter by a recording of a steady load, best of a device at rest.

    Args:
        trace: Longer than the window by what the meter takes to settle, at both ends.
        start_s: Where the window begins, on the trace's clock.
        end_s: Where it ends.

    Raises:
        MeterError: The recording holds too few values, or all of one time.
    """
    time, power = _values(trace, _FEWEST)
    if time[-1] - time[0] < SHORTEST_S:
        raise MeterError(f"{trace.spec.name}: all values came at one time; read it for longer")
    noise = _noise(time, power)
    window = window_energy(trace, start_s, end_s)
    # Of two windows each has its own scatter and edges; gain and offset are the same in both.
    still = {name: window.parts.get(name, math.nan) for name in ("noise", "quantisation", "edges")}
    least_w = math.sqrt(2) * expanded(still, {"noise": max(1.0, window.n_eff - 1)}) / window.length_s
    return MeterCheck(
        summary=summary(trace),
        pace=_pace(time, trace),
        noise=noise,
        window=window,
        least_w=least_w,
        shortest_s=_shortest(trace.spec, time, power, noise.sd_w),
    )


def _values(trace: Trace, fewest: int) -> tuple[Series, Series]:
    time, power = finite(trace)
    if time.size < fewest:
        told = {
            "values beyond its range": trace.counts.overloads,
            "values missing": trace.counts.missing,
            "checksum errors": trace.counts.checksum_errors,
        }
        incidents = ", ".join(f"{count} {what}" for what, count in told.items() if count)
        why = f"incidents: {incidents}" if incidents else "read it for longer"
        raise MeterError(f"{trace.spec.name}: {time.size} values came, which are too few; {why}")
    return time, power


def _pace(time: Series, trace: Trace) -> Pace:
    steps = np.diff(time)
    period = max(trace.spec.update_period_s, float(np.median(steps)))
    repeats = trace.counts.repeats / max(1, trace.counts.samples)
    hertz = (time.size - 1) / float(time[-1] - time[0])
    return Pace(hertz, hertz * (1 - repeats), repeats, float(steps.max()), int((steps > _GAP * period).sum()))


def _noise(time: Series, power: Series) -> Noise:
    since = time - time.mean()
    spread = float(since @ since)
    slope = float(since @ power) / spread
    rest = power - power.mean() - slope * since
    if np.abs(rest).max() <= _ROUNDING * float(np.abs(power).max()):
        rest = np.zeros_like(rest)
    error, _ = standard_error(rest)
    squares = float(rest @ rest)
    slope_error = error * math.sqrt(time.size / spread)
    differences = np.diff(np.unique(power))
    differences = differences[differences > _ROUNDING * float(np.abs(power).max())]
    return Noise(
        sd_w=float(np.std(rest)),
        autocorrelation=float(rest[1:] @ rest[:-1]) / squares if squares else 0.0,
        step_w=float(differences.min()) if differences.size else None,
        drift_w_per_min=60 * slope,
        drifts=abs(slope) > DRIFT_ERRORS * slope_error and bool(differences.size),
    )


def _shortest(spec: MeterSpec, time: Series, power: Series, sd_w: float) -> float | None:
    """The rule for the meter, with the period at which values really come, and long enough for 1 % of the power."""
    share_w = SHARE * float(power.mean())
    if share_w <= 0 or max(spec.resolution_w, _ROUNDING * sd_w) > share_w:
        return None
    rule = max(spec.shortest_window_s, 20 * float(np.median(np.diff(time)))) + 2 * spec.settling_s
    _, worth = standard_error(power)
    worth_hz = worth / float(time[-1] - time[0])
    return max(rule, (COVERAGE * sd_w / share_w) ** 2 / worth_hz)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
