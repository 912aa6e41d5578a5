"""The energy of a window of a meter's recording, its uncertainty by parts, and whether the meter was fit for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from autoedge.bench.integrals import Window, by_counter, by_settled_mean, by_trapezoid, finite
from autoedge.bench.uncertainty import expanded, rectangular
from autoedge.bench.unfit import SHARE, why_unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace

Method = Literal["counter", "trapezoid", "settled mean"]

_FOLLOWS = 1e-3
"""A meter follows the load where settling and update together take no more than this share of the window."""


@dataclass(frozen=True)
class WindowEnergy:
    """Gross energy of one window.

    Attributes:
        energy_j: In J; NaN where the recording holds nothing of the window.
        mean_power_w: Over the window.
        uncertainty_j: Expanded uncertainty U of the energy, about 95 %.
        parts: Standard uncertainties in J: gain, offset and quantisation of the instrument, which more samples do not
            reduce; noise, edges, unsteady.
        n: Readings used.
        n_eff: Independent readings that they are worth.
        method: How it was computed.
        length_s: The window's length.
        refused: Why the meter was not fit for this window; empty where it was.
    """

    energy_j: float
    mean_power_w: float
    uncertainty_j: float
    parts: Mapping[str, float]
    n: int
    n_eff: float
    method: Method
    length_s: float
    refused: str


_WAYS = {"counter": by_counter, "trapezoid": by_trapezoid, "settled mean": by_settled_mean}


def window_energy(trace: Trace, start_s: float, end_s: float, *, clock_s: float = 0.0) -> WindowEnergy:
    """The gross energy between two moments.

    A counter with steps of at most 1 % of the energy is read at both edges. Without one, the power is integrated by
    trapezoids where the meter follows the load, and otherwise averaged over the settled part of the window.

    Args:
        trace: The recording; its meter's spec gives the accuracy.
        start_s: On the trace's clock.
        end_s: Later than that.
        clock_s: By how much either edge may be off on that clock.

    Returns:
        The energy; ``refused`` says why not to trust it.

    Raises:
        ValueError: The window has no length.
    """
    if not start_s < end_s:
        raise ValueError(f"a window ends after it began, but got {start_s} s to {end_s} s")
    window = Window(start_s, end_s, clock_s)
    method = _method(trace, window)
    if len(finite(trace)[0]) == 0:
        why = trace.lost or "the meter gave no values"
        return WindowEnergy(*(float("nan"),) * 3, {}, 0, 0.0, method, window.length_s, why)
    integral = _WAYS[method](trace, window)
    spec = trace.spec
    parts = {
        "gain": rectangular(spec.gain * integral.energy_j),
        "offset": rectangular(spec.offset_w * window.length_s),
        "quantisation": integral.quantisation_j,
        "noise": integral.noise_j,
        "edges": integral.edges_j,
        "unsteady": rectangular(integral.unsteady_j),
    }
    return WindowEnergy(
        energy_j=integral.energy_j,
        mean_power_w=integral.energy_j / window.length_s,
        uncertainty_j=expanded(parts, {"noise": max(1.0, integral.n_eff - 1)}),
        parts=parts,
        n=integral.n,
        n_eff=integral.n_eff,
        method=method,
        length_s=window.length_s,
        refused=why_unfit(trace, window, integral, counter=method == "counter"),
    )


def _method(trace: Trace, window: Window) -> Method:
    if _counts_finely(trace, window):
        return "counter"
    return "trapezoid" if follows(trace.spec, window.length_s) else "settled mean"


def follows(spec: MeterSpec, length_s: float) -> bool:
    """Whether a meter shows the load as it is: it needs no time to settle, or next to none of the window."""
    return spec.settling_s == 0 or spec.settling_s + spec.update_period_s <= _FOLLOWS * length_s


def _counts_finely(trace: Trace, window: Window) -> bool:
    energy = trace.energy_j[np.isfinite(trace.energy_j)]
    step = trace.spec.energy_resolution_j
    if step is None or energy.size < 2 or (np.diff(energy) < 0).any():  # noqa: PLR2004 - a difference takes two
        return False  # a counter that fell was reset
    return step <= SHARE * by_counter(trace, window).energy_j
