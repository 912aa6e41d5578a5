"""The surrogate as an ordinary Optuna sampler."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.samplers import BaseSampler
from optuna.samplers._base import _process_constraints_after_trial
from optuna.search_space import IntersectionSearchSpace

from autoedge.search.acquisition import Evidence, choose
from autoedge.search.axis import Axis
from autoedge.search.domain import BoxDomain, PoolDomain
from autoedge.search.filling import fill
from autoedge.search.history import read
from autoedge.search.informed import Informed
from autoedge.search.pool import Grid
from autoedge.surrogate.ensemble import FEWEST_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState

    from autoedge.campaign.results import Results
    from autoedge.search.domain import Domain
    from autoedge.search.pool import Pool
    from autoedge.surrogate.encoding import Encoded

SETTLED = 80  # measured candidates from which on what others say only costs time: the study's own model knows better


class SurrogateSampler(BaseSampler):
    """Proposes what a learned surrogate expects to improve the front most.

    After an even start it fits an ensemble (Gaussian process, randomised trees, LightGBM) to all finished trials and
    takes the largest expected hypervolume improvement, for one objective the expected improvement. Constraints set
    through ``Trial.set_constraint`` and failed trials are learned too. Any distributions, directions and
    define-by-run spaces are supported; what not all trials share is drawn at random. A proposal depends on the seed,
    the trial's number and the trials before it, and on nothing else, so a study that is resumed goes on as if it
    had not been interrupted.

    Args:
        seed: Of everything random; None for another one each time.
        pool: The candidates there are, with what is known of them; None for the study's own search space.
        history: Results of other targets to start from, in the units of the study's values; they count where the
            study's metric names are among theirs, and only with a pool.
        foretold: By metric name what something else says of the pool's candidates, shape (candidates,), in the units
            of the study's values and NaN where it cannot know; ``autoedge.search.foretold.foretell`` asks a saved
            surrogate. It counts as one more source of history.
        n_startup_trials: How many trials fill the space before the surrogate is asked; none where history and
            ``foretold`` say something of most candidates for every objective.
        constraints_func: Computes constraints of a finished trial, each satisfied up to 0, for those who do not use
            ``Trial.set_constraint``.
    """

    def __init__(
        self,
        seed: int | None = None,
        *,
        pool: Pool | Grid | None = None,
        history: Sequence[Results] = (),
        foretold: Mapping[str, NDArray[np.float64]] | None = None,
        n_startup_trials: int = 8,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        if n_startup_trials < 0:
            raise ValueError(f"n_startup_trials is not negative, but got {n_startup_trials}")
        self._seed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._grid = pool if isinstance(pool, Grid) or pool is None else Grid(pool)
        self._pool = PoolDomain(self._grid) if self._grid else None
        self._startup = max(n_startup_trials, FEWEST_ROWS)
        self._history = tuple(history)
        self._foretold = {name: np.asarray(column, dtype=float) for name, column in (foretold or {}).items()}
        for name, column in self._foretold.items():
            if self._grid is not None and column.shape != (len(self._grid),):
                raise ValueError(f"foretold has one number a candidate, but got shape {column.shape} for {name}")
        self._informed: Informed | None = None
        self._constraints_func = constraints_func
        self._intersection = IntersectionSearchSpace()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """The pool's knobs, else what all finished trials share."""
        if self._grid:
            return self._grid.distributions
        space = self._intersection.calculate(study)
        return {name: distribution for name, distribution in space.items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose all parameters of the search space together."""
        if not search_space:
            return {}
        domain: Domain = self._pool or BoxDomain(search_space)
        informed = self._told(study)
        rng = np.random.default_rng([self._seed, trial.number])
        history = read(study, trial, domain.locate)

        def encoded(points: Any) -> Encoded:
            plain = domain.encoded(points)
            return plain if informed is None else informed.added(plain)

        evidence = Evidence(
            rows=encoded(history.points),
            values=history.values,
            signs=history.signs,
            constraints=history.constraints,
            failed=encoded(history.failed),
            pending=encoded(history.pending),
        )
        best = [history.points[row] for row in evidence.best]
        points = domain.candidates(history.known, best, rng)
        if informed is not None and self._pool is not None:
            free = self._pool.free(history.known)
            if len(points) < len(free):
                points = np.union1d(points, informed.promising(history.signs, free))
        candidates = encoded(points)
        chosen = None
        enough = len(history.points) >= FEWEST_ROWS and len(history.known) >= self._startup
        if enough or (informed is not None and informed.complete):
            asked = informed if len(history.points) < SETTLED else None
            chosen = choose(evidence, candidates, seed=int(rng.integers(2**31)), informed=asked)
        if chosen is None:
            chosen = fill(domain.encoded(points), domain.encoded(history.known), rng)  # whatever is told of them
        return domain.params(points[chosen])

    def _told(self, study: Study) -> Informed | None:
        """What history and ``foretold`` say of the study's objectives; None where they say nothing."""
        if not (self._history or self._foretold) or self._grid is None or not study.metric_names:
            return None
        if self._informed is None:
            self._informed = Informed(self._history, self._grid, study.metric_names, self._foretold)
        return self._informed if any(self._informed.known) else None

    def sample_independent(
        self,
        study: Study,  # noqa: ARG002
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw at random."""
        rng = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        axis = Axis(param_distribution)
        return axis.value(float(axis.random(1, rng)[0]))

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,  # noqa: ARG002
    ) -> None:
        """Store what ``constraints_func`` says."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)
