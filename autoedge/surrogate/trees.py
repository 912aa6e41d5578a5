"""Randomised trees: one forest for all targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]


class Forest:
    """Extremely randomised trees on bootstrap samples (Geurts, Ernst and Wehenkel 2006).

    Attributes:
        held_out_mean: Shape (n, targets): each row predicted by the trees that did not see it.
        held_out_std: Shape (n, targets): how far those trees disagree.
    """

    def __init__(self, matrix: Array, targets: Array, *, seed: int, trees: int = 48) -> None:
        from sklearn import config_context
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(trees, bootstrap=True, random_state=seed, n_jobs=1)
        with config_context(assume_finite=True, skip_parameter_validation=True):  # half of the time
            forest.fit(matrix, targets if targets.shape[1] > 1 else targets[:, 0])
        self._trees = [tree.tree_ for tree in forest.estimators_]
        unseen = np.ones((trees, len(matrix)), dtype=bool)
        for row, drawn in zip(unseen, forest.estimators_samples_, strict=True):
            row[drawn] = False
        self.held_out_mean, self.held_out_std = _moments(self._each(matrix), unseen[:, :, None])

    def predict(self, candidates: Encoded) -> tuple[Array, Array]:
        """Mean and standard deviation over the trees, each of shape (n, targets)."""
        each = self._each(candidates.matrix)
        return each.mean(axis=0), each.std(axis=0)

    def _each(self, matrix: Array) -> Array:
        single = np.ascontiguousarray(matrix, dtype=np.float32)
        return np.stack([tree.predict(single).reshape(len(single), -1) for tree in self._trees])


def _moments(each: Array, mask: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mean and standard deviation over the first axis where ``mask`` holds; over all of it where it never does."""
    mask = mask | ~mask.any(axis=0)
    return each.mean(axis=0, where=mask), each.std(axis=0, where=mask)
