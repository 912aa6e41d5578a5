"""Energy per item from windows of work, gross and net, and the ratio of two such energies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoedge.bench.idle import why_not_net
from autoedge.bench.intervals import median_ranks
from autoedge.bench.uncertainty import COVERAGE, expanded, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.bench.energy import WindowEnergy
    from autoedge.bench.idle import Idle

_OF_THE_METER = ("gain", "offset")


class PerItem(NamedTuple):
    """Energy per item with its budget.

    Attributes:
        energy_j: Mean over windows, in J.
        uncertainty_j: Expanded uncertainty U, about 95 %.
        parts: Standard uncertainties in J.
        refused: Why not to trust it; empty where it may be.
    """

    energy_j: float
    uncertainty_j: float
    parts: Mapping[str, float]
    refused: str

    @property
    def low_j(self) -> float:
        """Lower end of the interval."""
        return self.energy_j - self.uncertainty_j

    @property
    def high_j(self) -> float:
        """Upper end of the interval."""
        return self.energy_j + self.uncertainty_j


@dataclass(frozen=True)
class EnergyPerItem:
    """What one item costs, over m windows of one meter in one setting.

    Attributes:
        gross: With all that the device draws: battery life while the work runs.
        net: Above idle: the cost of adding the work. None without an idle power.
        median_j: Median of the windows' gross energy per item.
        each_j: Gross energy per item of each window.
        power_w: Mean power over the windows.
        idle_w: Idle power that net is above; None without.
    """

    gross: PerItem
    net: PerItem | None
    median_j: float
    each_j: tuple[float, ...]
    power_w: float
    idle_w: float | None


def combine_windows(windows: Sequence[WindowEnergy], items: Sequence[int], idle: Idle | None = None) -> EnergyPerItem:
    """Energy per item over windows.

    Gain, offset and quantisation of the instrument are the same in all windows and are not reduced by their number.
    The repetition part is s / sqrt(m), or what the windows' own noise comes to where that is more (with one window it
    is all there is). In net the offset cancels, and gain is a factor on net energy.

    Args:
        windows: Of one meter; those that were refused refuse the result.
        items: Items processed in each, one or more.
        idle: Idle power by the same meter; None leaves net out.

    Raises:
        ValueError: There are no windows, or not one positive number of items each.
    """
    if not windows or len(windows) != len(items) or min(items) < 1:
        raise ValueError(f"each window has items, but got {len(windows)} windows with {list(items)} items")
    work = _Work(windows, np.array(items, np.float64))
    gross = _gross(work)
    median, each = float(np.median(work.each_j)), tuple(work.each_j.tolist())
    if idle is None:
        return EnergyPerItem(gross, None, median, each, work.power_w, None)
    return EnergyPerItem(gross, _net(work, gross, idle), median, each, work.power_w, idle.power_w)


class _Work(NamedTuple):
    """Windows and the items of each."""

    windows: Sequence[WindowEnergy]
    items: NDArray[np.float64]

    @property
    def each_j(self) -> NDArray[np.float64]:
        """Gross energy per item of each window."""
        energies: NDArray[np.float64] = np.array([window.energy_j for window in self.windows]) / self.items
        return energies

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Time per item of each window."""
        lengths: NDArray[np.float64] = np.array([window.length_s for window in self.windows]) / self.items
        return lengths

    @property
    def power_w(self) -> float:
        """Mean power over all windows."""
        return sum(one.energy_j for one in self.windows) / sum(one.length_s for one in self.windows)

    def parts_j(self, name: str) -> NDArray[np.float64]:
        """One part of each window's budget, per item."""
        parts: NDArray[np.float64] = np.array([one.parts.get(name, math.nan) for one in self.windows]) / self.items
        return parts

    def shared(self, *names: str) -> dict[str, float]:
        """Parts that are the same in all windows, so that their number does not reduce them."""
        return {name: float(self.parts_j(name).mean()) for name in names}

    def repetition(self, each_j: NDArray[np.float64]) -> tuple[float, float]:
        """The part that windows do reduce, s / sqrt(m) or their own noise, and its degrees of freedom."""
        m = len(self.windows)
        within = float(np.linalg.norm(self.parts_j("noise"))) / m
        between = float(np.std(each_j, ddof=1)) / math.sqrt(m) if m > 1 else 0.0
        if between > within:
            return between, m - 1.0
        return within, sum(max(1.0, one.n_eff - 1) for one in self.windows)


def _gross(work: _Work) -> PerItem:
    repetition, freedom = work.repetition(work.each_j)
    parts = work.shared("gain", "offset", "quantisation", "edges", "unsteady") | {"repetition": repetition}
    refused = "; ".join(dict.fromkeys(one.refused for one in work.windows if one.refused))
    return PerItem(float(work.each_j.mean()), expanded(parts, {"repetition": freedom}), parts, refused)


def _net(work: _Work, gross: PerItem, idle: Idle) -> PerItem:
    each = work.each_j - idle.power_w * work.seconds
    value = float(each.mean())
    repetition, freedom = work.repetition(each)
    parts = work.shared("quantisation", "edges", "unsteady") | {
        "gain": gross.parts["gain"] * abs(value / gross.energy_j) if gross.energy_j else 0.0,
        "offset": 0.0,  # the same at idle and at work
        "repetition": repetition,
        "idle": idle.error_w * float(work.seconds.mean()),
    }
    uncertainty = expanded(parts, {"repetition": freedom, "idle": max(1.0, idle.n_eff - 1)})
    reasons = (gross.refused, why_not_net(work.power_w, idle, value, uncertainty))
    return PerItem(value, uncertainty, parts, "; ".join(filter(None, reasons)))


class Ratio(NamedTuple):
    """One energy per item over another.

    Attributes:
        value: A / B.
        low: Lower end at about 95 %.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def ratio(a: PerItem, b: PerItem, *, same_meter: bool = True) -> Ratio:
    """A / B with its uncertainty, from the logarithms of both.

    On the same meter in the same range its errors are the same on both sides: gain cancels, and of the offset remains
    the difference of what it does to each. All else is independent.

    Args:
        a: Positive.
        b: Positive, and of the same scope; energies of different scopes are never compared.
        same_meter: Whether one meter measured both.

    Raises:
        ValueError: One of them is not positive.
    """
    if not (a.energy_j > 0 and b.energy_j > 0):
        raise ValueError(f"a ratio takes positive energies, but got {a.energy_j} J and {b.energy_j} J")
    parts = {}
    for name in a.parts.keys() | b.parts.keys():
        left, right = a.parts.get(name, 0.0) / a.energy_j, b.parts.get(name, 0.0) / b.energy_j
        parts[name] = abs(left - right) if same_meter and name in _OF_THE_METER else math.hypot(left, right)
    # What few repetitions add to 2 u is in the expanded uncertainties of both sides.
    widest = max(side.uncertainty_j / total(side.parts) if total(side.parts) else COVERAGE for side in (a, b))
    value, spread = a.energy_j / b.energy_j, math.exp(widest * total(parts))
    return Ratio(value, value / spread, value * spread)


def median_of_windows(each: Sequence[float]) -> tuple[float, tuple[float, float] | None]:
    """The median over windows and its 95 % interval; None for fewer than six windows, which cannot give one.

    Source: ranks of the order statistics, as in ``intervals.median_ranks``; five windows and their median are the rule
    of MLPerf Tiny.

    Raises:
        ValueError: There are none.
    """
    if not each:
        raise ValueError("a median takes a window")
    ascending = sorted(each)
    ranks = median_ranks(len(ascending))
    return float(np.median(ascending)), None if ranks is None else (ascending[ranks[0] - 1], ascending[ranks[1] - 1])
