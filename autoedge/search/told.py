"""What other targets say, as a member of the ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded
    from autoedge.surrogate.foreseen import Expectation

    Array = NDArray[np.float64]

IGNORANCE = 1e9  # a held-out error that leaves this member without weight


class Told:
    """Expectations of objectives, in the units of the ensemble's targets.

    Args:
        expected: By objective, on the objective's own scale and not turned round.
        signs: Shape (objectives,): -1 where it is maximised.
        low: Shape (objectives,): what becomes 0.
        span: Shape (objectives,): what becomes 1.
        targets: Shape (n, objectives): the objectives that were measured.
        others: Shape (n, k): further targets, of which nothing is told.

    Attributes:
        held_out_mean: Shape (n, objectives + k).
        held_out_std: Shape (n, objectives + k).
    """

    def __init__(
        self,
        expected: Mapping[int, Expectation],
        *,
        signs: Array,
        low: Array,
        span: Array,
        targets: Array,
        others: Array,
    ) -> None:
        self._expected, self._signs, self._low, self._span = expected, signs, low, span
        every = np.hstack([targets, others])
        self._centre = every.mean(axis=0) if len(every) else np.zeros(every.shape[1])
        self._spread = every.std(axis=0) + 1.0 if len(every) else np.ones(every.shape[1])
        self.held_out_mean = every + IGNORANCE
        self.held_out_std = np.ones_like(every)
        for at, one in expected.items():
            self.held_out_mean[:, at], self.held_out_std[:, at] = self._own(at, one.held_out_mean, one.held_out_std)

    def predict(self, candidates: Encoded) -> tuple[Array, Array]:
        """Mean and standard deviation, each of shape (n, objectives + k)."""
        count = len(candidates.matrix)
        mean, std = np.tile(self._centre, (count, 1)), np.tile(self._spread, (count, 1))
        for at, one in self._expected.items():
            mean[:, at], std[:, at] = self._own(at, *one.predict(candidates.rows))
        return mean, std

    def _own(self, objective: int, mean: Array, std: Array) -> tuple[Array, Array]:
        low, span = self._low[objective], self._span[objective]
        return (mean * self._signs[objective] - low) / span, std / span
