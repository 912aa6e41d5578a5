"""What is known of candidates before measuring, as standardised numbers and categories."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.surrogate.encoding import is_logarithmic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.results import Results

    Array = NDArray[np.float64]

ALIKE = 0.5  # knobs choose among the same things when they share more than this of all their levels
FEWEST_LEVELS = 3  # of knobs that are counted together: two switches have the same levels and nothing in common


@dataclass(frozen=True)
class Described:
    """Candidates as two blocks of columns, each centred and with rows of mean squared length 1.

    Attributes:
        numbers: Shape (n, a): ordered knobs, features, and how often each level occurs among knobs that choose among
            the same levels (the operations of a cell, the widths of layers); each column has the same variance.
        categories: Shape (n, b): one column a level of an unordered knob.
    """

    numbers: Array
    categories: Array

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def all(self) -> Array:
        """Both blocks side by side."""
        return np.hstack([self.numbers, self.categories])

    def take(self, rows: NDArray[np.intp] | slice) -> Described:
        """Some of the candidates."""
        return Described(self.numbers[rows], self.categories[rows])


def describe(*parts: Results) -> Described:
    """Describe the candidates of all parts together, one after the other, so that they can be compared.

    Only knobs that all parts have count, and features that are known of every candidate.
    """
    whole = sum(len(part) for part in parts)
    names = [name for name in parts[0].knobs if all(name in part.knobs for part in parts)]
    ordered = [name for name in names if all(name in part.ordered for part in parts)]
    columns = {name: np.concatenate([np.asarray(part.knobs[name]) for part in parts]) for name in names}
    numbers = [columns[name].astype(float) for name in ordered]
    numbers += _features(parts)
    numbers = [np.log(column) if is_logarithmic(column) else column for column in numbers]
    levels: dict[str, Array] = {}
    shown: dict[str, list[str]] = {}
    for name in (name for name in names if name not in ordered):
        shown[name], codes = _factorised(columns[name])
        levels[name] = np.eye(len(shown[name]))[codes]
    numbers += _counts(shown, levels)
    return Described(
        _levelled([_standardised(column) for column in numbers], whole),
        _levelled([block - block.mean(axis=0) for block in levels.values()], whole),
    )


def _features(parts: Sequence[Results]) -> list[Array]:
    names = [name for name in parts[0].features if all(name in part.features for part in parts)]
    columns = [np.concatenate([part.features[name] for part in parts]) for name in names]
    return [column for column in columns if np.isfinite(column).all()]


def _factorised(column: NDArray[Any]) -> tuple[list[str], NDArray[np.intp]]:
    """Distinct levels, and the number of each candidate's; by text, since levels may be of several types."""
    levels, codes = np.unique(column.astype(str), return_inverse=True)
    return levels.tolist(), codes


def _counts(shown: dict[str, list[str]], levels: dict[str, Array]) -> list[Array]:
    """How often each level occurs among knobs that choose among the same levels."""
    group = {name: name for name in shown}
    for one, other in combinations([name for name in shown if len(shown[name]) >= FEWEST_LEVELS], 2):
        common, either = set(shown[one]) & set(shown[other]), set(shown[one]) | set(shown[other])
        if len(common) > ALIKE * len(either) and group[one] != group[other]:
            old = group[other]
            group = {name: group[one] if first == old else first for name, first in group.items()}
    counts = []
    for first in dict.fromkeys(group.values()):
        members = [name for name in shown if group[name] == first]
        if len(members) > 1:
            found = sorted({level for name in members for level in shown[name]})
            counts += [
                np.sum([levels[name][:, shown[name].index(level)] for name in members if level in shown[name]], axis=0)
                for level in found
            ]
    return counts


def _standardised(column: Array) -> Array:
    spread = column.std()
    return (column - column.mean()) / spread if spread > 0 else np.zeros(len(column))


def _levelled(blocks: list[Array], rows: int) -> Array:
    """Columns side by side, scaled so that a row's mean squared length is 1 (0 where nothing differs)."""
    if not blocks:
        return np.zeros((rows, 0))
    matrix = np.column_stack(blocks)
    size = np.sqrt((matrix**2).sum(axis=1).mean())
    scaled: Array = matrix / size if size > 0 else matrix
    return scaled
