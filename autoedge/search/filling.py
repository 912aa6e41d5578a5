"""Filling a space evenly before anything can be learned of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def farthest(candidates: Array, known: Array, rng: np.random.Generator) -> int:
    """The candidate whose nearest known point is farthest away (maximin design: Johnson, Moore and Ylvisaker 1990).

    Args:
        candidates: Shape (n, columns), at least one.
        known: Shape (k, columns); with none, the candidate nearest to the middle of all is taken.
        rng: Chooses among equally far candidates.

    Returns:
        Row of the candidate.
    """
    if len(known):
        squares = (candidates**2).sum(1)[:, None] + (known**2).sum(1) - 2.0 * candidates @ known.T
        score = squares.min(axis=1)
    else:
        score = -((candidates - candidates.mean(axis=0)) ** 2).sum(axis=1)
    return int(rng.choice(np.flatnonzero(score >= score.max() - 1e-9)))
