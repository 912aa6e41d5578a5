"""Long recordings of very fast meters, kept at a bearable rate: energy stays, detail within a millisecond goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from autoedge.meters.trace import Trace, joined

if TYPE_CHECKING:
    from collections.abc import Sequence

PERIOD_S = 1e-3
"""Half an hour at this rate is 1.8 million values."""


def thinned(trace: Trace, period_s: float = PERIOD_S) -> Trace:
    """The means of a trace's values over periods; a counter's last reading in each.

    Missing values (NaN) do not count towards a mean; of the means as large a share is missing as was of the values. A
    meter that is no faster is left as it is.
    """
    if trace.spec.update_period_s >= period_s:
        return trace
    spec = replace(trace.spec, update_period_s=period_s)
    if not len(trace.time_s):
        return replace(trace, spec=spec)
    place = np.floor((trace.time_s - trace.time_s[0]) / period_s).astype(np.int64)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    ends = np.append(starts[1:], len(place)) - 1
    power = _means(trace.power_w, starts)
    lost = np.add.reduceat(np.isnan(trace.power_w).astype(np.int64), starts)
    power[too_few(lost, len(place) / len(starts))] = np.nan
    energy = trace.energy_j[ends] if trace.energy_j.size else trace.energy_j
    return replace(
        trace,
        time_s=_means(trace.time_s, starts),
        power_w=power,
        volts=_means(trace.volts, starts),
        amps=_means(trace.amps, starts),
        energy_j=energy,
        spec=spec,
    )


def too_few(lost: np.ndarray, whole: float, before: int = 0) -> np.ndarray:
    """Which means are to count as missing, so that as large a share of them is missing as of the values behind them.

    Args:
        lost: Values missing in each.
        whole: Values that one mean stands for.
        before: Values lost earlier that no mean has paid for.

    Returns:
        True for each mean at which another whole one's worth of values has been lost.
    """
    paid = np.floor((before + np.cumsum(lost)) / whole)
    late: np.ndarray = np.diff(paid, prepend=np.floor(before / whole)) > 0
    return late


def together(pieces: Sequence[Trace]) -> Trace:
    """One recording of pieces in order; what happened on the way is what the last one counted.

    Args:
        pieces: At least one.
    """
    last = pieces[-1]
    return joined(last.spec, last.counts, pieces, last.lost)


def _means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if not values.size:
        return values
    there = np.isfinite(values)
    sums = np.add.reduceat(np.where(there, values, 0.0), starts)
    counts = np.add.reduceat(there.astype(np.float64), starts)
    means: np.ndarray = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return means
