"""Hold a figure measured now against the one recorded: does the bundle still keep its word?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from autoedge.metric import QUALITY, by_key

if TYPE_CHECKING:
    from autoedge.measurement import Value

PRACTICAL = 0.02
"""A smaller change for the worse is never told from the same, however sure: another session moves figures as much."""


class Kept(StrEnum):
    """How a figure compares with the recorded one."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNDECIDED = "undecided"
    UNCHECKED = "not checked"


@dataclass(frozen=True)
class Check:
    """One recorded figure held against a new one.

    Attributes:
        key: Of the metric.
        recorded: In the bundle.
        now: Measured by the verification, None where it was not.
        outcome: How they compare.
        note: Why, where the outcome does not say it.
    """

    key: str
    recorded: Value
    now: Value | None
    outcome: Kept
    note: str = ""


def compare(key: str, recorded: Value, now: Value) -> Check:
    """Compare two figures of one metric.

    Inside: the new value lies in the recorded interval, or on its better side, or is at most 2 % worse than the
    recorded value. Outside: the whole new interval lies on the worse side of the recorded one. Else undecided. On the
    same data, quality has no new chance in it: its value is inside or outside.

    Args:
        key: Of the metric; says which side is better.
        recorded: In the bundle.
        now: From this machine.

    Source of the 2 %: a difference counts when it is sure and of practical size (measurement protocol, A versus B).
    """
    metric = by_key(key)
    sign = 1.0 if metric.direction == "minimize" else -1.0
    value, best = sign * now.value, sign * (now.low if sign > 0 else now.high)
    best_recorded, worst_recorded = sorted((sign * recorded.low, sign * recorded.high))
    if metric.name in QUALITY:
        kept = Kept.INSIDE if value <= worst_recorded else Kept.OUTSIDE
        changed = (
            "" if now.value == recorded.value else f"changed by {now.value - recorded.value:+.3g} on the same data"
        )
        return Check(key, recorded, now, kept, changed)
    if value <= worst_recorded or value - sign * recorded.value <= PRACTICAL * abs(recorded.value):
        return Check(key, recorded, now, Kept.INSIDE, "better than recorded" if value < best_recorded else "")
    if best > worst_recorded:
        return Check(key, recorded, now, Kept.OUTSIDE)
    return Check(key, recorded, now, Kept.UNDECIDED, "worse, but the intervals overlap: more processes would tell")
