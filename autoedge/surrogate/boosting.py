"""Gradient boosted trees, fitted to folds so that every row is predicted by trees that did not see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]

# LightGBM for a few dozen rows: small leaves, few rounds, and one thread, since on so little work its threads only
# wait for each other.
PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_leaves": 8,
    "learning_rate": 0.25,
    "min_data_in_leaf": 2,
    "min_data_in_bin": 1,
    "min_sum_hessian_in_leaf": 2.0,  # counts rows, and unlike min_data_in_leaf not those of weight 0
    "feature_pre_filter": False,
    "verbose": -1,
}
ROUNDS = 20


class Boosting:
    """An ensemble of LightGBM models, one a fold, for each target.

    Attributes:
        held_out_mean: Shape (n, targets): each row predicted by the model of the fold that left it out.
        held_out_std: Shape (n, targets): the root mean square error of those predictions, the same for all rows.
    """

    def __init__(self, matrix: Array, targets: Array, *, seed: int, folds: int = 5) -> None:
        import lightgbm

        size = len(matrix)
        fold_of = np.random.default_rng(seed).permutation(np.arange(size) % min(folds, size))
        parameters = {**PARAMETERS, "seed": seed % 2**31}
        # The rows are binned once; which of them a model sees and which target it learns is set on the same data.
        data = lightgbm.Dataset(matrix, targets[:, 0], params=parameters, free_raw_data=False).construct()
        self._models: list[list[Any]] = []
        self.held_out_mean = np.zeros_like(targets)
        for column, target in enumerate(targets.T):
            data.set_label(target)
            self._models.append([])
            for fold in range(int(fold_of.max()) + 1):
                data.set_weight((fold_of != fold).astype(np.float32))
                model = lightgbm.Booster(parameters, data)
                for _ in range(ROUNDS):
                    model.update()
                self._models[-1].append(model)
                out = fold_of == fold
                self.held_out_mean[out, column] = model.predict(matrix[out], num_threads=1)
        error = np.sqrt(np.mean((targets - self.held_out_mean) ** 2, axis=0))
        self.held_out_std = np.broadcast_to(error, targets.shape)

    def predict(self, candidates: Encoded) -> tuple[Array, Array]:
        """Mean over the folds, and the held-out error widened by the folds' disagreement, each (n, targets)."""
        each = np.stack(
            [[model.predict(candidates.matrix, num_threads=1) for model in models] for models in self._models]
        )
        spread = np.sqrt(each.var(axis=1) + self.held_out_std[0][:, None] ** 2)
        return each.mean(axis=1).T, spread.T
