"""Racing: a measurement of the search ends once its figures can change nothing.

That is so when a candidate surely breaks a limit, or when a candidate on its target that keeps every limit is surely
better; in either case not before one is known that keeps them all, so that where nothing does the nearest is told from
full figures. What was stopped stays stopped for as long as its reason holds under the present intent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.agent.looks import FIRST_BLOCK, WINDOW
from autoedge.bench.foresight import Foresight
from autoedge.decide.verdict import not_measured, slack
from autoedge.measurement import Phase, Status
from autoedge.metric import OF_FINALISTS, PERCENTILES, QUALITY
from autoedge.search.study import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.evidence import Evidence
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Measurement, Value
    from autoedge.metric import Metric
    from autoedge.workflows.run import Run

ERROR = 0.05
"""Chance that a candidate is stopped wrongly, over its looks and figures."""
_LOOKS = (FIRST_BLOCK, WINDOW)  # those that can err: outputs are counted, not extrapolated
_CERTAIN = frozenset({*QUALITY, "size"})


@dataclass(frozen=True)
class Race:
    """What a candidate must keep and must beat, as it was known when its measurement began.

    Attributes:
        constraints: The limits.
        objectives: What is to be good.
        rivals: By candidate id, the objectives' values by metric key of those on the target that keep every limit.
        reference: The reference's values by metric key.
        foresight: What a look says about a full measurement.
    """

    constraints: Sequence[Constraint]
    objectives: Sequence[Metric]
    rivals: Mapping[str, Mapping[str, float]]
    reference: Mapping[str, float]
    foresight: Foresight

    @property
    def level(self) -> float:
        """Of each interval: the error is shared by looks and figures, and only one end of an interval can stop."""
        deciding = {
            *(constraint.metric.name for constraint in self.constraints),
            *(one.name for one in self.objectives),
        }
        return 1 - 2 * ERROR / (len(_LOOKS) * max(1, len(deciding - _CERTAIN)))

    def expected(self, look: str, values: Mapping[str, float], *, fill_ms: float, calls: int) -> Mapping[str, Value]:
        """What a full measurement would say, each figure with the interval that surely holds it."""
        return self.foresight.expected(look, values, level=self.level, fill_ms=fill_ms, calls=calls)

    def why_broken(self, metrics: Mapping[str, Value]) -> str:
        """Which limit is broken wherever in their intervals the figures lie; empty where none is."""
        for constraint in self.constraints:
            figure = _figure(metrics, constraint.metric)
            if figure is None or not_measured(constraint, figure):
                continue
            least = constraint.sense == "max" and constraint.relative != "drop"  # the least drop has the best value
            end = figure.low if least else figure.high
            room = self.room(constraint, end)
            if room is not None and room < 0:
                told = f"{constraint.metric.name} {'at least' if least else 'at most'} {_shown(constraint.metric, end)}"
                return f"surely breaks {constraint.text}: {told}"
        return ""

    def why_dominated(self, metrics: Mapping[str, Value]) -> str:
        """Which candidate is better wherever in their intervals the figures lie; empty where none is."""
        figures = [(metric, _figure(metrics, metric)) for metric in self.objectives]
        ends = [(one, value.low if one.direction == "minimize" else value.high) for one, value in figures if value]
        if len(ends) < len(figures):
            return ""
        for name, rival in self.rivals.items():
            never_better = not any(metric.better(end, rival[metric.key]) for metric, end in ends)
            if never_better and any(metric.better(rival[metric.key], end) for metric, end in ends):
                return f"surely dominated by {name}"
        return ""

    def room(self, constraint: Constraint, value: float) -> float | None:
        """Slack of a metric's value; None where it cannot be told."""
        if constraint.relative == "absolute":
            return slack(constraint, value)
        reference = self.reference.get(constraint.metric.key)
        if reference is None or (constraint.relative == "ratio" and reference <= 0):
            return None
        return slack(constraint, value / reference if constraint.relative == "ratio" else reference - value)


def _figure(metrics: Mapping[str, Value], metric: Metric) -> Value | None:
    """A figure; a percentile of too few calls is at least as large as the one below it."""
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


def race_on(run: Run, target: str) -> Race | None:
    """What candidates on a target are held against; None where they are to be measured in full."""
    if not run.intent.search.racing:
        return None
    rivals = {
        evidence.candidate_id: values for evidence in run.keeping(target) if (values := _objectives(run, evidence))
    }
    return _race(run, target, rivals) if rivals else None


def _race(run: Run, target: str, rivals: Mapping[str, Mapping[str, float]]) -> Race:
    rows = [row for row in run.measurements if row.target == target and row.ok]
    reference = run.explored(run.reference_on(target).candidate_id)
    known = {} if reference is None else {key: value.value for key, value in reference.result().metrics.items()}
    foresight = Foresight.of(rows, run.spread_on(target))
    return Race(run.prepared.constraints, run.intent.objectives, rivals, known, foresight)


def _objectives(run: Run, evidence: Evidence) -> dict[str, float]:
    """The objectives' values of a candidate; empty where one is missing."""
    values = {metric.key: evidence.value(metric.key) for metric in run.intent.objectives}
    found = {key: value.value for key, value in values.items() if value is not None}
    return found if len(found) == len(values) else {}


def still_stopped(run: Run, rows: Sequence[Measurement]) -> list[Measurement]:
    """Of measurements that were stopped, those whose reason holds under the present intent.

    They are judged by what was seen of them then, so that a run that goes on unchanged judges them as it did.
    """
    races = {row.target: race_on(run, row.target) for row in rows}
    held = []
    for row in rows:
        race = races[row.target]
        if race is not None and (race.why_broken(row.metrics) or race.why_dominated(row.metrics)):
            held.append(row)
    return held


def seen_of(run: Run, index: int, row: Measurement) -> Row:
    """What a strategy may learn from a measurement that was stopped: its figures as far as they are known.

    Outputs that it did not get to are taken from its model's baseline; without them it counts as failed.
    """
    race, candidate = _race(run, row.target, {}), run.candidates[row.candidate_id]
    baseline = run.explored(run.space.default(candidate.configuration.model, row.target).candidate_id)
    values = []
    for metric in run.intent.objectives:
        figure = _figure(row.metrics, metric)
        if figure is None and baseline is not None and metric.name in QUALITY:
            figure = baseline.value(metric.key)
        if figure is None:
            return Row(index, reason=row.reason)
        values.append(figure.value)
    constraints = {}
    for constraint in run.prepared.constraints:
        figure = _figure(row.metrics, constraint.metric)
        room = None if figure is None else race.room(constraint, figure.value)
        if room is not None:
            constraints[constraint.key] = -room
    return Row(index, tuple(values), constraints)


def is_stopped(row: Measurement) -> bool:
    """Whether a measurement of the search ended before its time because it could change nothing."""
    return row.phase is Phase.SEARCH and row.status is Status.STOPPED
