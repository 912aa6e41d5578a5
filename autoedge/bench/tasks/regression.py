"""Regression: how far values lie from targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.tasks.base import Evaluator, measured
from autoedge.bench.tasks.resampling import bootstrap
from autoedge.errors import DataError

if TYPE_CHECKING:
    from autoedge.bench.tasks.base import Outputs
    from autoedge.measurement import Value
    from autoedge.preprocessing.data import Data

    Array = np.ndarray[Any, np.dtype[np.float64]]


class Regression(Evaluator):
    """MAE, RMSE and R2, each with a bootstrap interval over samples.

    With several targets a sample, absolute and squared errors are averaged over them, and R2 is the plain mean of
    those of each target, as scikit-learn does by default. Targets that never vary have no R2 and are left out of it.

    Args:
        targets: Samples x targets, finite.
        seed: Of the bootstrap.
    """

    def __init__(self, targets: Array, seed: int) -> None:
        self._targets = targets
        self._seed = seed

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:  # noqa: ARG002
        """``mae``, ``rmse`` and, where targets vary, ``r2``."""
        targets = self._targets
        if outputs.shape != targets.shape:
            raise DataError(
                f"values and targets 'y' are samples x targets of one shape, but got {outputs.shape} and "
                f"{targets.shape}; check y, or name the right output with outputs: {{values: NAME}}"
            )
        if not np.isfinite(outputs).all():
            raise DataError("values are finite, but the model or its variant gave NaN or infinite ones")
        count = len(targets)
        error = outputs.astype(np.float64) - targets

        def rmse(sums: Array) -> Array:
            root: Array = np.sqrt(sums[..., 0] / count)
            return root

        absolute, squared = np.abs(error).mean(axis=1, keepdims=True), (error**2).mean(axis=1, keepdims=True)
        found = {
            "mae": bootstrap(absolute, lambda sums: sums[..., 0] / count, level, self._seed),
            "rmse": bootstrap(squared, rmse, level, self._seed),
        }
        varying = np.ptp(targets, axis=0) > 0
        if varying.any():
            found["r2"] = _r2(targets[:, varying], error[:, varying], level, self._seed)
        return {key: measured(triple, "bootstrap over samples", count) for key, triple in found.items()}


def _r2(targets: Array, error: Array, level: float, seed: int) -> tuple[float, float, float]:
    """Through sums of e^2, y and y^2 of each target, y taken from its mean so that no digits are lost."""
    count, width = targets.shape
    centred = targets - targets.mean(axis=0)

    def r2(sums: Array) -> Array:
        squared, linear, square = np.split(sums, 3, axis=-1)
        deviation = square - linear**2 / count
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(deviation > 1e-12 * square, squared / deviation, np.nan)  # resamples of equal targets
        told: Array = 1 - ratio.sum(axis=-1) / width
        return told

    return bootstrap(np.hstack([error**2, centred, centred**2]), r2, level, seed)


def read_targets(data: Data) -> Array:
    """The targets ``y`` of evaluation data, samples x targets.

    Raises:
        DataError: There are none, or they are not finite numbers, one row a sample.
    """
    if "y" not in data.arrays:
        raise DataError(f"{data.path}: regression needs targets, but there is no 'y'; add one row of numbers a sample")
    targets = data.whole("y")
    if targets.dtype.kind not in "fiub":
        raise DataError(f"{data.path}: 'y' must hold numbers, but is {targets.dtype}; store targets as floats")
    others = [header.shape[0] for name, header in data.arrays.items() if name != "y"]
    if others and len(targets) not in others:
        raise DataError(f"{data.path}: one target a sample is needed, but 'y' has {len(targets)} for {others[0]}")
    if targets.size == 0:
        raise DataError(f"{data.path}: holds no samples")
    flat: Array = targets.reshape(len(targets), -1).astype(np.float64)
    if not np.isfinite(flat).all():
        first = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise DataError(f"{data.path}: targets are finite, but 'y' of sample {first} is not; leave such samples out")
    return flat
