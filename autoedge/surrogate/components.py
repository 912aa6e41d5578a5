"""A Gaussian process whose kernel is a sum of fixed kernels: how much each one counts is learned.

For a handful of rows beside what other targets tell: they cannot fit lengths too, as ``gaussian`` does in a search.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp] | slice

OFFSET = 25.0  # variance of the unknown constant, in squared units of the scale
JITTER = 1e-4  # least noise variance, in the same units
SMALLEST, LARGEST = -12.0, 4.0  # bounds of the logarithms of variances
NOISE_SPREAD = 1.0  # standard deviation of the logarithm of the noise variance beforehand
FREEDOM = 4.0  # of Student's distribution, whose tails measured values may have
NORMAL = 1.4826  # standard deviation of normal errors whose median size is 1
LEAST_USUAL = 0.5  # of held-out errors, in units of what is claimed: a few may be small by chance


@dataclass(frozen=True)
class Kernels:
    """Kernels of given candidates, each with a mean of about 1 on the diagonal.

    Attributes:
        linear: Matrices of shape (n, columns) whose rows' products are a kernel.
        smooth: Matrices of shape (n, columns) whose rows' distances go into a Matérn 5/2 kernel of length 1.
        only: By place in ``smooth``, the candidates that this kernel is about, shape (n,): 0 for all others.
        prior: Mean of the logarithm of each kernel's variance beforehand, the linear ones first.
        noise: The same for the noise.
        spread: Standard deviation of those of the kernels.
    """

    linear: Sequence[Array]
    smooth: Sequence[Array]
    prior: Array
    noise: float
    spread: float = 1.0
    only: Mapping[int, Array] = field(default_factory=dict)

    def between(self, rows: Rows, others: Rows) -> Array:
        """All kernels between candidates, shape (kernels, rows, others)."""
        products = [block[rows] @ block[others].T for block in self.linear]
        return np.stack(products + [self._smooth(place, rows, others) for place in range(len(self.smooth))])

    def diagonal(self, rows: Rows) -> Array:
        """Each kernel of each candidate with itself, shape (kernels, rows)."""
        parts = [np.einsum("ij,ij->i", block[rows], block[rows]) for block in self.linear]
        for place, block in enumerate(self.smooth):
            share = self.only.get(place)
            parts.append(np.ones(len(block[rows])) if share is None else share[rows] ** 2)
        return np.stack(parts)

    def mean(self, variances: Array, rows: Rows, others: Rows, weights: Array) -> Array:
        """Weighted sum over ``others`` of all kernels and the constant, shape (rows,)."""
        total: Array = OFFSET * weights.sum()
        for variance, block in zip(variances, self.linear, strict=False):
            total = total + variance * (block[rows] @ (block[others].T @ weights))
        for place, variance in enumerate(variances[len(self.linear) :]):
            total = total + variance * (self._smooth(place, rows, others) @ weights)
        return total

    def _smooth(self, place: int, rows: Rows, others: Rows) -> Array:
        kernel = matern(self.smooth[place][rows], self.smooth[place][others])
        share = self.only.get(place)
        return kernel if share is None else share[rows][:, None] * kernel * share[others]


def matern(rows: Array, others: Array) -> Array:
    """Matérn 5/2 of length 1 between rows (Rasmussen and Williams 2006, equation 4.17)."""
    squared = rows @ (-2.0 * others.T)
    squared += (rows**2).sum(axis=1)[:, None]
    squared += (others**2).sum(axis=1)
    root = np.sqrt(np.maximum(squared, 0.0, out=squared) * 5.0)
    kernel = root * root
    kernel /= 3.0
    kernel += root
    kernel += 1.0
    kernel *= np.exp(np.negative(root, out=root), out=root)
    return kernel


@dataclass(frozen=True)
class Weighed:
    """Hyperparameters of largest posterior density, and what follows from them at the measured rows.

    Attributes:
        loss: Minus the logarithm of that density, up to a constant that depends on the rows alone.
        scale: What a unit of the mean, and of the square root of a variance, is worth in the values' unit.
        variances: Shape (kernels,).
        noise: Variance of the noise of each row, shape (m,).
        usual_noise: That of a row which is no outlier.
        weights: Shape (m,): the share of each row in predictions.
        inverse: Shape (m, m): of the covariance of the rows.
    """

    loss: float
    scale: float
    variances: Array
    noise: Array
    usual_noise: float
    weights: Array
    inverse: Array


@dataclass(frozen=True)
class Measured:
    """Measured rows, as the fit sees them: values = scale * (mean + an unknown constant + kernels + noise).

    Attributes:
        between: The kernels at these rows, shape (kernels, m, m).
        values: Shape (m,), at least one.
        mean: Shape (m,): expected beforehand, in units of the scale.
        scale: Expected beforehand.
        scale_spread: Standard deviation of its logarithm.
    """

    between: Array
    values: Array
    mean: Array
    scale: float
    scale_spread: float


def weigh(kernels: Kernels, rows: Measured, *, rounds: int = 2) -> Weighed:
    """Fit the variances, the noise and the scale.

    Args:
        kernels: With their priors.
        rows: What was measured.
        rounds: In each after the first, rows that the others predict badly get more noise, with the weights of
            Student's distribution (Lange, Little and Taylor 1989) on held-out errors and their median.
    """
    theta = np.concatenate([[np.log(rows.scale)], kernels.prior, [kernels.noise]])
    theta, loss = _mode(kernels, rows, theta, np.ones(len(rows.values)))
    found = _weighed(rows, theta, np.ones(len(rows.values)), loss)
    for _ in range(rounds - 1):
        precision = np.diag(found.inverse)
        off = np.abs(found.weights) / np.sqrt(precision)
        usual = max(NORMAL * float(np.median(off)), LEAST_USUAL)
        trust = (FREEDOM + 1.0) / (FREEDOM + (off / usual) ** 2)
        theta, _ = _mode(kernels, rows, theta, trust)
        found = _weighed(rows, theta, trust, loss)
    return found


def _weighed(rows: Measured, theta: Array, trust: Array, loss: float) -> Weighed:
    scale, variances, usual = float(np.exp(theta[0])), np.exp(theta[1:-1]), float(np.exp(theta[-1]) + JITTER)
    covariance = np.tensordot(variances, rows.between, axes=1) + OFFSET + np.diag(usual / trust)
    inverse: Array = np.linalg.inv(covariance).astype(float)
    weights = inverse @ (rows.values / scale - rows.mean)
    return Weighed(loss, scale, variances, usual / trust, usual, weights, inverse)


def _mode(kernels: Kernels, rows: Measured, start: Array, trust: Array) -> tuple[Array, float]:
    """Logarithms of scale, variances and noise of largest posterior density, and minus its logarithm."""
    from scipy.optimize import minimize

    size = len(rows.values)
    prior = np.concatenate([[np.log(rows.scale)], kernels.prior, [kernels.noise]])
    spread = np.array([rows.scale_spread, *[kernels.spread] * len(kernels.prior), NOISE_SPREAD])
    flat = rows.between.reshape(len(rows.between), -1)

    def loss(theta: Array) -> tuple[float, Array]:
        variances, noise = np.exp(theta[1:-1]), np.exp(theta[-1])
        covariance = (variances @ flat).reshape(size, size) + OFFSET
        covariance[np.diag_indices(size)] += (noise + JITTER) / trust
        factor = np.linalg.cholesky(covariance)
        inverse = np.linalg.inv(covariance)
        scaled = rows.values / np.exp(theta[0])
        weights = inverse @ (scaled - rows.mean)
        pull = inverse - np.outer(weights, weights)
        gradient = np.empty(len(theta))
        gradient[0] = size - scaled @ weights
        gradient[1:-1] = 0.5 * variances * (flat @ pull.ravel())
        gradient[-1] = 0.5 * noise * (np.diag(pull) / trust).sum()
        off = (theta - prior) / spread
        value = 0.5 * (scaled - rows.mean) @ weights + np.log(np.diag(factor)).sum() + size * theta[0] + 0.5 * off @ off
        return float(value), gradient + off / spread

    bounds = [(prior[0] - 5.0, prior[0] + 5.0)] + [(SMALLEST, LARGEST)] * (len(start) - 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 30})
    return found.x, float(found.fun)
