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


@dataclass(frozen=True)
class Summary:
    """One strategy over its seeds.

    Attributes:
        strategy: Its name.
        history: Whether it learned from other targets beforehand.
        seeds: How many runs were finished, at least one.
        quartiles: Shape (3, measurements): lower quartile, median and upper quartile of the share of the true
            hypervolume after each measurement.
        counts: Median of the measurements needed, by the key of the document (``to_95``); None where half of the runs
            or more did not get there.
        regret: Median at the end; None without constraints, or where half of the runs or more found nothing feasible.
        proposal_ms: Median over all proposals.
    """

    strategy: str
    history: bool
    seeds: int
    quartiles: NDArray[np.float64]
    counts: Mapping[str, float | None]
    regret: float | None
    proposal_ms: float

    @property
    def title(self) -> str:
        """The name, marked where history was used."""
        return f"{self.strategy} with history" if self.history else self.strategy


def summaries(document: Mapping[str, Any]) -> list[Summary]:
    """Summarise the document of ``autoedge replay``; strategies without a finished run are left out."""
    found = []
    for name, strategy in document["strategies"].items():
        runs = strategy["seeds"]
        if not runs:
            continue
        keys = [key for key in runs[0] if key.startswith("to_")]
        found.append(
            Summary(
                strategy=name,
                history=strategy["history"],
                seeds=len(runs),
                quartiles=np.percentile([run["hypervolume"] for run in runs], [25, 50, 75], axis=0),
                counts={key: _middle(run[key] for run in runs) for key in keys},
                regret=_middle(run["regret"][-1] for run in runs) if "regret" in runs[0] else None,
                proposal_ms=median(ms for run in runs for ms in run["proposal_ms"]),
            )
        )
    return found


def seeds_of(found: Sequence[Summary]) -> str:
    """How many runs the figures come from: ``1 seed``, ``10 seeds``, after an interrupt ``2 to 3 seeds``."""
    counts = sorted({one.seeds for one in found})
    least = "" if len(counts) == 1 else f"{counts[0]} to "
    return f"{least}{counts[-1]} seed{'' if counts == [1] else 's'}"


def _middle(numbers: Iterable[float | None]) -> float | None:
    """The median, what was never reached being later than everything."""
    middle = median(math.inf if number is None else number for number in numbers)
    return middle if math.isfinite(middle) else None
