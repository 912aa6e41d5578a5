"""A new target from a handful of values: what other targets say of the candidates, corrected by what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import SurrogateError
from autoedge.surrogate.components import OFFSET, Kernels, Measured, Weighed, weigh
from autoedge.surrogate.consensus import agree
from autoedge.surrogate.sources import FEWEST_ROWS, modelled, own_kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.consensus import Consensus
    from autoedge.surrogate.described import Described

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

USELESS = 0.1  # how likely it is beforehand that the sources say nothing of a new target
SLOPE = 0.3  # variance of a target's scale in units of the sources', where nothing was measured
SCALE_SPREAD = 0.35  # least standard deviation of the logarithm of a target's spread, given the sources'
EVIDENCE = 4.0  # held-out rows that the claimed spread is worth when it is held against the errors
CHUNK = 4096  # candidates predicted at once
FITTED = 5.0  # parameters that few values were spent on, so that they lie closer to the fit than new ones will


class FewShot:
    """Prepared for the candidates of one pool, once; then fitted to values of any of them.

    A target's values are a scale times the sources' consensus, plus Gaussian processes: linear in the ways in which
    the sources differ, and linear and smooth in what is known of the candidates. How much each counts is fitted, with
    priors under which a few values change little. Beside it stand a model with the nearest source in the place of the
    consensus and one without the sources; they are mixed by their posterior probability (at the mode of their
    hyperparameters), so that useless sources do little harm.

    Args:
        predictions: Shape (n, k), k >= 0: what each source says of each candidate, NaN where it cannot know.
        described: The n candidates.

    Raises:
        SurrogateError: Predictions and candidates are not as many.
    """

    def __init__(self, predictions: Array, described: Described) -> None:
        if predictions.ndim != 2 or len(predictions) != len(described):  # noqa: PLR2004 - candidates and sources
            raise SurrogateError(f"there are {len(described)} candidates, but predictions of shape {predictions.shape}")
        self._consensus = _guessed(agree(predictions), described)
        self._own = own_kernels(described)
        self._kernels: Kernels | None = None
        if self._consensus is not None:
            self._kernels = _with_sources(self._consensus, described)
        self._size = len(described)

    def fit(self, rows: Sequence[int] | Rows, values: Sequence[float] | Array) -> Transferred:
        """Learn from values, shape (m,), of the candidates ``rows``; m may be 0.

        Raises:
            SurrogateError: A value is not finite, or rows and values are not as many.
        """
        chosen, known = np.asarray(rows, dtype=np.intp), np.asarray(values, dtype=float)
        if chosen.shape != known.shape or not np.isfinite(known).all():
            raise SurrogateError(f"each of {len(chosen)} rows has a finite value, but got {known.tolist()[:5]} ...")
        centre = float(np.median(known)) if len(known) else 0.0
        models = self._informed(chosen, known - centre)
        if self._consensus is None or len(known):
            scale = float(known.std()) if len(known) > 1 else 0.0
            scale = scale or (self._consensus.scale if self._consensus else 1.0)
            models.append((_fitted(self._own, np.zeros(self._size), chosen, known - centre, (scale, 1.0)), USELESS))
        return Transferred(models, centre, known)

    def _informed(self, rows: Rows, values: Array) -> list[tuple[_Fitted, float]]:
        """The models that use the sources, each with its probability beforehand.

        One takes their consensus for the mean; where there are values to tell, another takes the nearest source.
        """
        if self._consensus is None or self._kernels is None:
            return []
        each, useful = self._consensus.each, 1.0 - USELESS
        usual = (self._consensus.scale, float(np.hypot(self._consensus.scale_spread, SCALE_SPREAD)))
        common = _fitted(self._kernels, self._consensus.mean, rows, values, usual)
        if len(values) < FEWEST_ROWS or each.shape[1] == 1:
            return [(common, useful)]
        nearest = _fitted(self._kernels, each[:, _nearest(each[rows], values)], rows, values, usual)
        return [(common, useful / 2), (nearest, useful / 2 / each.shape[1])]

    def spread_out(self, count: int, among: Rows) -> Rows:
        """Choose candidates worth measuring first, without any value: each where least is known, given those before.

        Args:
            count: How many.
            among: Candidates to choose from.
        """
        kernels = self._kernels or self._own
        mean = self._consensus.mean if self._consensus is not None else np.zeros(self._size)
        variances = np.exp(kernels.prior)
        left = variances @ kernels.diagonal(among) + SLOPE * mean[among] ** 2 + OFFSET
        noise = float(np.exp(kernels.noise))
        found: list[int] = []
        factors: list[Array] = []
        for _ in range(min(count, len(among))):
            left[found] = -np.inf
            best = int(np.argmax(left))
            at = among[[best]]
            column = np.tensordot(variances, kernels.between(among, at), axes=1)[:, 0] + OFFSET
            column += SLOPE * mean[among] * mean[at]
            for factor in factors:
                column -= factor * factor[best]
            factors.append(column / np.sqrt(max(column[best], 1e-9) + noise))
            left -= factors[-1] ** 2
            found.append(best)
        return among[found]


class Transferred:
    """What is expected of each candidate.

    Attributes:
        held_out_mean: Shape (m,): each measured row predicted from all others and the sources.
        held_out_std: Shape (m,): the standard deviation of those predictions.
    """

    def __init__(self, models: Sequence[tuple[_Fitted, float]], centre: float, values: Array) -> None:
        losses = np.array([model.loss - np.log(beforehand) for model, beforehand in models])
        shares = np.exp(-(losses - losses.min()))
        self._models, self._centre = [model for model, _ in models], centre
        self._shares = shares / shares.sum()
        each = [model.held_out() for model in self._models]
        self.held_out_mean, raw = self._mixed(each)
        self._widening = _widening(((values - self.held_out_mean) / raw) ** 2)
        self.held_out_std = raw * self._widening

    @property
    def trust(self) -> float:
        """Probability that the sources help; 0 where there are none."""
        return float(sum(share for share, model in zip(self._shares, self._models, strict=True) if model.informed))

    def predict(self, rows: Sequence[int] | Rows | None = None) -> tuple[Array, Array]:
        """Mean and standard deviation of a value measured at candidates, each of shape (len(rows),); None for all.

        Without any value the mean is centred: where the candidates lie relative to each other is all that is known.
        """
        chosen = np.arange(len(self._models[0].mean)) if rows is None else np.asarray(rows, dtype=np.intp)
        mean, std = np.empty(len(chosen)), np.empty(len(chosen))
        for at in range(0, len(chosen), CHUNK):
            part = slice(at, at + CHUNK)
            mean[part], std[part] = self._mixed([model.predict(chosen[part]) for model in self._models])
        return mean, std * self._widening

    def _mixed(self, each: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
        means, stds = np.stack([mean for mean, _ in each]), np.stack([std for _, std in each])
        mean = self._shares @ means
        variance = self._shares @ (stds**2 + (means - mean) ** 2)
        return mean + self._centre, np.sqrt(np.maximum(variance, 1e-18))


@dataclass(frozen=True)
class _Fitted:
    """One of the models."""

    kernels: Kernels
    mean: Array
    rows: Rows
    values: Array
    found: Weighed | None
    scale: float
    informed: bool

    @property
    def loss(self) -> float:
        return self.found.loss if self.found is not None else 0.0

    def held_out(self) -> tuple[Array, Array]:
        if self.found is None:
            return np.zeros(0), np.zeros(0)
        precision = np.diag(self.found.inverse)
        return self.values - self.scale * self.found.weights / precision, self.scale / np.sqrt(precision)

    def predict(self, rows: Rows) -> tuple[Array, Array]:
        diagonal = self.kernels.diagonal(rows)
        if self.found is None:  # nothing measured: where the values lie as a whole is left out
            variance = np.exp(self.kernels.prior) @ diagonal + np.exp(self.kernels.noise)
            return self.scale * self.mean[rows], self.scale * np.sqrt(variance + SLOPE * self.mean[rows] ** 2)
        cross = np.tensordot(self.found.variances, self.kernels.between(rows, self.rows), axes=1) + OFFSET
        variance = self.found.variances @ diagonal + OFFSET - np.einsum("ij,ij->i", cross @ self.found.inverse, cross)
        mean = self.mean[rows] + cross @ self.found.weights
        return self.scale * mean, self.scale * np.sqrt(np.maximum(variance, 0.0) + self.found.usual_noise)


def _nearest(each: Array, values: Array) -> int:
    """The source that predicts the values best on a straight line."""
    inner, off = each - each.mean(axis=0), values - values.mean()
    explained = (inner * off[:, None]).sum(axis=0)
    return int(np.argmax(np.maximum(explained, 0.0) ** 2 / ((inner**2).sum(axis=0) + 1e-9)))


def _widening(squares: Array) -> float:
    """By how much claimed spreads are too small, from squared held-out errors in units of them."""
    if not len(squares):
        return 1.0
    size = len(squares)
    return float(np.sqrt((EVIDENCE + squares.sum()) / (EVIDENCE + size) * (1.0 + FITTED / (size + 1.0))))


def _fitted(kernels: Kernels, mean: Array, rows: Rows, values: Array, usual: tuple[float, float]) -> _Fitted:
    informed = bool(mean.any())
    if not len(rows):
        return _Fitted(kernels, mean, rows, values, None, usual[0], informed)
    found = weigh(kernels, Measured(kernels.between(rows, rows), values, mean[rows], *usual))
    return _Fitted(kernels, mean, rows, values, found, found.scale, informed)


def _guessed(consensus: Consensus | None, described: Described) -> Consensus | None:
    """Candidates that no source knows are expected where those like them lie."""
    if consensus is None or not consensus.unknown.any():
        return consensus
    mean, each = consensus.mean.copy(), consensus.each.copy()
    known, asked = np.flatnonzero(~consensus.unknown), np.flatnonzero(consensus.unknown)
    if len(known) >= FEWEST_ROWS:
        order = np.concatenate([known, asked])
        mean[asked] = modelled(described.take(order), mean[known])
        each[asked] = mean[asked, None]
    return replace(consensus, mean=mean, each=each)


def _with_sources(consensus: Consensus, described: Described) -> Kernels:
    # A new device differs from the consensus mostly by what each number costs it (a few of these are many of them at
    # once, so one value tells of many candidates), then in the ways in which the sources differ from each other.
    both = described.all
    smooth, prior, only = [described.numbers / 1.5, both / 2.0], [0.06, 0.4, 0.01, 0.05, 0.02], {}
    if consensus.unknown.any():
        smooth, prior = [*smooth, both / 2.0], [*prior, 0.3]
        only = {2: consensus.unknown.astype(float)}
    return Kernels(
        linear=[consensus.deviations, described.numbers, described.categories],
        smooth=smooth,
        prior=np.log(prior),
        noise=float(np.log(0.05)),
        spread=0.7,
        only=only,
    )
