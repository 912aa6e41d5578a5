"""Fit a device's power to its use against a meter, and tell how far the fit may be off on work that it never saw.

P = idle + non-negative terms in the busy share u of all cores (u / (u + 1/4): the first busy core wakes what all share;
u; u squared: regulators and warmth) and, where the clock moves, in the relative clock c: c and u c^3, since dynamic
power goes with frequency and the square of the voltage, which rises with it.

The error comes from leaving out one kind of work at a time: what the rest says of it is how far the fit may be off on
work of a new kind. It has two parts, one that is there at idle too, and one in proportion to what work adds.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.energy_estimate import BAND, Watts
from autoedge.bench.uncertainty import COVERAGE, rectangular
from autoedge.bench.usage import Usage
from autoedge.errors import MeterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.bench.loads import LoadPower
    from autoedge.meters.spec import MeterSpec

TERMS = ("idle", "waking", "linear", "square")
CLOCK_TERMS = ("clock", "cubed")
_HALF_AWAKE = 0.25
_MOVES = 0.02
"""A clock whose mean differs by more than this between loads is worth terms of its own."""
_RIDGE = 1e-3
_SLACK = 1.1
"""A use beyond what was fitted by this factor is an extrapolation: the generic band at least."""
_LEVEL = 0.95


@dataclass(frozen=True)
class FittedPower:
    """A calibrated power model; see ``PowerEstimate``.

    Attributes:
        weights: Watts by term.
        idle_busy: Mean busy share at idle, by what the device does by itself.
        idle_clock: Mean relative clock at idle.
        most_busy: Highest busy share that was fitted.
        idle_error_w: What the idle power may be off by on another occasion, at 95 %.
        work_error: What the power of work may be off by for work of a new kind, as a part of it, at 95 %.
        gain: Limit of the meter's gain error.
        offset_w: Limit of the meter's offset.
        meter: Name of the meter.
        scope: Where it sat.
        date: Of the calibration, ISO 8601.
    """

    weights: Mapping[str, float]
    idle_busy: float
    idle_clock: float
    most_busy: float
    idle_error_w: float
    work_error: float
    gain: float
    offset_w: float
    meter: str
    scope: str
    date: str

    def __post_init__(self) -> None:
        numbers = (self.idle_error_w, self.work_error, self.gain, self.offset_w, *self.weights.values())
        if not all(
            math.isfinite(number) and number >= 0
            for number in (*numbers, self.idle_busy, self.idle_clock, self.most_busy)
        ):
            raise ValueError(f"a power model's numbers are finite and not negative, but got {self}")
        if not {"idle"} <= set(self.weights) <= {*TERMS, *CLOCK_TERMS}:
            raise ValueError(f"terms are of {', '.join([*TERMS, *CLOCK_TERMS])}, but got {', '.join(self.weights)}")

    @property
    def model_id(self) -> str:
        """Date and a hash over everything."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return f"calibrated {self.date} {hashlib.sha256(text.encode()).hexdigest()[:8]}"

    @property
    def origin(self) -> str:
        """Words for the figures."""
        return f"calibrated {self.date} with {self.meter} at {self.scope}"

    def gross(self, usage: Usage) -> Watts:
        """By the time in which cores were busy, whoever used them."""
        power = self._power(usage.busy, usage.clock)
        meter = rectangular(self.gain * power), rectangular(self.offset_w)
        return self._watts(power, power - self._idle, meter, usage.busy)

    def net(self, usage: Usage) -> Watts:
        """What the candidate's own time adds to idle; the meter's offset cancels."""
        power = max(0.0, self._power(self.idle_busy + usage.own, usage.clock) - self._idle) if usage.own else 0.0
        return self._watts(power, power, (rectangular(self.gain * power),), usage.own)

    @property
    def band(self) -> float:
        """By which part gross power may be off at worst, from one busy core in a hundred to what was fitted."""
        shares = [share * self.most_busy for share in (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 1.0)]
        told = [self.gross(Usage(1.0, 0.0, share, share, 1.0)) for share in shares]
        return max(watts.error / watts.value for watts in told if watts.value > 0)

    @property
    def _idle(self) -> float:
        return self._power(0.0, self.idle_clock)

    def _power(self, busy: float, clock: float) -> float:
        """Watts; a device is never less busy than at idle."""
        if busy <= self.idle_busy:
            busy, clock = self.idle_busy, self.idle_clock
        row = _terms(np.array([busy]), np.array([clock]), list(self.weights))
        return float((row @ np.array(list(self.weights.values())))[0])

    def _watts(self, power: float, work: float, meter: tuple[float, ...], busy: float) -> Watts:
        error = math.hypot(self.idle_error_w, self.work_error * work, COVERAGE * math.hypot(*meter))
        if busy > _SLACK * self.most_busy:
            error = max(error, BAND * power)
        return Watts(power, error)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "weights": dict(self.weights)}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> FittedPower:
        """What ``to_json`` gave; KeyError, TypeError or ValueError when it is no such form."""
        weights = {str(name): float(weight) for name, weight in form["weights"].items()}
        numbers = ("idle_busy", "idle_clock", "most_busy", "idle_error_w", "work_error", "gain", "offset_w")
        values: dict[str, Any] = {name: float(form[name]) for name in numbers}
        values |= {name: str(form[name]) for name in ("meter", "scope", "date")}
        return cls(weights, **values)


def fit_power(loads: Sequence[LoadPower], spec: MeterSpec, date: str) -> FittedPower:
    """The power model that a calibration's loads come to.

    Args:
        loads: What the meter said of each; refused ones are left out.
        spec: The meter.
        date: Of the calibration.

    Raises:
        MeterError: Too few loads are left, or the meter saw no work.
    """
    good = [one for one in loads if not one.refused]
    kinds = sorted({one.load.kernel for one in good if not one.load.idle})
    if len(kinds) < 3 or sum(one.load.idle for one in good) < 2:  # noqa: PLR2004 - a spread takes two
        refused = next((one.refused for one in loads if one.refused), "")
        raise MeterError(
            f"{len(good)} of {len(loads)} loads can be used{f' ({refused})' if refused else ''}; "
            "a fit takes idle twice and three kinds of work: give it more time, or a meter that is fit for the load"
        )
    fit = _Fit(good)
    if fit.work(np.ones(1), fit.clock.max(keepdims=True))[0] <= 0:
        raise MeterError(f"{spec.name} shows no more power at work than at idle: does it sit on this device's supply?")
    return FittedPower(
        weights=fit.weights,
        idle_busy=fit.idle[0],
        idle_clock=fit.idle[1],
        most_busy=float(fit.busy.max()),
        idle_error_w=_idle_error(good),
        work_error=_work_error(good, kinds),
        gain=spec.gain,
        offset_w=spec.offset_w,
        meter=spec.name,
        scope=spec.scope,
        date=date,
    )


class _Fit:
    """Non-negative weights that make relative errors small."""

    def __init__(self, loads: Sequence[LoadPower]) -> None:
        self.busy = np.array([one.busy for one in loads])
        self.clock = np.array([one.clock for one in loads])
        power = np.array([one.power_w for one in loads])
        idle = np.array([one.load.idle for one in loads])
        self.idle = (float(self.busy[idle].mean()), float(self.clock[idle].mean()))
        names = [*TERMS, *(CLOCK_TERMS if np.ptp(self.clock) > _MOVES else ())]
        self.weights = dict(zip(names, _least(_terms(self.busy, self.clock, names), power), strict=True))

    def power(self, busy: NDArray[np.float64], clock: NDArray[np.float64]) -> NDArray[np.float64]:
        """Watts at each use."""
        found: NDArray[np.float64] = _terms(busy, clock, list(self.weights)) @ np.array(list(self.weights.values()))
        return found

    def work(self, busy: NDArray[np.float64], clock: NDArray[np.float64]) -> NDArray[np.float64]:
        """Watts above idle."""
        above: NDArray[np.float64] = self.power(busy, clock) - self.power(*(np.array([one]) for one in self.idle))[0]
        return above


def _terms(busy: NDArray[np.float64], clock: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """A row for each use, a column for each term."""
    columns = {
        "idle": np.ones_like(busy),
        "waking": busy / (busy + _HALF_AWAKE) * (1 + _HALF_AWAKE),
        "linear": busy,
        "square": busy**2,
        "clock": clock,
        "cubed": busy * clock**3,
    }
    return np.stack([columns[name] for name in names], axis=1)


def _least(terms: NDArray[np.float64], power: NDArray[np.float64]) -> list[float]:
    """Non-negative least squares of relative errors, with a ridge that keeps terms that look alike from fighting."""
    from scipy.optimize import nnls

    scaled = terms / power[:, None]
    ridge = _RIDGE * np.sqrt(len(power)) * np.diag(scaled.mean(axis=0))
    ridge[0] = 0.0
    weights, _ = nnls(np.vstack([scaled, ridge]), np.concatenate([np.ones(len(power)), np.zeros(len(ridge))]))
    return [float(weight) for weight in weights]


def _idle_error(loads: Sequence[LoadPower]) -> float:
    """How far idle may lie from its mean on another occasion: Student's prediction interval, and the noise of one."""
    from scipy.special import stdtrit

    idle = [one for one in loads if one.load.idle]
    power = np.array([one.power_w for one in idle])
    spread = float(power.std(ddof=1)) * math.sqrt(1 + 1 / power.size)
    noise = float(np.sqrt(np.mean([one.error_w**2 for one in idle])))
    t = float(stdtrit(power.size - 1, (1 + _LEVEL) / 2))
    return max(t * spread, COVERAGE * noise)


def _work_error(loads: Sequence[LoadPower], kinds: Sequence[str]) -> float:
    """Relative error of what work adds, for a kind of work that the fit has not seen: leave one kind out, then Student.

    Kinds count alike, and only they are independent: the loads of one kind err alike.
    """
    from scipy.special import stdtrit

    squares = []
    for kind in kinds:
        left = [one for one in loads if one.load.kernel == kind]
        fit = _Fit([one for one in loads if one.load.kernel != kind])
        busy, clock = (np.array([getattr(one, name) for one in left]) for name in ("busy", "clock"))
        errors = np.array([one.power_w for one in left]) - fit.power(busy, clock)
        work = np.maximum(fit.work(busy, clock), 1e-9)
        squares.append(float((errors**2).sum() / (work**2).sum()))
    t = float(stdtrit(len(squares) - 1, (1 + _LEVEL) / 2))
    return t * math.sqrt(float(np.mean(squares)) * (1 + 1 / len(squares)))
