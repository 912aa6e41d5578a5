"""The suites for constrained samplers, on the surrogate and on Optuna's own samplers, which show that they are fair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.samplers import NSGAIISampler, TPESampler

from autoedge.search.sampler import SurrogateSampler
from autoedge.testing.constrained_samplers import (
    ConstrainedSamplerTestCase,
    ConstraintsFuncSamplerTestCase,
    MultiObjectiveConstrainedSamplerTestCase,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Optuna would rather have Trial.set_constraint; its samplers still take the function.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`constraints_func` has been deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


class _All(ConstrainedSamplerTestCase, ConstraintsFuncSamplerTestCase, MultiObjectiveConstrainedSamplerTestCase):
    """All suites on one sampler."""

    def make(self, **options: Any) -> Any:
        """A sampler past its first trials as soon as can be."""
        raise NotImplementedError

    @pytest.fixture
    def sampler(self) -> Callable[[], Any]:
        """Without a function."""
        return self.make

    @pytest.fixture
    def sampler_with(self) -> Callable[[Any], Any]:
        """With a function."""
        return lambda constraints_func: self.make(constraints_func=constraints_func)


class TestSurrogateSampler(_All):
    """The surrogate keeps the contract, and learns in 20 trials."""

    learning_trials = 20

    def make(self, **options: Any) -> SurrogateSampler:
        """Four trials fill the space."""
        return SurrogateSampler(seed=0, n_startup_trials=1, **options)


class TestTPESampler(_All):
    """Optuna's default keeps it too, in 40 trials."""

    def make(self, **options: Any) -> TPESampler:
        """Multivariate, as the strategy of that name."""
        return TPESampler(seed=0, multivariate=True, **options)


class TestNSGAIISampler(_All):
    """So does a genetic one, in eight generations."""

    learning_trials = 64

    def make(self, **options: Any) -> NSGAIISampler:
        """A small population, since trials are few."""
        return NSGAIISampler(seed=0, population_size=8, **options)
