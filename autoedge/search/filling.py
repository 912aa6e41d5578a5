"""Filling a space evenly before anything can be learned of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Looking at all candidates, the farthest is always a corner; a random third leaves some of the inside too.
SHARE = 1 / 3


def farthest(candidates: Array, known: Array, rng: np.random.Generator) -> int:
    """The candidate that adds most to what is known of a space.

    First come those with the most choices (models, precisions, ...) never tried before. Of a random third of them it
    is the one whose nearest known point is farthest away (maximin design: Johnson, Moore and Ylvisaker 1990), with
    columns scaled to variance 1 so that what is rare among the candidates counts as far.

    Args:
        candidates: Shape (n, columns), at least one, encoded: 0 where a choice is not taken.
        known: Shape (k, columns); with none, the candidate nearest to the middle of the third is taken.
        rng: Chooses the third, and among equally far candidates.

    Returns:
        Row of the candidate.
    """
    spread = candidates.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    untried = ((candidates > 0) & ~(known > 0).any(axis=0)).sum(axis=1)
    rows = np.flatnonzero(untried == untried.max()) if len(known) else np.arange(len(candidates))
    rows = rng.choice(rows, max(int(len(rows) * SHARE), 1), replace=False)
    points, others = candidates[rows] / scale, known / scale
    if len(known):
        squares = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2.0 * points @ others.T
        score = squares.min(axis=1)
    else:
        score = -((points - points.mean(axis=0)) ** 2).sum(axis=1)
    return int(rng.choice(rows[score >= score.max() - 1e-9]))
