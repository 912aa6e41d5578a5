"""A race: what a candidate must keep and must beat, and whether what was seen of it says that it surely does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from autoedge.agent.looks import FIRST_BLOCK, WINDOW
from autoedge.bench.sight import Sight
from autoedge.decide.verdict import not_measured, slack
from autoedge.metric import OF_FINALISTS, PERCENTILES, QUALITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.foresight import Foresight
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Value
    from autoedge.metric import Metric

ERROR = 0.05
"""Chance that a candidate is stopped wrongly, over its looks, the limits and all rivals: one that keeps the limits, or
that no rival would dominate were it measured in full."""
_LOOKS = (FIRST_BLOCK, WINDOW)  # those that can err: outputs are counted, not extrapolated
_CERTAIN = frozenset({*QUALITY, "size"})


@dataclass(frozen=True)
class Rival:
    """A candidate whose values keep every limit.

    Attributes:
        values: The objectives' by metric key.
        tight: By constraint key, the slack of limits that its values keep but its intervals do not.
    """

    values: Mapping[str, float]
    tight: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Race:
    """What a candidate must keep and must beat, as it was known when its measurement began.

    Attributes:
        constraints: The limits.
        objectives: What is to be good.
        rivals: By candidate id, those on the target that keep every limit.
        reference: The reference's values by metric key.
        foresight: What a look says about a full measurement.
        reference_processes: Behind the reference's values.
        processes: Of a result of the search.
    """

    constraints: Sequence[Constraint]
    objectives: Sequence[Metric]
    rivals: Mapping[str, Rival]
    reference: Mapping[str, float]
    foresight: Foresight
    reference_processes: int = 1
    processes: int = 1

    def without(self, candidate_id: str) -> Race:
        """The same race for a candidate that is no rival of its own."""
        return replace(self, rivals={name: rival for name, rival in self.rivals.items() if name != candidate_id})

    def expected(self, look: str, values: Mapping[str, float], *, fill_ms: float, calls: int) -> Sight:
        """What a full measurement would say, each figure with the intervals that its comparisons need.

        Whether a limit is kept is a question of what is true, so that the spread between processes counts. Whether a
        rival dominates is one of how this measurement would come out: measured in full it would be held against the
        rivals' figures as they stand. Where a result takes several processes, those that follow count again.

        One end of an interval alone can stop. The error is shared by the looks, and by limits and rivals. Of the limits
        each has its share, since any of them stops. A wrong stop over a rival takes an objective whose figure lies
        beyond its interval: one of that rival's, so that objectives need not share where rivals do, nor rivals where
        objectives do.
        """
        limits = sum(constraint.metric.name not in _CERTAIN for constraint in self.constraints)
        objectives = sum(metric.name not in _CERTAIN for metric in self.objectives)
        share = ERROR / (len(_LOOKS) * max(1, bool(limits) + bool(objectives)))

        def told(count: int, other: int | None) -> Mapping[str, Value]:
            level = 1 - 2 * share / max(1, count)
            return self.foresight.expected(look, values, level=level, fill_ms=fill_ms, calls=calls, other=other)

        rivals = min(len(self.rivals), objectives)
        return Sight(
            told(limits, 0), told(limits, self.reference_processes), told(rivals, None if self.processes == 1 else 0)
        )

    def why_broken(self, sight: Sight) -> str:
        """Which limit is broken wherever in their intervals the figures lie; empty where none is."""
        for constraint in self.constraints:
            figures = sight.to_reference if constraint.relative == "ratio" else sight.alone
            figure = figure_of(figures, constraint.metric)
            if figure is None or not_measured(constraint, figure):
                continue
            end, word = _best_end(constraint, figure)
            room = self.room(constraint, end)
            if room is not None and room < 0:
                told = f"{constraint.metric.name} {word} {_shown(constraint.metric, end)}"
                return f"surely breaks {constraint.text}: {told}"
        return ""

    def why_dominated(self, sight: Sight) -> str:
        """Which rival is better wherever in their intervals the figures lie; empty where none is."""
        figures = [(metric, figure_of(sight.to_rivals, metric)) for metric in self.objectives]
        ends = [(one, value.low if one.direction == "minimize" else value.high) for one, value in figures if value]
        if len(ends) < len(figures):
            return ""
        for name, rival in self.rivals.items():
            known = rival.values
            never_better = not any(metric.better(end, known[metric.key]) for metric, end in ends)
            better = never_better and any(metric.better(known[metric.key], end) for metric, end in ends)
            if better and self._keeps_what_it_keeps(rival, sight):
                return f"surely dominated by {name}"
        return ""

    def _keeps_what_it_keeps(self, rival: Rival, sight: Sight) -> bool:
        """Whether a rival keeps every limit that the candidate may keep: surely, or with no less slack."""
        for constraint in self.constraints:
            if constraint.key not in rival.tight:
                continue
            figure = figure_of(sight.to_rivals, constraint.metric)
            room = None if figure is None else self.room(constraint, _best_end(constraint, figure)[0])
            if room is None or room > rival.tight[constraint.key]:
                return False
        return True

    def room(self, constraint: Constraint, value: float) -> float | None:
        """Slack of a metric's value; None where it cannot be told."""
        if constraint.relative == "absolute":
            return slack(constraint, value)
        reference = self.reference.get(constraint.metric.key)
        if reference is None or (constraint.relative == "ratio" and reference <= 0):
            return None
        return slack(constraint, value / reference if constraint.relative == "ratio" else reference - value)


def _best_end(constraint: Constraint, figure: Value) -> tuple[float, str]:
    """The end of an interval that keeps a limit best, and the word for it."""
    least = constraint.sense == "max" and constraint.relative != "drop"  # the least drop has the best value
    return (figure.low, "at least") if least else (figure.high, "at most")


def figure_of(metrics: Mapping[str, Value], metric: Metric) -> Value | None:
    """A figure that a look can tell; a percentile of too few calls is at least as large as the one below it."""
    if metric.name in OF_FINALISTS:
        return None
    names = [metric.name]
    if metric.name in PERCENTILES:
        below = [name for name, p in PERCENTILES.items() if p < PERCENTILES[metric.name]]
        names += reversed(below)
    keys = [f"{name}_ms" if name in PERCENTILES else metric.key for name in names]
    return next((metrics[key] for key in keys if key in metrics), None)


def _shown(metric: Metric, value: float) -> str:
    return f"{100 * value:.4g} %" if metric.dimension == "fraction" else f"{value:.4g} {metric.unit}".strip()
