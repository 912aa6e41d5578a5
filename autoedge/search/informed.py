"""What results of other targets, or a surrogate learned from many, say of the candidates of a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import moocore
import numpy as np

from autoedge.campaign.results import Results
from autoedge.search.foretold import candidates_of
from autoedge.surrogate.described import describe
from autoedge.surrogate.encoding import Encoded, is_logarithmic
from autoedge.surrogate.foreseen import Foreseen
from autoedge.surrogate.sources import source_predictions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.search.pool import Grid
    from autoedge.surrogate.foreseen import Expectation

    Array = NDArray[np.float64]

PROMISING = 1024  # candidates of a large pool that are looked at since they promise most
MOST_UNKNOWN = 0.9  # share of candidates; of more, sources say nothing that a search should start from


class Informed:
    """Prepared once for a pool: for each objective what the sources expect.

    Args:
        history: Results of other targets, in the units of the study's values.
        grid: The candidates.
        metrics: Names of the objectives.
        foretold: By metric, shape (candidates,): what one more source says, in the units of the study's values; NaN
            where it cannot know.

    Attributes:
        known: For each objective, whether the sources say something of most candidates.
        log: For each objective, whether the sources' values are taken as logarithms.
    """

    def __init__(
        self, history: Sequence[Results], grid: Grid, metrics: Sequence[str], foretold: Mapping[str, Array]
    ) -> None:
        candidates = candidates_of(grid.pool)
        described = describe(candidates)
        self.known: list[bool] = []
        self.log: list[bool] = []
        self._models: list[Foreseen | None] = []
        self._means: dict[int, Array] = {}
        self._ranks: NDArray[np.intp] | None = None
        for metric in metrics:
            values = [source.values[metric] for source in history if metric in source.values]
            values += [foretold[metric]] if metric in foretold else []
            told = np.concatenate(values) if values else np.zeros(0)
            log = is_logarithmic(told[np.isfinite(told)])
            predictions = source_predictions(
                [_scaled(source, metric, log=log) for source in history], metric, candidates
            )
            if metric in foretold:
                column = np.log(foretold[metric]) if log else foretold[metric]
                predictions = np.column_stack([predictions, column])
            unknown = np.isnan(predictions).all(axis=1).mean() if predictions.shape[1] else 1.0
            self.known.append(bool(unknown <= MOST_UNKNOWN))
            self.log.append(log)
            self._models.append(Foreseen(predictions, described) if self.known[-1] else None)
            if self.known[-1]:
                self._means[len(self.known) - 1] = self.expected(len(self.known) - 1, [], []).predict()[0]
        columns = [_unit(column) for column in self._means.values()]
        self._columns = np.column_stack(columns) if columns else np.zeros((len(grid), 0))

    def promising(self, signs: Array, free: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of free candidates those that come first by what is expected, front after front."""
        if self._ranks is None:
            ranks = moocore.pareto_rank(np.column_stack([column * signs[at] for at, column in self._means.items()]))
            self._ranks = np.asarray(ranks)
        return free[np.argsort(self._ranks[free], kind="stable")[:PROMISING]]

    @property
    def complete(self) -> bool:
        """Whether the sources say something of all objectives."""
        return all(self.known)

    def expected(
        self, objective: int, rows: Sequence[int] | NDArray[np.intp], numbers: Sequence[float] | Array
    ) -> Expectation:
        """What is expected of all candidates, given what was measured of some, on the scale of ``log``."""
        model = self._models[objective]
        if model is None:
            raise ValueError(f"the sources say nothing of objective {objective}")
        return model.fit(rows, numbers)

    def added(self, encoded: Encoded) -> Encoded:
        """Encoded candidates of the pool with what the sources expect of them as further columns."""
        first = int(encoded.groups.max()) + 1 if len(encoded.groups) else 0
        groups = np.concatenate([encoded.groups, first + np.arange(self._columns.shape[1])])
        return Encoded(np.hstack([encoded.matrix, self._columns[encoded.rows]]), groups, encoded.rows)


def _scaled(source: Results, metric: str, *, log: bool) -> Results:
    if not log or metric not in source.values:
        return source
    return Results(source.name, source.knobs, source.ordered, source.features, {metric: np.log(source.values[metric])})


def _unit(column: Array) -> Array:
    span = np.ptp(column)
    return np.asarray((column - column.min()) / span) if span > 0 else np.zeros(len(column))
