"""What may still be measured: processes and wall time, with a share kept for the confirm rounds."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from autoedge.errors import IntentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoedge.intent.resolved import Budget
    from autoedge.store.store import Store

FIRST_LOOK = 6


class Ledger:
    """Counts what a run uses, over all its starts.

    Args:
        budget: The intent's.
        used: Processes that earlier starts used.
        store: Keeps the wall time.
        conditions: Names what is measured under; other conditions have a clock of their own.
        soaks: Processes that the soaks of one finalist and its reference take beside the confirm rounds.
        confirm_s: Tells the wall time of a confirm process, as far as that is known by now; 0 where it is not.
    """

    def __init__(
        self,
        budget: Budget,
        used: int,
        store: Store,
        conditions: str = "elapsed",
        *,
        soaks: int = 0,
        confirm_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.budget = budget
        self.used = used
        self._confirm_s = confirm_s
        self._store = store
        self._soaks = soaks
        self._conditions = conditions
        self._before_s = float(store.fact(conditions) or 0.0)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time used, over all starts."""
        return self._before_s + time.monotonic() - self._began

    @property
    def reserve(self) -> int:
        """Processes kept for the confirm rounds: the share set, but enough for one finalist and the reference."""
        share = math.ceil(round(self.budget.measurements * self.budget.reserve, 6))  # 55 % of 100 are 55.00000000000001
        return max(share, 2 * FIRST_LOOK + self._soaks)

    @property
    def reserve_s(self) -> float:
        """Wall time kept for them: likewise, but never more than half, or nothing would be searched."""
        limit = self.budget.time_s or 0.0
        return max(limit * self.budget.reserve, min(limit / 2, (2 * FIRST_LOOK + self._soaks) * self._confirm_s()))

    @property
    def room(self) -> int:
        """Confirm processes that still fit, by count and, where their pace is known, by time."""
        left, limit, each = self.budget.measurements - self.used, self.budget.time_s, self._confirm_s()
        if limit is not None and each > 0:
            left = min(left, int((limit - self.seconds) / each))
        return max(left, 0)

    def book(self, processes: int) -> None:
        """Note processes as used, and the time."""
        self.used += processes
        self._store.set_fact(self._conditions, self.seconds)

    def may_search(self, processes: int) -> bool:
        """Whether that many more processes leave the reserve untouched."""
        within = self.used + processes <= self.budget.measurements - self.reserve
        limit = self.budget.time_s
        return within and (limit is None or self.seconds < limit - self.reserve_s)

    def may_confirm(self, processes: int) -> bool:
        """Whether that many more processes fit in all, and time is left to begin them."""
        limit = self.budget.time_s
        return self.used + processes <= self.budget.measurements and (limit is None or self.seconds < limit)

    def require(self, baselines: int) -> str:
        """Refuse a budget that the baselines alone exceed.

        Returns:
            What to know of one that leaves no room to confirm beside them; empty where it does.

        Raises:
            IntentError: Says how much is needed.
        """
        advice = f"give at least {baselines + 2 * FIRST_LOOK}, which leaves room to confirm"
        taken = f"budget.measurements: the baselines alone take {baselines} measurements"
        if self.budget.measurements < baselines:
            raise IntentError(f"{taken}, but the budget is {self.budget.measurements}; {advice}")
        if self.budget.measurements < baselines + 2 * FIRST_LOOK:
            return f"{taken} of {self.budget.measurements}, so that nothing can be decided; {advice}"
        return ""
