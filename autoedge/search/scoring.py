"""How good a sequence of measurements is, held against all that was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.pareto import nondominated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.campaign.table import Table

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Feasibility:
    """How soon a sequence of measurements keeps the constraints.

    Attributes:
        first: Measurements until one keeps them all; None where none does.
        best: Measurements until the regret is 0; None where it never is.
        regret: After each measurement, how far the best feasible one lies from the best feasible one there is, in the
            first objective on the scale of the card, as a share of its range over the table; None before the first.
    """

    first: int | None
    best: int | None
    regret: tuple[float | None, ...]


def volume_shares(table: Table, rows: Sequence[int]) -> tuple[float, ...]:
    """The share of the table's hypervolume that is dominated after each measurement; never falls.

    Args:
        table: What was recorded; something in it is feasible.
        rows: Candidates in the order of their measurement.
    """
    shares: list[float] = []
    front: list[int] = []
    share = 0.0
    for row in rows:
        if table.feasible[row]:
            kept = nondominated(table.points[[*front, row]])
            if kept[-1]:
                front = [one for one, stays in zip([*front, row], kept, strict=True) if stays]
                share = min(max(share, table.hypervolume(front) / table.true_hypervolume), 1.0)
        shares.append(share)
    return tuple(shares)


def measurements_to(shares: Sequence[float], percent: float) -> int | None:
    """Measurements until a share of the hypervolume is reached; None where it is not."""
    return next((count for count, share in enumerate(shares, 1) if share >= percent / 100 - _ROUNDING), None)


def feasibility(table: Table, rows: Sequence[int]) -> Feasibility:
    """How soon measurements keep the table's constraints, and how near the best feasible candidate they come.

    Args:
        table: What was recorded; something in it is feasible.
        rows: Candidates in the order of their measurement.
    """
    chosen = np.asarray(rows, dtype=np.intp)
    first_objective = table.points[:, 0]
    found = np.where(table.feasible[chosen], first_objective[chosen], np.inf)
    regrets = np.minimum.accumulate(found) - first_objective[table.feasible].min()
    return Feasibility(
        first=_count_to(np.isfinite(regrets)),
        best=_count_to(regrets <= _ROUNDING),
        regret=tuple(float(regret) if np.isfinite(regret) else None for regret in regrets),
    )


def _count_to(reached: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int | None:
    return int(reached.argmax()) + 1 if reached.any() else None
