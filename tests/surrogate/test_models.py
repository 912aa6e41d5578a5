"""The members of the ensemble, and the ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autoedge.errors import SurrogateError
from autoedge.surrogate.boosting import Boosting
from autoedge.surrogate.encoding import Encoded, encode
from autoedge.surrogate.ensemble import Ensemble
from autoedge.surrogate.gaussian import GaussianProcess, Levels, _Kernel
from autoedge.surrogate.trees import Forest


@pytest.fixture
def problem() -> tuple[Encoded, np.ndarray]:
    """Candidates with two numbers and a category, and two smooth targets of them."""
    rng = np.random.default_rng(0)
    units = np.column_stack([rng.random((140, 2)), rng.integers(3, size=140)])
    encoded = encode(units, [0, 0, 3])
    first = np.sin(4 * units[:, 0]) + units[:, 1] + 0.5 * units[:, 2]
    second = 1e4 * (units[:, 1] ** 2 - units[:, 0])
    targets = np.column_stack([first, second])
    return encoded, targets


def part(encoded: Encoded, rows: Any) -> Encoded:
    """Some rows of an encoding."""
    return encoded.take(np.arange(len(encoded.matrix))[rows])


def test_a_process_passes_through_what_it_saw(problem: tuple[Encoded, np.ndarray]) -> None:
    """Without noise the fit goes through the points and is sure of them."""
    encoded, targets = problem
    rows = part(encoded, slice(0, 60))
    target = targets[:60, 0] - targets[:60, 0].mean()
    mean, std = GaussianProcess.fit(rows, target / target.std()).predict(Levels(rows.matrix, rows.groups))
    assert np.abs(mean - target / target.std()).max() < 0.05
    assert std.max() < 0.1


def test_a_process_is_unsure_far_from_what_it_saw(problem: tuple[Encoded, np.ndarray]) -> None:
    """An unseen corner has a wider band than a seen one."""
    encoded, targets = problem
    near = np.flatnonzero((encoded.matrix[:, 0] < 0.5) & (encoded.matrix[:, 1] < 0.5))
    process = GaussianProcess.fit(part(encoded, near), targets[near, 0] - targets[near, 0].mean())
    corners = encode(np.array([[0.2, 0.2, 0.0], [1.0, 1.0, 0.0]]), [0, 0, 3])
    std = process.predict(Levels(corners.matrix, corners.groups))[1]
    assert std[1] > 2 * std[0]


def test_held_out_predictions_of_a_process_are_what_leaving_out_gives(problem: tuple[Encoded, np.ndarray]) -> None:
    """The closed form equals conditioning on all other rows by hand, at the same hyperparameters."""
    encoded, targets = problem
    rows = part(encoded, slice(0, 12))
    target = targets[:12, 0] - targets[:12, 0].mean()
    process = GaussianProcess.fit(rows, target)
    covariance = np.linalg.inv(process._inverse)
    for row in range(12):
        rest = np.arange(12) != row
        gain = covariance[row, rest] @ np.linalg.inv(covariance[np.ix_(rest, rest)])
        assert process.held_out_mean[row] == pytest.approx(gain @ target[rest], abs=1e-6)
        variance = covariance[row, row] - gain @ covariance[rest, row]
        assert process.held_out_std[row] == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_effects_that_add_up_are_learned_from_few() -> None:
    """Sixteen choices in each of three knobs, whose effects add up, are told apart from a sixtieth of all."""
    rng = np.random.default_rng(0)
    effects = rng.normal(size=(3, 16))
    codes = rng.integers(16, size=(400, 3))
    target = effects[np.arange(3), codes].sum(axis=1)
    rows = encode(codes.astype(float), [16, 16, 16])
    centre, spread = target[:68].mean(), target[:68].std()
    process = GaussianProcess.fit(part(rows, slice(0, 68)), (target[:68] - centre) / spread)
    rest = part(rows, slice(68, None))
    mean, _ = process.predict(Levels(rest.matrix, rest.groups))
    assert np.corrcoef(mean, target[68:])[0, 1] > 0.9


def test_predictions_do_not_depend_on_the_block(problem: tuple[Encoded, np.ndarray]) -> None:
    """Many candidates at once are predicted as each by itself."""
    encoded, targets = problem
    process = GaussianProcess.fit(part(encoded, slice(0, 30)), targets[:30, 0] - targets[:30, 0].mean())
    many = part(encoded, np.tile(np.arange(140), 5))
    together = process.predict(Levels(many.matrix, many.groups))
    for row in (0, 139, 511, 512, 699):
        alone = part(many, [row])
        assert np.allclose(process.predict(Levels(alone.matrix, alone.groups))[0], together[0][row], atol=1e-8)


def test_the_kernel_of_a_point_with_itself_is_its_total() -> None:
    """The prior variance is the sum of the parts: own effects, pairs, all together, and the offset."""
    theta = np.log(np.array([1.0, 2.0, 0.5, 0.25, 0.3, 0.2, 0.1]))
    assert _Kernel(theta).total == pytest.approx(0.5 + 0.25 + 0.3 + 0.2 + 1.0)


@pytest.mark.parametrize("model", [Forest, Boosting])
def test_held_out_predictions_do_not_know_the_answer(problem: tuple[Encoded, np.ndarray], model: Any) -> None:
    """Trees predict pure noise no better than its spread, though they fit it where they saw it."""
    encoded, _ = problem
    noise = np.random.default_rng(1).normal(size=(140, 1))
    fitted = model(encoded.matrix, noise, seed=0)
    assert np.mean((fitted.held_out_mean - noise) ** 2) > 0.9 * noise.var()
    assert np.mean((fitted.predict(encoded)[0] - noise) ** 2) < 0.6 * noise.var()


@pytest.mark.parametrize("model", [Forest, Boosting])
def test_trees_learn(problem: tuple[Encoded, np.ndarray], model: Any) -> None:
    """Half the rows explain most of the other half."""
    encoded, targets = problem
    scaled = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    fitted = model(encoded.matrix[:70], scaled[:70], seed=0)
    mean, std = fitted.predict(part(encoded, slice(70, None)))
    assert mean.shape == std.shape == (70, 2)
    assert np.mean((mean - scaled[70:]) ** 2) < 0.4


def test_the_ensemble_is_accurate_and_honest(problem: tuple[Encoded, np.ndarray]) -> None:
    """On unseen rows the error is small and the 90 % band holds about 90 %, in the targets' own units."""
    encoded, targets = problem
    prediction = Ensemble(part(encoded, slice(0, 60)), targets[:60], seed=0).predict(part(encoded, slice(60, None)))
    error = (prediction.mean - targets[60:]) / targets.std(axis=0)
    assert np.mean(error**2) < 0.05
    drawn = prediction.sample(200, np.random.default_rng(0))
    low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
    covered = np.mean((low <= targets[60:]) & (targets[60:] <= high))
    assert 0.8 <= covered <= 1.0


def test_what_predicts_better_counts_more(problem: tuple[Encoded, np.ndarray]) -> None:
    """For a smooth target the process outweighs the trees, and weights sum to 1."""
    encoded, targets = problem
    weights = Ensemble(part(encoded, slice(0, 60)), targets[:60], seed=0).weights
    assert np.allclose(weights.sum(axis=0), 1.0)
    assert (weights[0] > 0.5).all()


class Oracle:
    """A member that knows the first target of every candidate of a pool, and nothing of the second."""

    def __init__(self, truth: np.ndarray, rows: np.ndarray) -> None:
        self._truth = truth
        self.held_out_mean = np.column_stack([truth[rows, 0], truth[rows, 1] + 1e9])
        self.held_out_std = np.ones((len(rows), 2))

    def predict(self, candidates: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """The truth, and zero."""
        mean = np.column_stack([self._truth[candidates.rows, 0], np.zeros(len(candidates.matrix))])
        return mean, np.full_like(mean, 1e-3)


@pytest.mark.parametrize("count", [0, 3, 12])
def test_what_is_told_counts_where_it_is_right(problem: tuple[Encoded, np.ndarray], count: int) -> None:
    """From no row on, a member that knows other targets is believed where it knows, and not where it is wrong."""
    encoded, targets = problem
    pool = Encoded(encoded.matrix, encoded.groups, np.arange(140))
    rows = pool.take(np.arange(count))
    ensemble = Ensemble(rows, targets[:count], seed=0, told=Oracle(targets, np.arange(count)))
    prediction = ensemble.predict(pool)
    assert np.abs(prediction.mean[:, 0] - targets[:, 0]).mean() < 0.25 * targets[:, 0].std()
    if count > 3:
        assert ensemble.weights[-1, 1] == 0


def test_the_same_seed_gives_the_same_predictions(problem: tuple[Encoded, np.ndarray]) -> None:
    """Nothing depends on anything but rows, targets and seed."""
    encoded, targets = problem
    rows = part(encoded, slice(0, 30))
    one, two = (Ensemble(rows, targets[:30], seed=7).predict(encoded) for _ in range(2))
    assert np.array_equal(one.means, two.means)
    assert np.array_equal(one.stds, two.stds)


def test_samples_have_the_mixture_s_moments(problem: tuple[Encoded, np.ndarray]) -> None:
    """Drawing many gives back mean and spread."""
    encoded, targets = problem
    prediction = Ensemble(part(encoded, slice(0, 40)), targets[:40], seed=0).predict(part(encoded, slice(40, 60)))
    drawn = prediction.sample(4000, np.random.default_rng(0))
    assert np.allclose(drawn.mean(axis=0), prediction.mean, atol=0.05 * prediction.std.max(axis=0))
    assert np.allclose(drawn.std(axis=0), prediction.std, rtol=0.1)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_constant_target_is_learned_as_such(problem: tuple[Encoded, np.ndarray], value: float) -> None:
    """No variation is no error."""
    encoded, _ = problem
    prediction = Ensemble(part(encoded, slice(0, 10)), np.full((10, 1), value), seed=0).predict(encoded)
    assert np.allclose(prediction.mean, value, atol=0.1)


def test_many_rows_are_learned_in_part() -> None:
    """More rows than a process takes are still fitted, and predicted well."""
    rng = np.random.default_rng(0)
    units = rng.random((320, 2))
    targets = np.sin(5 * units[:, :1]) + units[:, 1:]
    encoded = encode(units, [0, 0])
    prediction = Ensemble(encoded, targets, seed=0).predict(part(encoded, slice(0, 50)))
    assert np.abs(prediction.mean - targets[:50]).mean() < 0.05


def test_too_little_or_broken_is_refused(problem: tuple[Encoded, np.ndarray]) -> None:
    """Three rows, or a NaN among the targets, is an error that says so."""
    encoded, targets = problem
    with pytest.raises(SurrogateError, match="at least 4 rows, but got 3"):
        Ensemble(part(encoded, slice(0, 3)), targets[:3], seed=0)
    with pytest.raises(SurrogateError, match="NaN"):
        Ensemble(part(encoded, slice(0, 5)), np.full((5, 1), np.nan), seed=0)
