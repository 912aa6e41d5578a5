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
    """

    matrix: NDArray[np.float64]
    groups: NDArray[np.intp]

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.groups.shape != (self.matrix.shape[1],):  # noqa: PLR2004 - rows and columns
            raise ValueError(f"each column has its group, but got {self.matrix.shape} and {self.groups.shape}")
        if not np.isfinite(self.matrix).all():
            raise ValueError("an encoded candidate is finite, but got NaN or infinity")


def encode(
    units: NDArray[np.float64], categories: Sequence[int], features: NDArray[np.float64] | None = None
) -> Encoded:
    """Turn knobs and known features into columns.

    Args:
        units: Shape (n, knobs): a number's place in its range from 0 to 1, or the index of a category.
        categories: For each knob its number of categories, 0 for a number.
        features: Shape (n, f), known before measuring; a missing value (NaN) takes the column's median. Positive and
            skewed columns are taken as logarithms, and all are scaled to 0 .. 1.
    """
    blocks = [
        _one_hot(column.astype(np.intp), count) if count else column[:, None]
        for column, count in zip(units.T, categories, strict=True)
    ]
    if features is not None:
        blocks += [_feature(column)[:, None] for column in features.T]
    groups = np.repeat(np.arange(len(blocks)), [block.shape[1] for block in blocks])
    matrix = np.hstack(blocks) if blocks else np.zeros((len(units), 0))
    return Encoded(np.ascontiguousarray(matrix), groups)


def _one_hot(codes: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """One column a category, scaled so that two different categories lie 1 apart."""
    block = np.zeros((len(codes), count))
    block[np.arange(len(codes)), codes] = np.sqrt(0.5)
    return block


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
    return float(np.mean(((values - values.mean()) / spread) ** 3)) if spread > 0 else 0.0
