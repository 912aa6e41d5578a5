"""The one switch between strategies."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from autoedge.errors import IntentError
from autoedge.search.pool import Grid
from autoedge.search.repair import RepairedSampler, free_candidates
from autoedge.search.sampler import SurrogateSampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from autoedge.search.pool import Pool


class ExhaustiveSampler(BaseSampler):
    """Proposes the candidates of a pool one after the other."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """All knobs of the pool."""
        return self._grid.distributions

    def sample_relative(
        self,
        study: Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """The first candidate that is free, or the first of all when none is."""
        return self._grid.params(int(free_candidates(self._grid, study, trial).argmax()))

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """The parameter of the same candidate."""
        return self.sample_relative(study, trial, self._grid.distributions)[param_name]


def _gp(grid: Grid, seed: int) -> BaseSampler:  # noqa: ARG001 - one signature for all
    if find_spec("torch") is None:
        raise IntentError("search.strategy gp needs PyTorch: pip install 'autoedge[gp]', or choose surrogate")
    return GPSampler(seed=seed)


Maker = Callable[[Grid, int], BaseSampler]
"""Makes the sampler of a strategy, for the candidates there are and a seed."""

STRATEGIES: Mapping[str, Maker] = {
    "surrogate": lambda grid, seed: SurrogateSampler(seed, pool=grid),
    "tpe": lambda _, seed: TPESampler(seed=seed, multivariate=True),
    "nsga2": lambda _, seed: NSGAIISampler(seed=seed, population_size=16),
    "random": lambda _, seed: RandomSampler(seed=seed),
    "exhaustive": lambda grid, _: ExhaustiveSampler(grid),
    "gp": _gp,
}


def make_sampler(strategy: str | Maker, *, pool: Pool | Grid, seed: int) -> BaseSampler:
    """Make the sampler of a strategy, kept to the candidates of a pool.

    Args:
        strategy: One of ``STRATEGIES``, or what makes a sampler of one's own.
        pool: What may be chosen.
        seed: Of everything random in it.

    Raises:
        IntentError: There is no such strategy, or what it needs is not installed.
    """
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise IntentError(f"search.strategy is one of {', '.join(STRATEGIES)}, but got {strategy!r}")
    maker = STRATEGIES[strategy] if isinstance(strategy, str) else strategy
    grid = pool if isinstance(pool, Grid) else Grid(pool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        inner = maker(grid, seed)
    return RepairedSampler(inner, grid, seed=seed)
