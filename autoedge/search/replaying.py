"""A strategy on recorded results: what it would have measured, in which order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.storages import InMemoryStorage

from autoedge.search.sampler import SurrogateSampler
from autoedge.search.study import Board

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Literal, Protocol

    import numpy as np
    from numpy.typing import NDArray

    from autoedge.campaign.results import Results
    from autoedge.search.pool import Pool
    from autoedge.search.strategies import Maker

    class Recorded(Pool, Protocol):
        """A pool whose every candidate is measured already."""

        values: NDArray[np.float64]

        @property
        def objectives(self) -> Mapping[str, Literal["minimize", "maximize"]]:
            """Direction by name, in the order of the columns of ``values``."""
            ...

        def constraints_of(self, row: int) -> Mapping[str, float]:
            """By limit, how far a candidate breaks it, at most 0 where it is kept."""
            ...


LEARNING = frozenset({"surrogate"})
"""Strategies that can start from results of other targets, or from what a surrogate says."""


@dataclass(frozen=True)
class Replayed:
    """What one strategy did with one seed.

    Attributes:
        rows: The candidates in the order of their measurement, no two the same.
        proposal_ms: How long it took to propose each.
    """

    rows: Sequence[int]
    proposal_ms: Sequence[float]


def informed(
    strategy: str, history: Sequence[Results], foretold: Mapping[str, NDArray[np.float64]] | None = None
) -> str | Maker:
    """A strategy that starts from what is known, or as it is where it cannot or nothing is.

    Args:
        strategy: Its name.
        history: Results of other targets.
        foretold: By metric, what a surrogate says of the candidates; see ``SurrogateSampler``.
    """
    if strategy not in LEARNING or not (history or foretold):
        return strategy
    return lambda grid, seed: SurrogateSampler(seed, pool=grid, history=history, foretold=foretold)


def replay(
    table: Recorded,
    strategy: str | Maker,
    *,
    seed: int,
    budget: int,
    on_measured: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Let a strategy choose ``budget`` candidates one after the other, telling it what was recorded of each.

    Every strategy has the same footing: the same candidates, ordered knobs as ordered, objectives as they stand in
    ``table.values``, and proposals that are no recorded row or already measured become the nearest free row.

    Args:
        table: The recorded candidates.
        strategy: One of ``autoedge.search.strategies.STRATEGIES``, or what makes a sampler.
        seed: Of the strategy.
        budget: Measurements; fewer where there are fewer candidates.
        on_measured: Told after each measurement how many there are.
    """
    objectives = [(name, way) for name, way in table.objectives.items()]
    board = Board(InMemoryStorage(), "replay", pool=table, objectives=objectives, strategy=strategy, seed=seed)
    rows: list[int] = []
    times: list[float] = []
    while len(rows) < budget:
        begun = time.perf_counter()
        proposal = board.propose()
        if proposal is None:
            break
        times.append((time.perf_counter() - begun) * 1e3)
        trial, row = proposal
        board.complete(trial, table.values[row].tolist(), table.constraints_of(row))
        rows.append(row)
        on_measured(len(rows))
    return Replayed(rows, times)
