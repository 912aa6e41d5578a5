"""A Gaussian process with one length scale a knob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]

# Priors of the logarithms of length scale, signal variance and noise variance, as (mean, standard deviation), for
# targets of variance 1. They keep the fit sane while there are fewer rows than length scales.
LENGTH = (0.0, 1.0)
SIGNAL = (0.0, 1.0)
NOISE = (-6.0, 2.0)
FITTED_ROWS = 100  # the hyperparameters are fitted to at most this many rows


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process: Matérn 5/2 kernel, constant mean 0, hyperparameters of largest posterior density.

    Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: algorithm 2.1 for the prediction, section
    5.4.2 for the held-out one, equation 4.17 for the kernel.

    Attributes:
        held_out_mean: Shape (n,): each row predicted from all others.
        held_out_std: Shape (n,): the standard deviation of those predictions.
    """

    held_out_mean: Array
    held_out_std: Array
    _scales: Array
    _signal: float
    _rows: Array
    _weights: Array
    _inverse: Array

    @classmethod
    def fit(cls, rows: Encoded, target: Array) -> GaussianProcess:
        """Fit rows to a target of mean 0 and variance 1, shape (n,)."""
        distances, count = _distances(rows)
        # Rows come in order of measurement, so that every so manyth is a fair part of them.
        part = slice(None, None, 1 + (len(target) - 1) // FITTED_ROWS)
        theta = _hyperparameters(np.ascontiguousarray(distances[:, part, part]), target[part])
        lengths, signal, noise = np.exp(theta[:count]), np.exp(theta[-2]), np.exp(theta[-1])
        kernel = signal * _matern(np.tensordot(lengths**-2, distances, axes=1))[0]
        inverse = np.linalg.inv(kernel + (noise + 1e-8) * np.eye(len(target)))
        weights = inverse @ target
        precision = np.diag(inverse)
        column_scales = 1.0 / lengths[rows.groups]
        return cls(
            held_out_mean=target - weights / precision,
            held_out_std=np.sqrt(1.0 / precision),
            _scales=column_scales,
            _signal=float(signal),
            _rows=rows.matrix * column_scales,
            _weights=weights,
            _inverse=inverse,
        )

    def predict(self, matrix: Array) -> tuple[Array, Array]:
        """Mean and standard deviation without noise at encoded candidates of shape (n, columns)."""
        scaled = matrix * self._scales
        squared = (scaled**2).sum(1)[:, None] + (self._rows**2).sum(1) - 2.0 * scaled @ self._rows.T
        cross = self._signal * _matern(np.maximum(squared, 0.0))[0]
        variance = self._signal - np.einsum("ij,ij->i", cross @ self._inverse, cross)
        return cross @ self._weights, np.sqrt(np.maximum(variance, 1e-10))


def _distances(rows: Encoded) -> tuple[Array, int]:
    """Squared distances of all pairs of rows, knob by knob: shape (knobs, n, n)."""
    count = int(rows.groups.max()) + 1 if len(rows.groups) else 0
    distances = np.zeros((count, len(rows.matrix), len(rows.matrix)))
    for group, column in zip(rows.groups, rows.matrix.T, strict=True):
        distances[group] += (column[:, None] - column) ** 2
    return distances, count


def _matern(squared: Array) -> tuple[Array, Array]:
    """The kernel at squared scaled distances, and minus twice its slope there."""
    root = np.sqrt(5.0 * squared)
    decay = np.exp(-root)
    return (1.0 + root + 5.0 / 3.0 * squared) * decay, 5.0 / 3.0 * (1.0 + root) * decay


def _hyperparameters(distances: Array, target: Array) -> Array:
    """Log length scales, log signal and log noise of largest posterior density, from one start."""
    from scipy.optimize import minimize

    count, size = len(distances), len(target)
    prior_mean = np.array([LENGTH[0]] * count + [SIGNAL[0], NOISE[0]])
    prior_std = np.array([LENGTH[1]] * count + [SIGNAL[1], NOISE[1]])

    def loss(theta: Array) -> tuple[float, Array]:
        inverse_squares = np.exp(-2.0 * theta[:count])
        signal, noise = np.exp(theta[-2]), np.exp(theta[-1])
        shape, slope = _matern(np.tensordot(inverse_squares, distances, axes=1))
        kernel = signal * shape + (noise + 1e-8) * np.eye(size)
        sign, logdet = np.linalg.slogdet(kernel)
        if sign <= 0:
            return 1e10, np.zeros(count + 2)
        inverse = np.linalg.inv(kernel)
        weights = inverse @ target
        pull = np.outer(weights, weights) - inverse
        lengths = np.tensordot(distances, pull * (signal * slope), axes=2) * inverse_squares
        gradient = 0.5 * np.append(lengths, [(pull * shape).sum() * signal, np.trace(pull) * noise])
        off = (theta - prior_mean) / prior_std
        value = 0.5 * (target @ weights + logdet + off @ off)
        return float(value), off / prior_std - gradient

    bounds = [(-4.0, 4.0)] * count + [(-6.0, 4.0), (-14.0, 1.0)]
    result = minimize(loss, prior_mean, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    solution: Array = result.x
    return solution
