"""Filling a space before anything can be learned of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.surrogate.gaussian import prior_covariance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]

TELLING = 3  # every so manyth is the most telling one, the others are far from all
LOOKED_AT = 384  # candidates that stand for all
# Looking at all candidates, the farthest is always a corner; a random third leaves some of the inside too.
SHARE = 1 / 3


def fill(candidates: Encoded, known: Encoded, rng: np.random.Generator) -> int:
    """The next candidate of a start: in turn one that many are like, and two that are like none so far.

    The first kind tells what is typical, the second what is possible at the ends; on recorded campaigns both together
    led to better models than either.

    Args:
        candidates: At least one.
        known: Where measurements are, or will be.
        rng: Chooses those that are looked at, and among equals.

    Returns:
        Row of the candidate.
    """
    if len(known.matrix) % TELLING == 0:
        return most_telling(candidates, known, rng)
    return farthest(candidates.matrix, known.matrix, rng)


def most_telling(candidates: Encoded, known: Encoded, rng: np.random.Generator) -> int:
    """The candidate that lowers the summed variance of a Gaussian process most, before any value is known.

    Active learning after Cohn, Ghahramani and Jordan (1996).
    """
    count = len(candidates.matrix)
    rows = np.sort(rng.choice(count, LOOKED_AT, replace=False)) if count > LOOKED_AT else np.arange(count)
    points = np.asarray(candidates.matrix[rows], dtype=float)
    covariance, noise = prior_covariance(points, points, candidates.groups)
    if len(known.matrix):
        cross, _ = prior_covariance(points, known.matrix, candidates.groups)
        inner, _ = prior_covariance(known.matrix, known.matrix, candidates.groups)
        covariance = covariance - cross @ np.linalg.solve(inner + noise * np.eye(len(inner)), cross.T)
    gain = (covariance**2).sum(axis=0) / (np.diag(covariance) + noise)
    return int(rng.choice(rows[gain >= gain.max() * (1 - 1e-9)]))


def farthest(candidates: Array, known: Array, rng: np.random.Generator) -> int:
    """Of a random third of the candidates the one whose nearest known point is farthest away.

    A maximin design (Johnson, Moore and Ylvisaker 1990), with columns scaled to variance 1 so that what is rare among
    the candidates counts as far.
    """
    spread = candidates.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    rows = rng.choice(len(candidates), max(int(len(candidates) * SHARE), 1), replace=False)
    points, others = candidates[rows] / scale, known / scale
    squares = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2.0 * points @ others.T
    score = squares.min(axis=1)
    return int(rng.choice(rows[score >= score.max() - 1e-9]))
