"""What the seeds of each replayed strategy come to: medians and quartiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

_STARTS = {"history": "history", "surrogate": "a saved surrogate"}


@dataclass(frozen=True)
class Summary:
    """One strategy over its seeds.

    Attributes:
        strategy: Its name.
        start: What it learned from beforehand, in words; empty where it started from nothing.
        seeds: How many runs the figures come from, at least one.
        quartiles: Shape (3, measurements): lower quartile, median and upper quartile of the share of the true
            hypervolume after each measurement.
        counts: Median of the measurements needed, by the key of the document (``to_95``); None where half of the runs
            or more did not get there.
        regret: Median at the end; None without constraints, or where half of the runs or more found nothing feasible.
        proposal_ms: Median over all proposals.
    """

    strategy: str
    start: str
    seeds: int
    quartiles: NDArray[np.float64]
    counts: Mapping[str, float | None]
    regret: float | None
    proposal_ms: float

    @property
    def title(self) -> str:
        """The name, with what the strategy started from."""
        return f"{self.strategy} with {self.start}" if self.start else self.strategy


def summaries(document: Mapping[str, Any]) -> list[Summary]:
    """Summarise the document of ``autoedge replay``; strategies without a finished run are left out.

    After an interrupt only the seeds that all of them finished count, so that medians are of the same runs; where there
    is no such seed, each strategy has its own.
    """
    finished = {name: strategy for name, strategy in document["strategies"].items() if strategy["seeds"]}
    common = set.intersection(*({run["seed"] for run in one["seeds"]} for one in finished.values())) if finished else ()
    found = []
    for name, strategy in finished.items():
        runs = [run for run in strategy["seeds"] if run["seed"] in common] or strategy["seeds"]
        keys = [key for key in runs[0] if key.startswith("to_")]
        found.append(
            Summary(
                strategy=name,
                start=" and ".join(words for key, words in _STARTS.items() if strategy.get(key)),
                seeds=len(runs),
                quartiles=np.percentile([run["hypervolume"] for run in runs], [25, 50, 75], axis=0),
                counts={key: _middle(run[key] for run in runs) for key in keys},
                regret=_middle(run["regret"][-1] for run in runs) if "regret" in runs[0] else None,
                proposal_ms=median(ms for run in runs for ms in run["proposal_ms"]),
            )
        )
    return found


def seeds_of(found: Sequence[Summary]) -> str:
    """How many runs the figures come from: ``1 seed``, ``10 seeds``, ``1 to 2 seeds`` where they share none."""
    counts = sorted({one.seeds for one in found})
    least = "" if len(counts) == 1 else f"{counts[0]} to "
    return f"{least}{counts[-1]} seed{'' if counts == [1] else 's'}"


def _middle(numbers: Iterable[float | None]) -> float | None:
    """The median, what was never reached being later than everything."""
    middle = median(math.inf if number is None else number for number in numbers)
    return middle if math.isfinite(middle) else None
