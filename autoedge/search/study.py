"""The Optuna study of a run: made from the measurement store, and mended from it at every start."""

from __future__ import annotations

import json
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState, create_trial

from autoedge.errors import StoreError
from autoedge.search.pool import Grid
from autoedge.search.repair import ABANDONED, free_candidates
from autoedge.search.strategies import make_sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from optuna.trial import FrozenTrial, Trial

    from autoedge.search.pool import Pool

Objective = tuple[str, Literal["minimize", "maximize"]]

DEFINITION = "definition"  # study attribute: what a study must agree with to be continued
CANDIDATE = "candidate_id"
REASON = "reason"
BUSY_S = 30.0  # how long SQLite waits for a reader such as a dashboard


@dataclass(frozen=True)
class Row:
    """What the measurement store knows of one candidate.

    Attributes:
        candidate: Its index in the pool.
        values: One finite number an objective, in their order; empty when the candidate failed.
        constraints: By name, satisfied up to 0; leave out what is not known.
        reason: Why it failed; empty when it did not.
    """

    candidate: int
    values: tuple[float, ...] = ()
    constraints: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        if bool(self.values) == bool(self.reason):
            raise ValueError(f"a row has either values or a reason why there are none, but got {self}")
        if not all(math.isfinite(number) for number in (*self.values, *self.constraints.values())):
            raise ValueError(f"values and constraints are finite, but got {self}")


class Board:
    """Ask and tell over a pool, in a study that Optuna's dashboard can open.

    Safe to use from several threads of one process; the run folder's lock keeps other processes away.
    """

    def __init__(
        self,
        study: optuna.Study,
        grid: Grid,
        objectives: Sequence[Objective],
        candidate_id: Callable[[int], str],
    ) -> None:
        self._study = study
        self._grid = grid
        self._objectives = tuple(objectives)
        self._candidate_id = candidate_id
        self._lock = RLock()

    @classmethod
    def open(
        cls,
        storage: str | BaseStorage,
        name: str,
        *,
        pool: Pool,
        objectives: Sequence[Objective],
        strategy: str = "surrogate",
        seed: int = 0,
        candidate_id: Callable[[int], str] = str,
    ) -> Board:
        """Open the study of this name, or create it.

        A study with other objectives or another pool is begun anew; ``sync`` fills it again. Trials that a killed
        process left running are given up, so that their candidates can be proposed again.

        Args:
            storage: SQLAlchemy URL such as ``sqlite:////path/study.db``, or an Optuna storage.
            name: Of the study.
            pool: The candidates.
            objectives: Name and direction of each.
            strategy: One of ``autoedge.search.strategies.STRATEGIES``.
            seed: Of the strategy.
            candidate_id: The id that people see for a candidate's index.

        Raises:
            IntentError: The strategy does not exist, or what it needs is not installed.
            SpaceError: The pool is empty or inconsistent.
            StoreError: The storage cannot be used.
        """
        grid = Grid(pool)
        sampler = make_sampler(strategy, pool=grid, seed=seed)
        if optuna.logging.get_verbosity() == optuna.logging.INFO:
            optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is told by events, not by Optuna's log
        with _guarded(storage):
            opened = _storage(storage) if isinstance(storage, str) else storage
            definition = _definition(objectives, grid)
            study = _load(opened, name, definition) or _create(opened, name, objectives, definition)
            study.sampler = sampler
            board = cls(study, grid, objectives, candidate_id)
            for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING, TrialState.WAITING]):
                board._give_up(trial.number, trial._trial_id)  # noqa: SLF001 - Optuna's own way to name a trial
        return board

    @property
    def study(self) -> optuna.Study:
        """The Optuna study, to look at."""
        return self._study

    def sync(self, rows: Sequence[Row]) -> None:
        """Make the study say what the store says: one finished trial for each row, in their order where it is new.

        What is missing is added. Where a trial contradicts the store (a mended measurement, changed constraints) or
        the store does not know it, all finished trials are made anew, since finished trials cannot be changed.

        Args:
            rows: One a candidate; of several for one candidate the last counts.

        Raises:
            StoreError: The storage cannot be used.
        """
        wanted = {row.candidate: row for row in rows}
        with self._lock, _guarded(self._study):
            trials = [trial for trial in self._study.get_trials(deepcopy=False) if ABANDONED not in trial.user_attrs]
            finished = [trial for trial in trials if trial.state.is_finished()]
            found = {self._grid.find(trial.params): trial for trial in finished}
            if len(found) < len(finished) or not all(
                candidate in wanted and _agrees(trial, wanted[candidate]) for candidate, trial in found.items()
            ):
                self._restart()
                self._add(wanted.values(), found)
            else:
                self._add([row for row in wanted.values() if row.candidate not in found], found)

    def propose(self) -> tuple[Trial, int] | None:
        """Ask the strategy for the candidate to measure next; None when all are measured or pending.

        Every proposal ends with ``complete``, ``fail`` or ``abandon``. Several may be pending, no two the same.

        Raises:
            StoreError: The storage cannot be used.
        """
        with self._lock, _guarded(self._study), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if not self.free:
                return None
            trial = self._study.ask(self._grid.distributions)
            candidate = self._grid.find(trial.params)
            assert candidate is not None, trial.params  # the sampler repairs every proposal to a candidate
            trial.set_user_attr(CANDIDATE, self._candidate_id(candidate))
            return trial, candidate

    def complete(self, trial: Trial, values: Sequence[float], constraints: Mapping[str, float] | None = None) -> None:
        """Tell what a proposal measured.

        Args:
            trial: From ``propose``.
            values: One finite number an objective, in their order.
            constraints: By name, satisfied up to 0.

        Raises:
            StoreError: The storage cannot be used.
        """
        row = Row(0, tuple(values), constraints or {})
        with self._lock, _guarded(self._study):
            for name, number in row.constraints.items():
                trial.set_constraint(name, number)
            self._study.tell(trial, row.values)

    def fail(self, trial: Trial, reason: str) -> None:
        """Tell that a proposal could not be measured; it is not proposed again and the strategy learns from it."""
        with self._lock, _guarded(self._study):
            trial.set_user_attr(REASON, reason)
            self._study.tell(trial, state=TrialState.FAIL)

    def abandon(self, trial: Trial) -> None:
        """Give up a proposal without having measured it; its candidate may be proposed again."""
        with self._lock, _guarded(self._study):
            self._give_up(trial.number, trial._trial_id)  # noqa: SLF001 - Optuna's own way to name a trial

    @property
    def free(self) -> int:
        """How many candidates are neither measured nor pending."""
        return int(free_candidates(self._grid, self._study).sum())

    def _give_up(self, number: int, trial_id: int) -> None:
        self._study._storage.set_trial_user_attr(trial_id, ABANDONED, value=True)  # noqa: SLF001
        self._study.tell(number, state=TrialState.FAIL)

    def _restart(self) -> None:
        """Replace the study by an empty one of the same definition and sampler."""
        storage, name, sampler = self._study._storage, self._study.study_name, self._study.sampler  # noqa: SLF001
        optuna.delete_study(study_name=name, storage=storage)
        self._study = _create(storage, name, self._objectives, _definition(self._objectives, self._grid))
        self._study.sampler = sampler

    def _add(self, rows: Sequence[Row] | Any, known: Mapping[int | None, FrozenTrial]) -> None:
        for row in rows:
            # A genetic strategy notes a trial's generation there.
            notes = known[row.candidate].system_attrs if row.candidate in known else {}
            attributes: dict[str, Any] = {CANDIDATE: self._candidate_id(row.candidate)}
            self._study.add_trial(
                create_trial(
                    state=TrialState.FAIL if row.reason else TrialState.COMPLETE,
                    values=None if row.reason else list(row.values),
                    params=self._grid.params(row.candidate),
                    distributions=self._grid.distributions,
                    user_attrs=attributes | ({REASON: row.reason} if row.reason else {}),
                    system_attrs={key: note for key, note in notes.items() if not key.startswith("constraints")},
                    constraints=dict(row.constraints),
                )
            )
