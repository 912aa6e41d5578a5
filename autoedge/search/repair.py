"""Any Optuna sampler on a finite pool: what it asks for becomes the nearest candidate that is still free."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler

from autoedge.errors import SpaceError
from autoedge.search.pool import Grid, distributions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

__all__ = ["ABANDONED", "RepairedSampler", "distributions", "free_candidates"]

ABANDONED = "abandoned"  # user attribute of a trial that was never measured, so that it says nothing of its candidate


def free_candidates(grid: Grid, study: Study, trial: FrozenTrial | None = None) -> NDArray[np.bool_]:
    """Mark the open candidates that no other trial has measured, failed at, or holds at the moment."""
    free = grid.open.copy()
    for other in study.get_trials(deepcopy=False):
        if (trial and other.number == trial.number) or ABANDONED in other.user_attrs:
            continue
        candidate = grid.find(other.params)
        if candidate is not None:
            free[candidate] = False
    return free


class RepairedSampler(BaseSampler):
    """Keeps a study to real candidates, no two the same, whatever the strategy.

    The inner sampler is asked for every knob, together where it can and one by one where it cannot. Its answer is
    replaced by the nearest free candidate of the pool, and the strategy learns from what was really measured.

    Args:
        inner: Any Optuna sampler.
        grid: The pool.
        seed: Chooses among equally near candidates.
    """

    def __init__(self, inner: BaseSampler, grid: Grid, *, seed: int) -> None:
        self._inner = inner
        self._grid = grid
        self._seed = seed
        self._lock = Lock()
        self._held: dict[int, int] = {}  # trial number -> candidate given to it but not yet written to the study

    def __str__(self) -> str:
        return str(self._inner)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """All knobs of the pool."""
        return self._grid.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Ask the inner sampler and repair.

        Raises:
            SpaceError: Every candidate is measured or pending.
        """
        inner_space = self._inner.infer_relative_search_space(study, trial)
        asked = self._inner.sample_relative(study, trial, inner_space)
        for name, distribution in search_space.items():
            if name not in asked:
                asked[name] = self._inner.sample_independent(study, trial, name, distribution)
        with self._lock:
            free = free_candidates(self._grid, study, trial)
            free[list(self._held.values())] = False
            if not free.any():
                raise SpaceError(
                    f"a proposal needs a free candidate, but all {len(self._grid)} are measured or pending"
                )
            candidate = self._grid.nearest(asked, free, np.random.default_rng([self._seed, trial.number]))
            self._held[trial.number] = candidate
        return self._grid.params(candidate)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Pass on what is no knob of the pool."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass on."""
        self._inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Pass on; the study itself now holds the candidate."""
        self._inner.after_trial(study, trial, state, values)
        self._held.pop(trial.number, None)

    def reseed_rng(self) -> None:
        """Pass on."""
        self._inner.reseed_rng()
