"""Results of one target by the names of their columns, so that those of several targets can be joined."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.table import Table

    Array = NDArray[np.float64]


class Knob(Protocol):
    """As much of a knob as its candidates need."""

    @property
    def levels(self) -> Sequence[Any]:
        """In the order of their numbers."""

    @property
    def ordered(self) -> bool:
        """Whether levels are numbers."""


@dataclass(frozen=True)
class Results:
    """Candidates with what is known of them and, where they were measured, their values.

    Attributes:
        name: Of the target, or of campaign and target.
        knobs: By name, shape (n,): a level for each candidate, a number where the knob is ordered.
        ordered: Which knobs are ordered numbers.
        features: By name, shape (n,): numbers known before measuring, NaN where unknown.
        values: By metric, shape (n,): on a scale on which differences count, NaN where unknown; empty for candidates
            that are only to be predicted.
    """

    name: str
    knobs: Mapping[str, NDArray[Any]]
    ordered: frozenset[str]
    features: Mapping[str, Array] = field(default_factory=dict)
    values: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.knobs.values())))

    def take(self, rows: NDArray[np.intp]) -> Results:
        """Some of the candidates."""
        return Results(
            self.name,
            {name: column[rows] for name, column in self.knobs.items()},
            self.ordered,
            {name: column[rows] for name, column in self.features.items()},
            {name: column[rows] for name, column in self.values.items()},
        )


def candidates_from(
    name: str, knobs: Mapping[str, Knob], codes: NDArray[Any], known: tuple[Sequence[str], NDArray[Any]]
) -> Results:
    """Candidates by the names of their columns, without values.

    Args:
        name: Of the target.
        knobs: By name.
        codes: Shape (n, knobs): level numbers.
        known: Names of features, and their values, shape (n, features).
    """
    levels = {
        each: np.asarray(knob.levels, dtype=float if knob.ordered else object)[numbers]
        for (each, knob), numbers in zip(knobs.items(), np.asarray(codes).T, strict=True)
    }
    names, matrix = known
    features = dict(zip(names, np.asarray(matrix, dtype=float).T, strict=True))
    return Results(name, levels, frozenset(each for each, knob in knobs.items() if knob.ordered), features)


def results_of(table: Table) -> Results:
    """All candidates of a table with their values, on the scale of its card."""
    candidates = candidates_from(table.name, table.knobs, table.codes, table.features())
    return replace(candidates, values=dict(zip(table.objectives, table.values.T, strict=True)))
