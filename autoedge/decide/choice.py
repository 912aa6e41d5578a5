"""Choose among candidates: the preference ranks those that keep the limits, nearness ranks the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoedge.pareto import knee, lexicographic, nondominated, scaled, weighted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.intent.resolved import Preference
    from autoedge.metric import Metric

_EQUAL = 0.01
_LEAST_RATIO, _LEAST_SHARE = 1.1, 0.01
"""A range over the front that nobody would trade much for: 10 % of a time or a size, one point of a quality."""


def objective_matrix(rows: Sequence[Mapping[str, float]], objectives: Sequence[Metric]) -> np.ndarray:
    """Objectives as points to be minimised, shape (rows, objectives).

    What is maximised is negated. Times, bytes, energies and rates are taken on a logarithmic scale, since twice as
    fast is the same gain anywhere; fractions and plain numbers as they are. An absent value becomes the worst one seen.

    Args:
        rows: Values by metric key.
        objectives: Which columns.
    """
    columns = []
    for metric in objectives:
        values = np.array([row.get(metric.key, np.nan) for row in rows], float)
        if _by_ratio(metric):
            values = np.log(np.maximum(values, np.finfo(float).tiny))
        if metric.direction == "maximize":
            values = -values
        worst = np.nanmax(values) if np.isfinite(values).any() else 0.0
        columns.append(np.where(np.isfinite(values), values, worst))
    return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))


def _by_ratio(metric: Metric) -> bool:
    return metric.dimension not in ("fraction", "number")


def _least(objectives: Sequence[Metric]) -> np.ndarray:
    """By objective, the range that it is scaled to at least, so that 2 % of memory never outweigh twice the latency."""
    spans = [math.log(_LEAST_RATIO) if _by_ratio(m) else _LEAST_SHARE * (m.dimension == "fraction") for m in objectives]
    return np.asarray(spans, float)


def front_of(points: np.ndarray) -> np.ndarray:
    """Which points no other dominates; a mask."""
    return nondominated(points) if len(points) else np.zeros(0, bool)


def ranked(points: np.ndarray, objectives: Sequence[Metric], preference: Preference) -> list[int]:
    """Rows best first by the preference, the front before the rest.

    Args:
        points: As from :func:`objective_matrix`.
        objectives: Its columns.
        preference: The user's.
    """
    mask = front_of(points)
    order: list[int] = []
    for members in (np.flatnonzero(mask), np.flatnonzero(~mask)):
        if len(members):
            order += [int(members[i]) for i in _by_preference(points[members], objectives, preference)]
    return order


def _by_preference(points: np.ndarray, objectives: Sequence[Metric], preference: Preference) -> Sequence[int]:
    names, least = [metric.name for metric in objectives], _least(objectives)
    if preference.kind == "weights":
        return [int(row) for row in weighted(points, [preference.weights.get(name, 0.0) for name in names], least)]
    if preference.kind == "lexicographic":
        return [int(row) for row in lexicographic(points, [names.index(n) for n in preference.order], _EQUAL)]
    return _knees(points, least)


def _knees(points: np.ndarray, least: np.ndarray) -> list[int]:
    """The knee, then the knee of what remains on the same scale, and so on."""
    distance = np.linalg.norm(scaled(points, least), axis=1)
    first = knee(points, least)
    rest = [int(row) for row in np.argsort(distance, kind="stable") if row != first]
    return [first, *rest]


def rule_text(objectives: Sequence[Metric], preference: Preference) -> str:
    """The rule that chooses, in one sentence."""
    if preference.kind == "weights":
        shares = ", ".join(f"{name} x {weight:g}" for name, weight in preference.weights.items())
        return f"the best weighted sum over the range of the front: {shares}"
    if preference.kind == "lexicographic":
        return f"one after the other, within {_EQUAL:.0%} of the range: {', then '.join(preference.order)}"
    return f"the knee of the front: nearest to the best of {', '.join(metric.name for metric in objectives)} at once"
