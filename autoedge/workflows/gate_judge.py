"""What the rounds of a gate come to: each limit, and each metric against the base."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.evidence import Evidence, Spread
from autoedge.bench.looks import level_at
from autoedge.decide.regression import Change, Regression, comparable, held_against, of_data, undecided, unjudged
from autoedge.decide.verdict import Outcome, decide
from autoedge.measurement import Status
from autoedge.metric import QUALITY, SUSTAINED
from autoedge.workflows.gate_arms import BASE, NEW, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.decide.verdict import Decision
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Measurement, Value
    from autoedge.metric import Metric
    from autoedge.workflows.gate_arms import Arm
    from autoedge.workflows.gate_question import Question

_OF_DATA = (*QUALITY, "size")
_SOAKED = "takes a soak, which is no part of a gate: autoedge soak --bundle"
_NEEDS_DATA = "takes the evaluation data: name them with --intent"
_NEEDS_REFERENCE = "is told by the reference model: name its intent with --intent"


@dataclass(frozen=True)
class Judged:
    """The state of a gate at one look.

    Attributes:
        rounds: That were measured.
        decisions: Each limit held against the bundle.
        changes: Each metric held against the base; empty without one.
        rows: All measurements by arm.
        figures: By arm and metric key, with 95 % intervals.
    """

    rounds: int
    decisions: tuple[Decision, ...]
    changes: tuple[Change, ...]
    rows: Mapping[str, Sequence[Measurement]]
    figures: Mapping[str, Mapping[str, Value]]

    @property
    def outcome(self) -> str:
        """Regressed or not met when anything is, else undecided when anything is or processes fail, else met."""
        outcomes = {change.outcome for change in self.changes}
        limits = {decision.outcome for decision in self.decisions}
        if Regression.REGRESSED in outcomes:
            return "regressed"
        if Outcome.NOT_MET in limits:
            return "not met"
        open_ones = Regression.UNDECIDED in outcomes or Outcome.UNDECIDED in limits or self.fails
        return "undecided" if open_ones else "met"

    @property
    def failed(self) -> dict[str, int]:
        """By arm, the processes that did not run through."""
        return {name: sum(row.status is Status.FAILED for row in rows) for name, rows in self.rows.items()}

    @property
    def fails(self) -> bool:
        """Whether the bundle fails more often than the base; those that survive say nothing of those that did not."""
        return self.failed[NEW] > self.failed.get(BASE, 0)

    @property
    def starved(self) -> bool:
        """Whether one of those that take turns has no valid process yet."""
        return not all(any(row.ok for row in rows) for rows in self.rows.values())

    @property
    def sure(self) -> bool:
        """Whether more rounds can change nothing: something fails, or nothing that they could decide is open."""
        waiting = [decision for decision in self.decisions if decision.outcome is Outcome.UNDECIDED]
        open_limits = [decision for decision in waiting if decision.figure is not None]
        open_changes = [change for change in self.changes if change.outcome is Regression.UNDECIDED]
        return self.outcome in ("regressed", "not met") or not (open_limits or open_changes or self.starved)

    def advice(self, looks: Sequence[int], seconds: float | None) -> str:
        """What would make an open outcome sure; empty where no further round could.

        Args:
            looks: Numbers of rounds after which a gate may look.
            seconds: That it took so far; None where its time is not bounded.
        """
        if self.sure:
            return ""
        more = next((look for look in looks if look > self.rounds), None)
        if more is None:
            return f"{looks[-1]} rounds did not suffice: take a longer protocol, a quieter device or a wider --limit"
        budget = f"measurements: {more * len(self.rows)}"
        if seconds is not None:
            budget += f", time: {math.ceil(1.1 * seconds * more / self.rounds / 60)} min"
        return f"more rounds may decide it: budget: {{{budget}}} in the intent allows {more}"

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": 1,
            "outcome": self.outcome,
            "rounds": self.rounds,
            "constraints": [one.plain() for one in self.decisions],
            "changes": [_change(one) for one in self.changes],
            "figures": {
                name: {key: asdict(value) for key, value in values.items()} for name, values in self.figures.items()
            },
            "processes": {name: sum(row.ok for row in rows) for name, rows in self.rows.items()},
            "fails": self.fails,
            "failed": [
                {"arm": name, "reason": reason, "count": count}
                for name, rows in self.rows.items()
                for reason, count in Counter(row.reason for row in rows if not row.ok).items()
            ],
            "flags": {
                name: dict(Counter(flag for row in rows for flag in row.flags)) for name, rows in self.rows.items()
            },
        }


def judge(
    question: Question,
    arms: Mapping[str, Arm],
    rows: Mapping[str, Sequence[Measurement]],
    *,
    look: int,
    looks: Sequence[int],
    share: float,
    limit: float,
) -> Judged:
    """Decide what can be decided at one look.

    Args:
        question: What is asked.
        arms: By name.
        rows: By arm, one a round.
        look: Rounds up to now.
        looks: All that are planned.
        share: Of the errors, that this look may spend.
        limit: Smallest change that matters.
    """
    valid = {name: [row for row in each if row.ok] for name, each in rows.items()}
    evidence = {
        name: Evidence(arms[name].candidate.candidate_id, each, Spread({})) for name, each in valid.items() if each
    }
    figures = {name: dict(each.result().metrics) for name, each in evidence.items()}
    level = level_at(look, looks, max(1, len(question.constraints)))
    decisions = tuple(_decided(one, arms, evidence, level) for one in question.constraints)
    changes = _changes(question.metrics, rows, figures, share, limit) if BASE in arms else ()
    return Judged(look, decisions, changes, dict(rows), figures)


def _decided(
    constraint: Constraint, arms: Mapping[str, Arm], evidence: Mapping[str, Evidence], level: float
) -> Decision:
    name, figure, missing = constraint.metric.name, None, ""
    new, reference = evidence.get(NEW), evidence.get(REFERENCE)
    quality = arms[NEW].bench.quality
    if name in SUSTAINED:
        missing = _SOAKED
    elif new is None:
        missing = "no process of the bundle is valid"
    elif constraint.relative != "absolute":
        figure = None if reference is None else new.against(reference, constraint, quality, level)
        missing = _NEEDS_REFERENCE if REFERENCE not in arms else ""
    elif name in QUALITY:
        figure = arms[NEW].bench.quality_of(new, constraint.metric.key, level)
        missing = _NEEDS_DATA
    else:
        figure = new.value(constraint.metric.key, level)
    return decide(constraint, figure, missing)


def _changes(
    metrics: Sequence[Metric],
    rows: Mapping[str, Sequence[Measurement]],
    figures: Mapping[str, Mapping[str, Value]],
    share: float,
    limit: float,
) -> tuple[Change, ...]:
    """Each metric of the bundle against the base's; those that vary from process to process are one family."""
    both = {metric: (figures.get(BASE, {}).get(metric.key), figures.get(NEW, {}).get(metric.key)) for metric in metrics}
    judged = [metric for metric in metrics if not _why_not(metric, *both[metric])]
    varying = [metric for metric in judged if metric.name not in _OF_DATA]
    changes = []
    for metric in metrics:
        base, new = both[metric]
        reason = _why_not(metric, base, new)
        if reason:
            changes.append(unjudged(metric, base, new, reason))
        elif base is None or new is None:
            changes.append(undecided(metric, base, new, _lacking(metric, rows)))
        elif metric.name in _OF_DATA:
            changes.append(of_data(metric, base, new, limit))
        else:
            pairs = _pairs(metric, rows)
            changes.append(held_against(metric, (base, new), pairs, limit=limit, share=share, family=len(varying)))
    return tuple(changes)


def _why_not(metric: Metric, base: Value | None, new: Value | None) -> str:
    """Why a metric is not to be held against the base; empty where it is."""
    if metric.name in SUSTAINED:
        return _SOAKED
    if base is None and new is None and metric.name in QUALITY:
        return _NEEDS_DATA
    if base is not None and new is not None and not comparable(base, new):
        return "is an estimate, which says nothing of a change: a power meter would"
    return ""


def _lacking(metric: Metric, rows: Mapping[str, Sequence[Measurement]]) -> str:
    """In how many processes a metric is absent that should be there."""
    without = {name: sum(not row.ok or metric.key not in row.metrics for row in rows[name]) for name in (BASE, NEW)}
    return ", ".join(f"absent in {count} of {len(rows[name])} of {name}" for name, count in without.items() if count)


def _pairs(metric: Metric, rows: Mapping[str, Sequence[Measurement]]) -> list[tuple[float, float]]:
    """Figures of the rounds in which both were valid."""
    return [
        (base.metrics[metric.key].value, new.metrics[metric.key].value)
        for base, new in zip(rows[BASE], rows[NEW], strict=True)
        if base.ok and new.ok and metric.key in base.metrics and metric.key in new.metrics
    ]


def _change(change: Change) -> dict[str, Any]:
    return {**asdict(change), "metric": change.metric.key}
