"""Candidates as a matrix of numbers that models and distances can use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Encoded:
    """One row a candidate, in units in which the largest difference of one knob is 1.

    Attributes:
        matrix: Shape (n, columns): numbers scaled to 0 .. 1, categories as one column each.
        groups: Shape (columns,): which knob or feature a column belongs to, counted from 0.
        rows: Shape (n,): where the candidates stand in their pool; None where there is none.
    """

    matrix: NDArray[np.float64]
    groups: NDArray[np.intp]
    rows: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.groups.shape != (self.matrix.shape[1],):  # noqa: PLR2004 - rows and columns
            raise ValueError(f"each column has its group, but got {self.matrix.shape} and {self.groups.shape}")
        if not np.isfinite(self.matrix).all():
            raise ValueError("an encoded candidate is finite, but got NaN or infinity")

    def take(self, chosen: NDArray[np.intp]) -> Encoded:
        """Some of the candidates."""
        return Encoded(self.matrix[chosen], self.groups, None if self.rows is None else self.rows[chosen])


def encode(
    units: NDArray[np.float64],
    categories: Sequence[int],
    features: NDArray[np.float64] | None = None,
    alike: Sequence[Sequence[int]] = (),
) -> Encoded:
    """Turn knobs and known features into columns.

    Args:
        units: Shape (n, knobs): a number's place in its range from 0 to 1, or the index of a category.
        categories: For each knob its number of categories, 0 for a number.
        features: Shape (n, f), known before measuring; a missing value (NaN) takes the column's median. Positive and
            skewed columns are taken as logarithms, and all are scaled to 0 .. 1.
        alike: Groups of knobs that choose from the same categories (the operation at each place of a network, the
            precision of each layer): how often each category is chosen becomes one more group of columns, since
            much depends on how many there are and little on where.
    """
    blocks = [
        _one_hot(column.astype(np.intp), count) if count else column[:, None]
        for column, count in zip(units.T, categories, strict=True)
    ]
    if features is not None:
        blocks += [_feature(column)[:, None] for column in features.T]
    blocks += [counts(units[:, list(knobs)].astype(np.intp), categories[knobs[0]]) for knobs in alike]
    groups = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    matrix = np.hstack(blocks) if blocks else np.zeros((len(units), 0))
    return Encoded(np.ascontiguousarray(matrix), groups)


def _one_hot(codes: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """One column a category, scaled so that two different categories lie 1 apart."""
    block = np.zeros((len(codes), count))
    block[np.arange(len(codes)), codes] = np.sqrt(0.5)
    return block


def counts(codes: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """How often each category occurs in a row, each column scaled to 0 .. 1."""
    block = np.stack([(codes == category).sum(axis=1) for category in range(count)], axis=1).astype(float)
    low, span = block.min(axis=0), np.ptp(block, axis=0)
    scaled: NDArray[np.float64] = (block - low) / np.where(span > 0, span, 1.0)
    return scaled


def _feature(column: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(column)
    if not known.any():
        return np.zeros(len(column))
    filled = np.where(known, column, np.median(column[known]))
    numbers = np.log(filled) if is_logarithmic(filled) else filled
    span = np.ptp(numbers)
    scaled: NDArray[np.float64] = (numbers - numbers.min()) / span if span > 0 else np.zeros(len(column))
    return scaled


def is_logarithmic(values: NDArray[np.float64]) -> bool:
    """Whether positive values are less skewed on a logarithmic scale than as they are."""
    if len(values) < 2 or values.min() <= 0:  # noqa: PLR2004 - one value has no shape
        return False
    return abs(_skewness(np.log(values))) < abs(_skewness(values))


def _skewness(values: NDArray[np.float64]) -> float:
    spread = values.std()
    if spread <= 0:
        return 0.0
    scaled = (values - values.mean()) / spread
    return float(np.mean(scaled * scaled * scaled))  # a million powers would take ten times as long
