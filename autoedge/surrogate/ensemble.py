"""The surrogate: three kinds of models mixed by how well each predicted what it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

import numpy as np

from autoedge.errors import SurrogateError
from autoedge.surrogate.boosting import Boosting
from autoedge.surrogate.gaussian import GaussianProcess, Levels
from autoedge.surrogate.trees import Forest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.encoding import Encoded

    Array = NDArray[np.float64]

FEWEST_ROWS = 4  # below this, held-out predictions say nothing
MOST_ROWS = 200  # of a Gaussian process, whose cost grows with the cube
EXPLAINED = 0.1  # held-out squared error below which trees are not asked: they hardly ever did better
BOOSTED_ROWS = 100  # below this, boosted trees added nothing but time
SHARPNESS = 6.0  # a model with half the squared error of another weighs 2 ** SHARPNESS times as much
DOUBT = 4.0  # rows that the errors expected beforehand count as, since few held-out rows judge by luck
TOLD_ERROR = 0.2  # squared error expected of what other targets say; 1 for models that must learn everything
LEAST = 0.15  # a weight below this counts as none: it would add more spread than knowledge


class Member(Protocol):
    """One kind of model of all targets."""

    held_out_mean: Array
    held_out_std: Array

    def predict(self, candidates: Encoded) -> tuple[Array, Array]:
        """Mean and standard deviation, each of shape (n, targets)."""
        ...


@dataclass(frozen=True)
class Prediction:
    """What each member expects, and how much it counts.

    Attributes:
        means: Shape (members, n, targets), in the targets' own units.
        stds: Shape (members, n, targets), calibrated on held-out rows.
        weights: Shape (members, targets), each column sums to 1.
    """

    means: Array
    stds: Array
    weights: Array

    @property
    def mean(self) -> Array:
        """The mixture's mean, shape (n, targets)."""
        return np.asarray(np.einsum("kt,knt->nt", self.weights, self.means))

    @property
    def std(self) -> Array:
        """The mixture's standard deviation, shape (n, targets)."""
        second = np.einsum("kt,knt->nt", self.weights, self.means**2 + self.stds**2)
        return np.asarray(np.sqrt(np.maximum(second - self.mean**2, 0.0)))

    def sample(self, count: int, rng: np.random.Generator) -> Array:
        """Draw from the mixture, shape (count, n, targets).

        Draws are stratified, and the same for all candidates (common random numbers), so that candidates differ by
        what is known of them and not by luck. Targets are drawn independently.
        """
        _, candidates, targets = self.means.shape
        drawn = np.empty((count, candidates, targets))
        for target in range(targets):
            shares = np.cumsum(self.weights[:, target])
            member = np.searchsorted(shares / shares[-1], (rng.permutation(count) + 0.5) / count)
            levels = (rng.permutation(count) + rng.random(count)) / count
            normal = np.array([NormalDist().inv_cdf(level) for level in np.clip(levels, 1e-4, 1 - 1e-4)])
            drawn[:, :, target] = self.means[member, :, target] + normal[:, None] * self.stds[member, :, target]
        return drawn


class Ensemble:
    """Gaussian process, forest and boosted trees, fitted to the same rows.

    Each member's weight follows from its squared error on rows held out from it, and the spread of trees is scaled
    until it matches those errors (so an overconfident member does not stay so).

    Args:
        rows: The measured candidates, at least ``FEWEST_ROWS`` where nothing is told of other targets.
        targets: Shape (n, targets), finite.
        seed: The same rows, targets and seed give the same predictions.
        told: A member that knows other targets, in the units of ``targets``.

    Raises:
        SurrogateError: There are too few rows, or targets that are not finite.
    """

    def __init__(self, rows: Encoded, targets: Array, *, seed: int, told: Member | None = None) -> None:
        if (len(targets) < FEWEST_ROWS and told is None) or len(targets) != len(rows.matrix):
            raise SurrogateError(f"a surrogate learns from at least {FEWEST_ROWS} rows, but got {len(targets)}")
        if not np.isfinite(targets).all():
            raise SurrogateError("a surrogate learns from finite values, but got NaN or infinity")
        self._told = told
        self._members: list[Member] = []
        if len(targets) < FEWEST_ROWS:
            self.weights = np.ones((1, targets.shape[1]))
            return
        self._centre = targets.mean(axis=0)
        spread = targets.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        scaled = (targets - self._centre) / self._spread
        self._members = [_Processes(rows, scaled, seed)]
        if (np.mean((scaled - self._members[0].held_out_mean) ** 2, axis=0) > EXPLAINED).any():
            self._members.append(Forest(rows.matrix, scaled, seed=seed % 2**31))
            if len(targets) >= BOOSTED_ROWS:
                self._members.append(Boosting(rows.matrix, scaled, seed=seed))
        errors = np.stack([np.mean((scaled - one.held_out_mean) ** 2, axis=0) for one in self._members])
        beforehand = np.ones_like(errors)
        if told is not None:
            error = np.mean(((targets - told.held_out_mean) / self._spread) ** 2, axis=0)
            errors, beforehand = np.vstack([errors, error]), np.vstack([beforehand, np.full_like(error, TOLD_ERROR)])
        errors = (len(targets) * errors + DOUBT * beforehand) / (len(targets) + DOUBT)
        skill = (errors + 1e-6) ** -SHARPNESS
        skill = np.where(skill >= LEAST * skill.sum(axis=0), skill, 0.0)
        self.weights = skill / skill.sum(axis=0)
        # A process knows where it is unsure, and was fitted to be right about it: widening it everywhere would send the
        # search back to what it knows. Trees are widened.
        self._widening = np.stack([np.ones(targets.shape[1]), *(_widening(scaled, one) for one in self._members[1:])])

    def predict(self, candidates: Encoded) -> Prediction:
        """Predict candidates encoded as the rows were."""
        means, stds, weights = [], [], []
        for at, member in enumerate(self._members):
            if self.weights[at].any():
                mean, std = member.predict(candidates)
                means.append(mean * self._spread + self._centre)
                stds.append(std * self._widening[at] * self._spread)
                weights.append(self.weights[at])
        if self._told is not None and self.weights[-1].any():
            mean, std = self._told.predict(candidates)
            means.append(mean)
            stds.append(std)
            weights.append(self.weights[-1])
        return Prediction(np.stack(means), np.stack(stds), np.stack(weights))


def _widening(targets: Array, member: Member) -> Array:
    """By how much the spread of a member falls short of its held-out errors, for each target; it is never narrowed."""
    claimed = np.maximum(member.held_out_std, 1e-3)
    return np.asarray(np.sqrt(np.clip(np.mean(((targets - member.held_out_mean) / claimed) ** 2, axis=0), 1.0, 10.0)))


class _Processes:
    """One Gaussian process a target, on a random part of the rows when they are many."""

    def __init__(self, rows: Encoded, targets: Array, seed: int) -> None:
        chosen = np.arange(len(targets))
        if len(targets) > MOST_ROWS:
            chosen = np.sort(np.random.default_rng(seed).choice(len(targets), MOST_ROWS, replace=False))
        part = rows.take(chosen)
        self._each = [GaussianProcess.fit(part, target) for target in targets[chosen].T]
        self.held_out_mean, self.held_out_std = self.predict(rows)
        self.held_out_mean[chosen] = _columns([process.held_out_mean for process in self._each])
        self.held_out_std[chosen] = _columns([process.held_out_std for process in self._each])

    def predict(self, candidates: Encoded) -> tuple[Array, Array]:
        levels = Levels(candidates.matrix, candidates.groups)
        each = [process.predict(levels) for process in self._each]
        return _columns([mean for mean, _ in each]), _columns([std for _, std in each])


def _columns(parts: Sequence[Array]) -> Array:
    return np.stack(parts, axis=1)
