"""A Gaussian process that adds up what each knob does, what pairs do, and what all do together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]

# Priors of the logarithms of length scales, variances and noise variance, as (mean, standard deviation), for targets
# of variance 1. They keep the fit sane while there are fewer rows than parameters.
LENGTH = (0.0, 0.5)
ALONE = (-0.1, 1.2)  # of all knobs' own effects together
PAIRS = (-1.5, 1.2)
TOGETHER = (-1.0, 1.2)
NOISE = (-5.0, 1.5)
OFFSET = 1.0  # variance of the mean: rows measured in a search are no fair sample
FITTED_ROWS = 100  # the hyperparameters are fitted to at most this many rows
STEPS = 20  # of the fit; more follow the noise and predicted no better
BLOCK = 512  # candidates at once, so that what is computed stays in the processor's cache


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process, hyperparameters of largest posterior density.

    The kernel is a sum over knobs, a sum over pairs of knobs, and a product over all of them, of one Matérn 5/2 kernel
    a knob: the additive kernel of Duvenaud, Nickisch and Rasmussen (2011) of first, second and full order. A knob is
    a group of columns. Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: algorithm 2.1 for the
    prediction, section 5.4.2 for the held-out one, equation 4.17 for the Matérn kernel.

    Attributes:
        held_out_mean: Shape (n,): each row predicted from all others.
        held_out_std: Shape (n,): the standard deviation of those predictions.
    """

    held_out_mean: Array
    held_out_std: Array
    _kernel: _Kernel
    _rows: Sequence[Array]
    _weights: Array
    _inverse: Array

    @classmethod
    def fit(cls, rows: Encoded, target: Array) -> GaussianProcess:
        """Fit rows to a target of mean 0 and variance 1, shape (n,)."""
        blocks = _blocks(rows.matrix, rows.groups)
        distances = np.stack([_squared(block, block) for block in blocks])
        # Rows come in order of measurement, so that every so manyth is a fair part of them.
        part = slice(None, None, 1 + (len(target) - 1) // FITTED_ROWS)
        theta = _hyperparameters(np.ascontiguousarray(distances[:, part, part]), target[part])
        kernel = _Kernel(theta)
        each = _matern(distances * kernel.inverse_squares[:, None, None])[0]
        inverse = np.linalg.inv(kernel(each) + kernel.noise * np.eye(len(target)))
        weights = inverse @ target
        precision = np.diag(inverse)
        return cls(
            held_out_mean=target - weights / precision,
            held_out_std=np.sqrt(1.0 / precision),
            _kernel=kernel,
            _rows=blocks,
            _weights=weights,
            _inverse=inverse,
        )

    def predict(self, levels: Levels) -> tuple[Array, Array]:
        """Mean and standard deviation without noise at candidates, each of shape (n,)."""
        tables = [
            _matern(_squared(block, row) * scale)[0]
            for block, row, scale in zip(levels.values, self._rows, self._kernel.inverse_squares, strict=True)
        ]
        count = len(levels.index[0])
        mean, variance = np.empty(count), np.empty(count)
        for begin in range(0, count, BLOCK):
            part = slice(begin, begin + BLOCK)
            cross = self._kernel(
                np.stack([table[index[part]] for table, index in zip(tables, levels.index, strict=True)])
            )
            mean[part] = cross @ self._weights
            variance[part] = self._kernel.total - np.einsum("ij,ij->i", cross @ self._inverse, cross)
        return mean, np.sqrt(np.maximum(variance, 1e-10))


def prior_covariance(one: Array, other: Array, groups: NDArray[np.intp]) -> tuple[Array, float]:
    """Covariance of encoded candidates before anything is measured, shape (n, k), and the variance of the noise."""
    blocks = zip(_blocks(one, groups), _blocks(other, groups), strict=True)
    distances = np.stack([_squared(block, against) for block, against in blocks])
    kernel = _Kernel(_prior(len(distances))[0])
    return kernel(_matern(distances * kernel.inverse_squares[:, None, None])[0]), float(kernel.noise)


class Levels:
    """Candidates as the few different values of each knob, so that a kernel is computed once a value.

    Args:
        matrix: Encoded candidates, shape (n, columns).
        groups: Shape (columns,): the knob of each column.

    Attributes:
        values: For each knob its different values, shape (levels, columns of the knob).
        index: For each knob which of them a candidate has, shape (n,).
    """

    def __init__(self, matrix: Array, groups: NDArray[np.intp]) -> None:
        self.values: list[Array] = []
        self.index: list[NDArray[np.intp]] = []
        for block in _blocks(matrix, groups):
            # A sum with fixed irrational weights tells rows apart far faster than comparing their columns.
            keys = block @ np.sqrt(np.arange(2.0, 2.0 + block.shape[1]))
            _, first, index = np.unique(keys, return_index=True, return_inverse=True)
            self.values.append(block[first])
            self.index.append(index)


class _Kernel:
    """The sum of the three parts, for given hyperparameters: logarithms of lengths, own variances, and three more."""

    def __init__(self, theta: Array) -> None:
        self.count = (len(theta) - 3) // 2
        self.inverse_squares = np.exp(-2.0 * theta[: self.count])
        self.alone = np.exp(theta[self.count : -3])
        self.pairs, self.together = np.exp(theta[-3]) / max(self.count * (self.count - 1) / 2, 1), np.exp(theta[-2])
        self.noise = np.exp(theta[-1]) + 1e-8
        self.total = float(self(np.ones((self.count, 1, 1)))[0, 0])

    def __call__(self, each: Array) -> Array:
        """The kernel from those of each knob, shape (knobs, n, k) to (n, k)."""
        return np.asarray(self.parts(each)[0])

    def parts(self, each: Array) -> tuple[Array, Array, Array, Array]:
        """The kernel; the sum of the knobs' own; of pairs; the product of all."""
        total, product = each.sum(axis=0), each.prod(axis=0)
        pairs = 0.5 * (total**2 - (each**2).sum(axis=0))
        kernel = np.tensordot(self.alone, each, axes=1) + self.pairs * pairs + self.together * product + OFFSET
        return kernel, total, pairs, product


def _blocks(matrix: Array, groups: NDArray[np.intp]) -> list[Array]:
    count = int(groups.max()) + 1 if len(groups) else 0
    return [matrix[:, groups == group] for group in range(count)]


def _squared(one: Array, other: Array) -> Array:
    """Squared distances of all pairs of rows: shape (n, k)."""
    total = np.zeros((len(one), len(other)))
    for column, against in zip(one.T, other.T, strict=True):
        total += (column[:, None] - against) ** 2
    return total


def _matern(squared: Array) -> tuple[Array, Array]:
    """The kernel at squared scaled distances, and its derivative by the logarithm of the length scale."""
    root = np.sqrt(5.0 * squared)
    decay = np.exp(-root)
    return (1.0 + root + 5.0 / 3.0 * squared) * decay, 5.0 / 3.0 * squared * (1.0 + root) * decay


def _prior(count: int) -> tuple[Array, Array]:
    """Mean and standard deviation of the hyperparameters of so many knobs."""
    alone = ALONE[0] - np.log(max(count, 1))
    mean = np.array([LENGTH[0]] * count + [alone] * count + [PAIRS[0], TOGETHER[0], NOISE[0]])
    return mean, np.array([LENGTH[1]] * count + [ALONE[1]] * count + [PAIRS[1], TOGETHER[1], NOISE[1]])


def _hyperparameters(distances: Array, target: Array) -> Array:
    """Logarithms of lengths, own variances, pairs, together and noise, of largest posterior density, from one start."""
    from scipy.optimize import minimize

    count, size = len(distances), len(target)
    prior_mean, prior_std = _prior(count)

    def loss(theta: Array) -> tuple[float, Array]:
        kernel = _Kernel(theta)
        each, slope = _matern(distances * kernel.inverse_squares[:, None, None])
        shape, total, pairs, product = kernel.parts(each)
        sign, logdet = np.linalg.slogdet(shape + kernel.noise * np.eye(size))
        if sign <= 0:
            return 1e10, np.zeros(len(theta))
        inverse = np.linalg.inv(shape + kernel.noise * np.eye(size))
        weights = inverse @ target
        pull = np.outer(weights, weights) - inverse
        by_length = kernel.alone[:, None, None] + kernel.pairs * (total - each)
        by_length += kernel.together * product / np.maximum(each, 1e-300)
        gradient = np.concatenate(
            [
                np.einsum("ij,gij->g", pull, by_length * slope),
                np.einsum("ij,gij->g", pull, each) * kernel.alone,
                [(pull * pairs).sum() * kernel.pairs, (pull * product).sum() * kernel.together],
                [np.trace(pull) * np.exp(theta[-1])],
            ]
        )
        off = (theta - prior_mean) / prior_std
        value = 0.5 * (target @ weights + logdet + off @ off)
        return float(value), off / prior_std - 0.5 * gradient

    bounds = [(-3.0, 4.0)] * count + [(-9.0, 3.0)] * (count + 2) + [(-14.0, 1.0)]
    result = minimize(loss, prior_mean, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    solution: Array = result.x
    return solution
