"""What several sources agree on, and how they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ROUNDS = 10  # of filling gaps; each brings the filled values closer to what the other sources say
FEWEST_COMMON = 3  # candidates that a source must know to say anything
ROUND_OFF = 1e-9


@dataclass(frozen=True)
class Consensus:
    """Of sources that each have a scale of their own.

    Attributes:
        mean: Shape (n,): what they agree on, centred, of variance 1 over the candidates that any source knows; 0 where
            none does.
        deviations: Shape (n, k): how each differs from it, rows of mean squared length 1; 0 where it cannot know.
        each: Shape (n, k): the sources by themselves, centred and of variance 1, gaps filled from the others.
        scale: The usual spread of one source, in the values' unit.
        scale_spread: Standard deviation of the spreads' logarithms.
        unknown: Shape (n,): which candidates no source knows.
    """

    mean: Array
    deviations: Array
    each: Array
    scale: float
    scale_spread: float
    unknown: NDArray[np.bool_]


def agree(predictions: Array) -> Consensus | None:
    """The consensus of sources, shape (n, k), NaN where one cannot know; None where no source says anything.

    Gaps are filled from the other sources, each on its own scale, in a few rounds of regression on the consensus.
    Sources count by how much they agree with the others, so that one that differs from all says little.
    """
    known = np.isfinite(predictions)
    spreads = np.array([_spread(column[mask]) for column, mask in zip(predictions.T, known.T, strict=True)])
    kept = np.flatnonzero(spreads > ROUND_OFF) if len(spreads) else np.zeros(0, dtype=np.intp)
    if not len(kept):
        return None
    known, values = known[:, kept], np.where(known[:, kept], predictions[:, kept], 0.0)
    any_known = np.asarray(known.any(axis=1))
    values = values[any_known]
    filled, spread = _filled(values, known[any_known])
    standard = (filled - filled.mean(axis=0)) / spread
    mean = _scaled(standard @ _shares(standard))
    away = np.where(known[any_known], standard - np.outer(mean, mean @ standard / len(mean)), 0.0)
    length = np.sqrt((away**2).sum(axis=1).mean())
    whole_mean, whole_away, each = np.zeros(len(known)), np.zeros(known.shape), np.zeros(known.shape)
    each[any_known] = standard
    whole_mean[any_known] = mean
    whole_away[any_known] = away / length if length > ROUND_OFF else 0.0
    logs = np.log(spread)
    return Consensus(whole_mean, whole_away, each, float(np.exp(logs.mean())), float(logs.std()), ~any_known)


def _spread(column: Array) -> float:
    return float(column.std()) if len(column) >= FEWEST_COMMON else 0.0


def _filled(values: Array, known: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Values without gaps, and each source's spread over all candidates."""
    counts = known.sum(axis=0)
    centres = (values * known).sum(axis=0) / counts
    filled = np.where(known, values, centres)
    spread = np.sqrt(((filled - centres) ** 2).sum(axis=0) / counts)
    if known.all():
        return filled, spread
    mean = np.zeros(len(values))
    for _ in range(ROUNDS):
        standard = (filled - centres) / spread
        mean = _scaled((standard * known).sum(axis=1) / known.sum(axis=1))
        for source, mask in enumerate(known.T):
            inner = mean[mask] - mean[mask].mean()
            slope = inner @ values[mask, source] / (inner @ inner + 1.0)
            centres[source] = values[mask, source].mean() - slope * mean[mask].mean()
            spread[source] = max(abs(slope), ROUND_OFF)
            filled[~mask, source] = centres[source] + slope * mean[~mask]
    spread = filled.std(axis=0)
    return filled, np.maximum(spread, ROUND_OFF)


def _shares(standard: Array) -> Array:
    """How much each source counts: its mean correlation with the others, nothing below 0."""
    count = standard.shape[1]
    if count < FEWEST_COMMON:
        return np.full(count, 1.0 / count)
    agreement = ((standard.T @ standard / len(standard)).sum(axis=0) - 1.0) / (count - 1)
    shares = np.maximum(agreement, 0.0)
    return shares / shares.sum() if shares.sum() > 0 else np.full(count, 1.0 / count)


def _scaled(mean: Array) -> Array:
    centred = mean - mean.mean()
    spread = centred.std()
    return centred / spread if spread > ROUND_OFF else np.zeros(len(mean))
