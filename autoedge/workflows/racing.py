"""Racing: a measurement of the search ends once its figures can change nothing.

That is so when a candidate surely breaks a limit, or when, measured in full, it would surely be dominated by one on its
target that keeps every limit; in either case not before one is known that keeps them all, so that where nothing does
the nearest is told from full figures. What was stopped stays stopped for as long as its reason holds under the present
intent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.bench.foresight import Foresight
from autoedge.bench.sight import Sight
from autoedge.decide.verdict import Outcome
from autoedge.measurement import Phase, Status
from autoedge.metric import QUALITY
from autoedge.search.study import Row
from autoedge.workflows.race import Race, Rival, figure_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.bench.evidence import Evidence
    from autoedge.decide.verdict import Verdict
    from autoedge.measurement import Measurement
    from autoedge.workflows.run import Run


def race_on(run: Run, target: str) -> Race | None:
    """What candidates on a target are held against; None where they are to be measured in full."""
    if not run.intent.search.racing:
        return None
    rivals = {
        evidence.candidate_id: rival
        for evidence, verdict in run.keeping(target)
        if not _failed_confirm(run, evidence.candidate_id) and (rival := _rival(run, evidence, verdict)) is not None
    }
    return _race(run, target, rivals) if rivals else None


def _race(run: Run, target: str, rivals: Mapping[str, Rival]) -> Race:
    rows = [row for row in run.measurements if row.target == target and row.ok]
    reference = run.explored(run.reference_on(target).candidate_id)
    known = {} if reference is None else {key: value.value for key, value in reference.result().metrics.items()}
    foresight = Foresight.of(rows, run.spread_on(target))
    processes = 1 if reference is None else reference.processes
    constraints, objectives = run.prepared.constraints, run.intent.objectives
    return Race(constraints, objectives, rivals, known, foresight, processes, run.search_cost)


def _rival(run: Run, evidence: Evidence, verdict: Verdict) -> Rival | None:
    """A candidate whose values keep every limit, as a rival; None where an objective of it is not known."""
    values = {metric.key: evidence.value(metric.key) for metric in run.intent.objectives}
    found = {key: value.value for key, value in values.items() if value is not None}
    if len(found) < len(values):
        return None
    tight = {d.constraint.key: d.slack or 0.0 for d in verdict.decisions if d.outcome is not Outcome.MET}
    return Rival(found, tight)


def _failed_confirm(run: Run, candidate_id: str) -> bool:
    """Whether the latest confirm rounds of a candidate said that it breaks a limit."""
    rows = [row for row in run.rows(candidate_id, (Phase.CONFIRM,)) if row.ok]
    if not rows:
        return False
    session = max(rows, key=lambda row: row.started).session
    evidence = run.confirmed(candidate_id, session)
    reference = run.confirmed(run.reference_on(rows[0].target).candidate_id, session)
    return evidence is not None and not run.feasible(run.verdict(evidence, reference))


def still_stopped(run: Run, rows: Sequence[Measurement]) -> list[Measurement]:
    """Of measurements that were stopped, those whose reason holds under the present intent.

    They are judged by what was seen of them then, so that a run that goes on unchanged judges them as it did.
    """
    races = {row.target: race_on(run, row.target) for row in rows}
    held = []
    for row in rows:
        race, sight = races[row.target], Sight.of(row.metrics, row.details)
        if race is not None and (race.why_broken(sight) or race.without(row.candidate_id).why_dominated(sight)):
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
        figure = figure_of(row.metrics, metric)
        if figure is None and baseline is not None and metric.name in QUALITY:
            figure = baseline.value(metric.key)
        if figure is None:
            return Row(index, reason=row.reason)
        values.append(figure.value)
    constraints = {}
    for constraint in run.prepared.constraints:
        figure = figure_of(row.metrics, constraint.metric)
        room = None if figure is None else race.room(constraint, figure.value)
        if room is not None:
            constraints[constraint.key] = -room
    return Row(index, tuple(values), constraints)


def is_stopped(row: Measurement) -> bool:
    """Whether a measurement of the search ended before its time because it could change nothing."""
    return row.phase is Phase.SEARCH and row.status is Status.STOPPED
