"""What a run has found so far, from its store alone: for those who watch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.evidence import Evidence, Spread
from autoedge.decide.choice import front_of, objective_matrix
from autoedge.decide.verdict import slack
from autoedge.measurement import Phase, Status
from autoedge.metric import OF_FINALISTS
from autoedge.workflows.prepare import with_pace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.candidate import Candidate
    from autoedge.intent.constraint import Constraint
    from autoedge.intent.resolved import Intent
    from autoedge.measurement import Measurement, Value
    from autoedge.metric import Metric

_EXPLORING = (Phase.BASELINE, Phase.SEARCH)


@dataclass(frozen=True)
class Best:
    """The best figure of an objective among what keeps the limits, and whose it is."""

    metric: str
    value: float
    source: str
    candidate_id: str


@dataclass(frozen=True)
class Found:
    """How many candidates keep the limits and stand on the front, and the best figure of each objective."""

    feasible: int
    front: int
    best: tuple[Best, ...]


def current_rows(rows: Sequence[Measurement]) -> list[Measurement]:
    """The measurements that go with the newest one: same data, and on each target its newest protocol and device."""
    by_age = sorted(rows, key=lambda row: row.started)
    last = {row.target: row for row in by_age}
    return [
        row
        for row in rows
        if row.data_hash == by_age[-1].data_hash
        and (row.protocol_id, row.fingerprint) == (last[row.target].protocol_id, last[row.target].fingerprint)
    ]


def explored(rows: Sequence[Measurement]) -> list[str]:
    """Ids of what baselines and search measured to the end, failures too."""
    stopped = {row.candidate_id for row in rows if row.status is Status.STOPPED}
    return [one for one in dict.fromkeys(r.candidate_id for r in rows if r.phase in _EXPLORING) if one not in stopped]


def found_so_far(rows: Sequence[Measurement], candidates: Mapping[str, Candidate], intent: Intent) -> Found:
    """What keeps the limits by the values of baselines and search, as a search sees it.

    Args:
        rows: As ``current_rows`` gives them.
        candidates: By id.
        intent: The run's.
    """
    names = {target.name for target in intent.targets}
    groups: dict[str, list[Measurement]] = {name: [] for name in explored(rows)}
    for row in rows:
        if row.candidate_id in groups and row.phase in _EXPLORING and row.ok and row.target in names:
            groups[row.candidate_id].append(row)
    known = {name: Evidence(name, group, Spread({})) for name, group in groups.items() if group}
    references = {
        candidates[name].target: one
        for name, one in known.items()
        if one.phase is Phase.BASELINE and candidates[name].configuration.model == intent.baseline
    }
    limits = with_pace(intent)
    good = [
        one
        for name, one in known.items()
        if all(_keeps(one, limit, references.get(candidates[name].target)) for limit in limits)
    ]
    figures = [{metric.key: one.value(metric.key) for metric in intent.objectives} for one in good]
    values = [{key: value.value for key, value in row.items() if value is not None} for row in figures]
    front = front_of(objective_matrix(values, intent.objectives)).sum() if good else 0
    told = [
        Best(key, value.value, str(value.source), one.candidate_id)
        for one, row in zip(good, figures, strict=True)
        for key, value in row.items()
        if value is not None
    ]
    return Found(len(good), int(front), _best(told, intent.objectives))


def found_in_the_end(standings: Sequence[Mapping[str, Any]], objectives: Sequence[Metric]) -> Found:
    """What a finished run came to, from the standings that it kept."""
    good = [row for row in standings if row["feasible"]]
    told = [
        Best(metric.key, value["value"], str(value["source"]), row["candidate_id"])
        for row in good
        for metric in objectives
        if (value := row["metrics"].get(metric.key)) is not None
    ]
    return Found(len(good), sum(bool(row["front"]) for row in standings), _best(told, objectives))


def _best(told: Sequence[Best], objectives: Sequence[Metric]) -> tuple[Best, ...]:
    found = []
    for metric in objectives:
        mine = [one for one in told if one.metric == metric.key]
        sign = 1.0 if metric.direction == "minimize" else -1.0
        found += sorted(mine, key=lambda one: sign * one.value)[:1]
    return tuple(found)


def _keeps(one: Evidence, limit: Constraint, reference: Evidence | None) -> bool:
    """Whether a candidate's value keeps a limit; what only the confirm rounds will know speaks neither for nor against.

    A drop is the difference of two shares of the same samples, so that it need not be compared sample by sample here.
    """
    value = one.value(limit.metric.key)
    if value is None:
        return limit.metric.name in OF_FINALISTS
    figure = _held_against(limit, value, reference.value(limit.metric.key) if reference else None)
    return figure is not None and slack(limit, figure) >= 0


def _held_against(limit: Constraint, value: Value, reference: Value | None) -> float | None:
    if limit.relative == "absolute":
        return value.value
    if reference is None:
        return None
    if limit.relative == "drop":
        return reference.value - value.value
    return value.value / reference.value if reference.value > 0 else None
