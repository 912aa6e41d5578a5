"""The results of one target as a search sees them: candidates, what is known of them, what measuring them gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoedge.campaign.levels import as_words
from autoedge.errors import DataError
from autoedge.pareto import hypervolume
from autoedge.space.columns import Knob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.campaign import Campaign
    from autoedge.campaign.card import Card, Direction
    from autoedge.campaign.limit import Limit

    Array = NDArray[np.float64]

MARGIN = 0.1  # the reference lies this share of the range beyond the worst value


class Table:
    """One target's candidates with their results, in the form of ``autoedge.search.pool.Pool``.

    Rows that lack an objective are left out; of several results of one candidate the median counts. A metric with a
    limit is no objective any more: what is limited need not be as good as it can be.

    Args:
        campaign: Where the rows are from.
        target: One of its targets.
        limits: Constraints on its objectives.

    Raises:
        DataError: There is no such target, or too little is left of it.

    Attributes:
        name: Of the target.
        knobs: By name; numbers are ordered.
        codes: Shape (candidates, knobs): level numbers.
        objectives: Direction by name, without those that have a limit.
        values: Shape (candidates, objectives): on the scale of the card (logarithms to base 10), not turned round.
        feasible: Shape (candidates,): which of them keep every limit.
        violations: By limit, shape (candidates,): at most 0 where it is kept, on the scale of the card.
        frame: The rows, in the order of ``codes``.
    """

    def __init__(self, campaign: Campaign, target: str, limits: Sequence[Limit] = ()) -> None:
        card = campaign.card
        for limit in limits:
            if limit.metric not in card.objectives:
                raise DataError(
                    f"campaign {card.name}: a limit is on one of {', '.join(card.objectives)}, but got {limit.metric!r}"
                )
        self.name = target
        self.frame = _settled(card, campaign.of(target))
        if self.frame.empty:
            raise DataError(f"campaign {card.name}: target {target} has no row with all objectives")
        self._features = card.features
        self.knobs: dict[str, Knob] = {}
        columns = []
        for name, column in card.knobs.items():
            ordered = column.type != "categorical"
            found = self.frame[name].to_numpy()
            codes, levels = pd.factorize(found, sort=True)
            number = int if column.type == "int" else float
            self.knobs[name] = Knob(name, tuple(map(number, levels) if ordered else levels.tolist()), ordered)
            columns.append(codes)
        self.codes = np.stack(columns, axis=1).astype(np.int32)
        limited = {limit.metric for limit in limits}
        names = [name for name in card.objectives if name not in limited] or list(card.objectives)
        self.objectives: dict[str, Direction] = {name: card.objectives[name].direction for name in names}
        self.values = np.column_stack([scaled(card, self.frame, name) for name in names])
        self.violations: dict[str, Array] = {
            str(limit): limit.violation(self.frame[limit.metric].to_numpy(dtype=float), card.objectives[limit.metric])
            for limit in limits
        }
        kept = [violation <= 0 for violation in self.violations.values()]
        self.feasible: NDArray[np.bool_] = np.logical_and.reduce([np.ones(len(self), dtype=bool), *kept])
        signs = np.array([1.0 if way == "minimize" else -1.0 for way in self.objectives.values()])
        low, high = (self.values * signs).min(axis=0), (self.values * signs).max(axis=0)
        self.points = (self.values * signs - low) / np.where(high > low, high - low, 1.0)
        self.true_hypervolume = self.hypervolume(np.arange(len(self.codes)))

    def __len__(self) -> int:
        return len(self.codes)

    def features(self) -> tuple[tuple[str, ...], Array]:
        """Names and values, shape (candidates, features), of what is known before measuring; NaN where it is not."""
        names = tuple(self._features)
        return names, self.frame[list(names)].to_numpy(dtype=float).reshape(len(self), len(names))

    def hypervolume(self, rows: Sequence[int] | NDArray[np.intp]) -> float:
        """What the feasible ones among candidates dominate, of points scaled to 0 .. 1, up to 1.1 (the reference)."""
        chosen = np.asarray(rows, dtype=np.intp)
        kept = chosen[self.feasible[chosen]]
        return hypervolume(self.points[kept], [1 + MARGIN] * self.points.shape[1])

    def constraints_of(self, row: int) -> Mapping[str, float]:
        """By limit, how far one candidate breaks it."""
        return {name: float(violation[row]) for name, violation in self.violations.items()}


def scaled(card: Card, frame: pd.DataFrame, objective: str) -> Array:
    """An objective's column on the scale of the card: logarithms to base 10, or as it is."""
    numbers = frame[objective].to_numpy(dtype=float)
    return np.log10(numbers) if card.objectives[objective].scale == "log" else numbers


def _settled(card: Card, frame: pd.DataFrame) -> pd.DataFrame:
    """One row a candidate, all objectives known; categories as text, so that a missing one is a choice too."""
    frame = frame.copy()
    for name, knob in card.knobs.items():
        if knob.type == "categorical":
            plain = frame[name].isin([True, False]).all()
            frame[name] = frame[name] if plain else as_words(frame[name])
    known = np.isfinite(frame[list(card.objectives)].to_numpy(dtype=float)).all(axis=1)
    frame = frame[known]
    if frame.duplicated(list(card.knobs)).any():
        middle = [*card.objectives, *card.features]
        settled = frame.groupby(list(card.knobs), sort=False, as_index=False)[middle].median()
        rest = frame.drop_duplicates(list(card.knobs)).drop(columns=middle)
        frame = rest.merge(settled, on=list(card.knobs))
    return frame.reset_index(drop=True)
