"""Whether the parts of an intent fit one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.intent.problem import shown
from autoedge.metric import AT_RATE, OF_FINALISTS, QUALITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from autoedge.intent.constraint import Constraint
    from autoedge.metric import Metric


def missing_for(metric: Metric, given: Callable[..., bool]) -> str | None:
    """What an intent must also say before the metric can be computed, or None.

    Args:
        metric: What is constrained or optimised.
        given: Tells whether the intent says something under some keys.
    """
    if metric.name in (*QUALITY, "preprocess") and not given("data", "evaluation"):
        return f"{metric.name} needs evaluation data; add data: {{evaluation: FILE.npz}}"
    if metric.name in AT_RATE and not given("workload", "rate"):
        return f"{metric.name} needs workload.rate; add workload: {{rate: 2 / s}}"
    if metric.name == "battery_life":
        missing = []
        if not given("battery"):
            missing.append("battery: {capacity: 10 Wh}")
        if not given("workload", "rate"):
            missing.append("workload: {rate: 2 / s}")
        if missing:
            return f"battery_life needs battery and workload.rate; add {' and '.join(missing)}"
    return None


def no_objective(metric: Metric) -> str | None:
    """Why a metric cannot be searched for, or None."""
    if metric.name in OF_FINALISTS:
        return f"{metric.name} is measured in the confirm rounds only; limit it with a constraint instead"
    return None


def clash(constraint: Constraint, others: Iterable[Constraint]) -> str | None:
    """Why the constraint cannot stand beside the others, or None."""
    for other in others:
        text = f"{shown(constraint.text)} stands beside {shown(other.text)}"
        if other.key == constraint.key:
            return f"each limit is set once, but {text}"
        same = other.metric == constraint.metric and other.relative == constraint.relative
        lowest, highest = (constraint, other) if constraint.sense == "min" else (other, constraint)
        if same and other.sense != constraint.sense and lowest.limit > highest.limit:
            return f"no value can keep both limits, but {text}"
    return None
