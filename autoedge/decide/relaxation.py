"""When nothing keeps all limits: which single limit, moved how far, would let something through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.decide.verdict import Outcome, not_measured, slack

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from autoedge.decide.verdict import Verdict
    from autoedge.intent.constraint import Constraint


@dataclass(frozen=True)
class Relaxation:
    """Moving one limit that far would open the space.

    Attributes:
        constraint: Which one.
        limit: The value that the best candidate for it has, in the constraint's own terms.
        candidate_id: The candidate that this would let through.
    """

    constraint: Constraint
    limit: float
    candidate_id: str


def relaxations(verdicts: Sequence[Verdict], confirmed: Collection[str] | None = None) -> list[Relaxation]:
    """Single relaxations that would let a candidate through, the smallest step first.

    A candidate counts when exactly one of its constraints is broken and all others are met.

    Args:
        verdicts: One a candidate.
        confirmed: Candidates that ran in enough processes for their interval to say how far the limit must move; for
            the others the value alone says it. None: all.
    """
    best: dict[str, tuple[float, Relaxation]] = {}
    for verdict in verdicts:
        broken = [decision for decision in verdict.decisions if decision.outcome is not Outcome.MET]
        if len(broken) != 1:
            continue
        decision, figure = broken[0], broken[0].figure
        if figure is None or not_measured(decision.constraint, figure):
            continue
        far = figure.high if decision.constraint.sense == "max" else figure.low
        by_value = decision.constraint.decide == "value" or not (confirmed is None or verdict.candidate_id in confirmed)
        limit = figure.value if by_value else far
        found = Relaxation(decision.constraint, limit, verdict.candidate_id)
        step = -slack(decision.constraint, limit)
        if step <= 0:  # the value keeps the limit, only certainty is missing
            continue
        if decision.constraint.key not in best or step < best[decision.constraint.key][0]:
            best[decision.constraint.key] = (step, found)
    return [found for _, found in sorted(best.values(), key=lambda pair: pair[0])]
