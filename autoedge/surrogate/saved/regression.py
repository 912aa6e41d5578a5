"""What a saved surrogate is: a straight line through the numbers, and boosted trees for what it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.surrogate.saved.columns import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PARAMETERS: dict[str, Any] = {
    # One thread and one order of summation: the same rows give the same bytes.
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
    "boost_from_average": False,
    "feature_pre_filter": False,
    "num_leaves": 15,
    "learning_rate": 0.1,
    "lambda_l2": 1.0,
    "min_data_in_leaf": 1,
    "min_sum_hessian_in_leaf": 3.0,  # counts the rows that know the metric
    "min_data_in_bin": 1,
    "min_data_per_group": 3,
    "cat_smooth": 3.0,
    "cat_l2": 3.0,
    "verbose": -1,
}
ROUNDS = 150
RIDGE = 0.3  # of the number of rows: strong, since features of few models go along with one another
ROUND_OFF = 1e-9
MOST_COPIED = 20_000
"""Rows beyond which hiding an input does not make one more row, but takes a row's own."""


@dataclass(frozen=True)
class Trend:
    """A ridge regression on the number columns, which goes on where trees know nothing: beyond the recorded models.

    Attributes:
        centres: Shape (columns,): what counts as 0, and what a number that is not known is taken as.
        slopes: Shape (columns, metrics): 0 for categories.
    """

    centres: Array
    slopes: Array

    def predict(self, matrix: Array) -> Array:
        """Shape (n, metrics)."""
        off = matrix - self.centres
        predicted: Array = np.where(np.isfinite(off), off, 0.0) @ self.slopes
        return predicted


def fit_trend(matrix: Array, targets: Array, numbers: NDArray[np.bool_]) -> Trend:
    """Fit one line a metric on the rows that know it.

    Args:
        matrix: Shape (n, columns).
        targets: Shape (n, metrics), centred; NaN where not known.
        numbers: Which columns are numbers.
    """
    known = np.isfinite(matrix) & numbers
    count = np.maximum(known.sum(axis=0), 1)
    centres = np.where(known, matrix, 0.0).sum(axis=0) / count
    off = np.where(known, matrix - centres, 0.0)
    spread = np.sqrt((off**2).sum(axis=0) / count)
    used = spread > ROUND_OFF * (1.0 + np.abs(centres))  # a column of one value has a spread of rounding errors
    scaled = off[:, used] / spread[used]
    slopes = np.zeros((matrix.shape[1], targets.shape[1]))
    for metric, target in enumerate(targets.T):
        told = np.isfinite(target)
        rows = scaled[told]
        gram = rows.T @ rows + RIDGE * max(1, told.sum()) * np.eye(rows.shape[1])
        slopes[used, metric] = np.linalg.solve(gram, rows.T @ target[told]) / spread[used]
    return Trend(centres, slopes)


def fit_trees(matrix: Array, targets: Array, categories: list[int], hidden: list[int]) -> Any:
    """Boosted trees for all metrics in one LightGBM model, one output a metric.

    Args:
        matrix: Shape (n, columns).
        targets: Shape (n, metrics), about 1 wide; NaN where not known: such a row does not count for that metric.
        categories: Which columns are categories.
        hidden: Categories that a later candidate may not know: the model learns to do without them as well.
    """
    import lightgbm

    matrix, targets = _with_hidden(matrix, targets, hidden)
    told = np.isfinite(targets)
    wanted, weight = np.where(told, targets, 0.0), told.astype(float)
    single = targets.shape[1] == 1

    def squared_error(predicted: Array, _: Any) -> tuple[Array, Array]:
        gradient = np.where(told, predicted.reshape(wanted.shape) - wanted, 0.0)
        return (gradient[:, 0], weight[:, 0]) if single else (gradient, weight)

    parameters = {**PARAMETERS, "objective": squared_error, "num_class": targets.shape[1]}
    data = lightgbm.Dataset(
        matrix,
        np.zeros(len(matrix)),
        feature_name=[f"c{column}" for column in range(matrix.shape[1])],
        categorical_feature=categories,
        params=PARAMETERS,
    )
    return lightgbm.train(parameters, data, ROUNDS)


def _with_hidden(matrix: Array, targets: Array, hidden: list[int]) -> tuple[Array, Array]:
    """Rows once as they are and once for each way to hide some columns; large tables take turns instead."""
    ways = 2 ** len(hidden)
    if ways == 1:
        return matrix, targets
    if len(matrix) <= MOST_COPIED:
        turns = np.repeat(np.arange(ways), len(matrix))
        matrix, targets = np.tile(matrix, (ways, 1)), np.tile(targets, (ways, 1))
    else:
        turns = np.arange(len(matrix)) % ways
        matrix = matrix.copy()
    for bit, column in enumerate(hidden):
        matrix[(turns >> bit) % 2 == 1, column] = UNKNOWN
    return matrix, targets
