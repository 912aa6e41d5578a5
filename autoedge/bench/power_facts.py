"""What stands behind the energy figures of a result: meter, idle, budget, and the plain interval beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.measurement import Measurement


def power_facts(measurements: Sequence[Measurement]) -> dict[str, Any] | None:
    """Means over processes of what their meter told; None where no meter watched.

    Args:
        measurements: A result's, of one target.

    Returns:
        ``meter`` (its spec), ``alignment`` (of its clock), ``idle_w`` by stretch, ``idle_share`` of the power at work,
        ``amplification`` of relative errors in net energy, ``budget_mj`` and ``budget_net_mj`` (standard uncertainties
        by part), ``plain`` (by figure: value, low, high of the interval that takes all readings for independent, and
        readings), ``windows`` and ``refused`` (how many there were, and how many the meter was not fit for).
    """
    told = [row.details["power"] for row in measurements if row.details.get("power")]
    if not told:
        return None
    windows = [window for one in told for window in one["windows"]]
    return {
        "meter": told[0]["meter"],
        "alignment": told[0]["alignment"],
        "idle_w": {name: float(np.mean([one["idle"][name]["power_w"] for one in told])) for name in told[0]["idle"]},
        "idle_share": float(np.mean([one["idle_share"] for one in told])),
        "amplification": told[0]["amplification"],
        "budget_mj": _mean_parts([one["budget_mj"] for one in told]),
        "budget_net_mj": _mean_parts([one["budget_net_mj"] for one in told]),
        "plain": _plain([one["plain"] for one in told]),
        "windows": len(windows),
        "refused": sum(1 for window in windows if window["refused"]),
    }


def _mean_parts(budgets: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([budget.get(name, 0.0) for budget in budgets])) for name in budgets[0]}


def _plain(each: Sequence[dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Readings of all processes taken for one sample: the mean of means, and the half-widths as of a mean."""
    found = {}
    for name in each[0]:
        rows = np.array([one[name] for one in each], np.float64)
        value, half = float(rows[:, 0].mean()), float(np.linalg.norm(rows[:, 2] - rows[:, 0])) / len(rows)
        found[name] = {"value": value, "low": value - half, "high": value + half, "n": float(rows[:, 3].sum())}
    return found
