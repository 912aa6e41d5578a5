"""Is a limit kept? Met when the interval lies inside it, not met when outside, else undecided."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from autoedge.measurement import Source
from autoedge.metric import OF_FINALISTS

if TYPE_CHECKING:
    from autoedge.intent.constraint import Constraint
    from autoedge.measurement import Value


class Outcome(StrEnum):
    """How a decision ended."""

    MET = "met"
    NOT_MET = "not met"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Decision:
    """One constraint held against one candidate.

    Attributes:
        constraint: Which limit.
        outcome: Kept, broken, or too close to tell.
        figure: What it was held against: the metric, its ratio to the reference, or its drop below it.
        slack: Room left, relative to the limit (for a drop: in fraction points); negative when broken, None when the
            metric is absent.
        note: Why it is undecided, or what the reader must know.
    """

    constraint: Constraint
    outcome: Outcome
    figure: Value | None
    slack: float | None
    note: str = ""

    @property
    def open(self) -> bool:
        """Whether only the confirm rounds will know the figure, so that it speaks neither for nor against yet."""
        return self.figure is None and self.constraint.metric.name in OF_FINALISTS

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "constraint": self.constraint.text,
            "metric": self.constraint.metric.key,
            "relative": self.constraint.relative,
            "limit": self.constraint.limit,
            "outcome": self.outcome,
            "figure": None if self.figure is None else asdict(self.figure),
            "slack": self.slack,
            "note": self.note,
        }


@dataclass(frozen=True)
class Verdict:
    """All constraints of an intent held against one candidate."""

    candidate_id: str
    decisions: tuple[Decision, ...]

    @property
    def outcome(self) -> Outcome:
        """Met when all are, not met when one is not, else undecided."""
        outcomes = {decision.outcome for decision in self.decisions}
        if Outcome.NOT_MET in outcomes:
            return Outcome.NOT_MET
        return Outcome.UNDECIDED if Outcome.UNDECIDED in outcomes else Outcome.MET

    @property
    def violation(self) -> float:
        """Sum of how far limits are broken, each relative to its limit; what is absent counts as one limit."""
        return sum(1.0 if d.slack is None else max(0.0, -d.slack) for d in self.decisions if not d.open)


def decide(constraint: Constraint, figure: Value | None, missing: str = "") -> Decision:
    """Hold a constraint against a figure.

    Args:
        constraint: The limit.
        figure: With its interval at the level that the decision needs; None when the metric is absent.
        missing: Why it is absent.
    """
    if figure is None:
        return Decision(constraint, Outcome.UNDECIDED, None, None, missing or "the metric was not measured")
    room = slack(constraint, figure.value)
    if not_measured(constraint, figure):
        return Decision(constraint, Outcome.UNDECIDED, figure, room, "must be measured, but is only estimated")
    ends = (figure.value, figure.value) if constraint.decide == "value" else (figure.low, figure.high)
    kept = [slack(constraint, end) >= 0 for end in ends]
    if all(kept):
        outcome, note = Outcome.MET, ""
    elif any(kept):
        outcome, note = Outcome.UNDECIDED, "the interval holds the limit"
    else:
        outcome, note = Outcome.NOT_MET, ""
    if figure.source is Source.ESTIMATED:
        note = "; ".join(part for part in (note, f"decided on an estimate{_doubt(figure)}") if part)
    return Decision(constraint, outcome, figure, room, note)


def _doubt(figure: Value) -> str:
    """By how much an estimate may be off."""
    off = max(figure.high - figure.value, figure.value - figure.low)
    return f" that may be off by {100 * off / abs(figure.value):.0f} %" if figure.value else ""


def not_measured(constraint: Constraint, figure: Value) -> bool:
    """Whether a constraint asks for a measurement and the figure is an estimate."""
    return constraint.source is Source.MEASURED and figure.source is Source.ESTIMATED


def slack(constraint: Constraint, value: float) -> float:
    """Room between a value and the limit, relative to the limit; for a drop in fraction points."""
    room = constraint.limit - value if constraint.sense == "max" else value - constraint.limit
    if constraint.relative == "drop" or constraint.limit == 0:
        return room
    return room / abs(constraint.limit)
