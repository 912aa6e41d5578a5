"""When the confirm rounds may decide, and how sure they must be each time.

Looking again and again at growing data with 95 % each time errs far more often than in 5 % of cases. So the times are
few and fixed beforehand, and the error is shared out among them and among the constraints.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKS = (6, 10, 20)
"""Processes of a candidate after which a decision may be taken, and nowhere else."""

ERROR = 0.05
"""Chance of any wrong decision about a candidate, over all looks and constraints."""


def level_at(look: int, looks: Sequence[int] = LOOKS, constraints: int = 1) -> float:
    """The confidence level of the intervals that decide at one look.

    The error is spent in proportion to the processes seen since the look before, then shared evenly by the
    constraints. By Bonferroni's inequality this holds whatever the dependence between looks and between constraints,
    and for the t intervals of a few processes.

    Args:
        look: Processes measured by now, one of ``looks``.
        looks: All looks that were planned, ascending. A plan that the budget cuts short is passed short.
        constraints: How many are decided, at least one.

    Returns:
        Between 0.95 and 1.

    Raises:
        ValueError: ``look`` is no planned look, the plan does not ascend from two on, or there is no constraint.

    Source: Lan and DeMets, Biometrika 70 (1983) 659-663, linear spending; repeated confidence intervals: Jennison and
    Turnbull, Group Sequential Methods (2000), chapter 9.
    """
    plan = (0, *looks)
    if not looks or looks[0] < 2 or any(later <= earlier for earlier, later in pairwise(plan)):  # noqa: PLR2004
        raise ValueError(f"looks ascend, from two processes on, but got {tuple(looks)}")
    if look not in looks:
        raise ValueError(f"decisions are taken after {', '.join(map(str, looks))} processes, but got {look}")
    if constraints < 1:
        raise ValueError(f"at least one constraint is decided, but got {constraints}")
    before = plan[plan.index(look) - 1]
    return 1 - ERROR * (look - before) / looks[-1] / constraints
