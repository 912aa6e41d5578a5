"""The Optuna study of a run: made from the measurement store, and mended from it at every start."""

from __future__ import annotations

import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

import optuna
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from autoedge.errors import StoreError
from autoedge.search.pool import Grid
from autoedge.search.repair import ABANDONED, free_candidates
from autoedge.search.strategies import Maker, make_sampler
from autoedge.search.together import together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from autoedge.search.pool import Pool

__all__ = ["Board", "Objective", "Row", "Trial"]

Objective = tuple[str, Literal["minimize", "maximize"]]

DEFINITION = "definition"
CANDIDATE = "candidate_id"
REASON = "reason"
BUSY_S = 30.0  # how long SQLite waits for a reader such as a dashboard
ADVICE = {
    "locked": "end the other program that writes to it, then start again",
    "full": "free some disk space, then start again: nothing finished is lost",
    "readonly": "make the file and its folder writable, then start again",
    "unable to open": "make sure that the folder is there and writable, then start again",
    "malformed": "keep a copy of the file, then delete it to start the run anew, or rescue its rows with "
    "`sqlite3 study.db .recover | sqlite3 rescued.db`",
}


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

    A study with other objectives or another pool is begun anew; ``sync`` fills it again. Trials that a killed process
    left running are given up, so that their candidates can be proposed again.

    Args:
        storage: SQLAlchemy URL such as ``sqlite:////path/study.db``, or an Optuna storage.
        name: Of the study, which is made when missing.
        pool: The candidates.
        objectives: Name and direction of each.
        strategy: One of ``autoedge.search.strategies.STRATEGIES``, or what makes a sampler.
        seed: Of the strategy.
        start: Digest of what the strategy starts from, empty for nothing: a study that started from something else is
            begun anew too.
        candidate_id: The id that people see for a candidate's index.

    Raises:
        IntentError: The strategy does not exist, or what it needs is not installed.
        SpaceError: The pool is empty or inconsistent.
        StoreError: The storage cannot be used.
    """

    def __init__(
        self,
        storage: str | BaseStorage,
        name: str,
        *,
        pool: Pool,
        objectives: Sequence[Objective],
        strategy: str | Maker = "surrogate",
        seed: int = 0,
        start: str = "",
        candidate_id: Callable[[int], str] = str,
    ) -> None:
        self._grid = Grid(pool)
        self._sampler = make_sampler(strategy, pool=self._grid, seed=seed)
        self._name = name
        self._objectives = tuple(objectives)
        self._start = start
        self._candidate_id = candidate_id
        self._where = storage if isinstance(storage, str) else type(storage).__name__
        self._lock = RLock()
        if optuna.logging.get_verbosity() == optuna.logging.INFO:
            optuna.logging.set_verbosity(optuna.logging.WARNING)  # progress is told by events, not by Optuna's log
        with self._told():
            self._storage = _opened(storage) if isinstance(storage, str) else storage
            self._study = self._load()
            for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                self._storage.set_trial_user_attr(trial._trial_id, ABANDONED, value=True)  # noqa: SLF001 - no other id
                self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def study(self) -> optuna.Study:
        """The Optuna study, to look at; ``sync`` may replace it."""
        return self._study

    @property
    def free(self) -> int:
        """How many candidates are neither measured nor pending."""
        with self._lock:
            return int(free_candidates(self._grid, self._study).sum())

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
        with self._lock, self._told():
            trials = [trial for trial in self._study.get_trials(deepcopy=False) if ABANDONED not in trial.user_attrs]
            finished = [trial for trial in trials if trial.state.is_finished()]
            found = {self._grid.find(trial.params): trial for trial in finished}
            agreed = {at for at, trial in found.items() if at in wanted and _agrees(trial, wanted[at])}
            if len(agreed) < len(finished):
                optuna.delete_study(study_name=self._name, storage=self._storage)
                self._study = self._create()
                agreed = set()
            with together(self._storage):
                for candidate, row in wanted.items():
                    if candidate not in agreed:
                        self._add(row, found[candidate].system_attrs if candidate in found else {})

    def propose(self, among: NDArray[np.bool_] | None = None) -> tuple[Trial, int] | None:
        """Ask the strategy for the candidate to measure next; None when all are measured or pending.

        Every proposal ends with ``complete``, ``fail`` or ``abandon``. Several may be pending, no two the same.

        Args:
            among: Shape (candidates,): which may be proposed, such as those of the machines that are idle; None for
                all.

        Raises:
            StoreError: The storage cannot be used.
        """
        with self._lock, self._told(), self._grid.only(among), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if not self.free:
                return None
            trial = self._study.ask()
            candidate = self._grid.find(trial.relative_params)  # here the strategy thinks
            if candidate is None:
                raise RuntimeError(f"a repaired proposal is a candidate, but got {trial.relative_params}")
            with together(self._storage):
                for name, distribution in self._grid.distributions.items():
                    trial._suggest(name, distribution)  # noqa: SLF001 - as ``ask`` does, but after the thinking
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
        row = Row(0, tuple(values), constraints or {})  # checks what is told
        with self._lock, self._told(), together(self._storage):
            for name, number in row.constraints.items():
                trial.set_constraint(name, number)
            self._study.tell(trial, row.values)

    def fail(self, trial: Trial, reason: str) -> None:
        """Tell that a proposal could not be measured; it is not proposed again and the strategy learns from it."""
        with self._lock, self._told(), together(self._storage):
            trial.set_user_attr(REASON, reason)
            self._study.tell(trial, state=TrialState.FAIL)

    def abandon(self, trial: Trial) -> None:
        """Give up a proposal without having measured it; its candidate may be proposed again."""
        with self._lock, self._told(), together(self._storage):
            trial.set_user_attr(ABANDONED, value=True)
            self._study.tell(trial, state=TrialState.FAIL)

    def close(self) -> None:
        """Let go of the storage's connections."""
        if isinstance(self._storage, RDBStorage):
            self._storage.engine.dispose()

    def _load(self) -> optuna.Study:
        """The stored study if it agrees with this board, else a new one."""
        try:
            study = optuna.load_study(study_name=self._name, storage=self._storage, sampler=self._sampler)
        except KeyError:
            return self._create()
        if study.user_attrs.get(DEFINITION) == self._definition:
            return study
        optuna.delete_study(study_name=self._name, storage=self._storage)
        return self._create()

    def _create(self) -> optuna.Study:
        study = optuna.create_study(
            storage=self._storage,
            study_name=self._name,
            sampler=self._sampler,
            directions=[direction for _, direction in self._objectives],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names([name for name, _ in self._objectives])
        # Last, so that a study whose making was interrupted is made anew.
        study.set_user_attr(DEFINITION, self._definition)
        return study

    @property
    def _definition(self) -> dict[str, Any]:
        """What a stored study must agree with to be continued."""
        space = {name: distribution_to_json(one) for name, one in self._grid.distributions.items()}
        started = {"start": self._start} if self._start else {}  # studies of earlier releases stay as they are
        return {"objectives": [list(objective) for objective in self._objectives], "space": space, **started}

    def _add(self, row: Row, notes: Mapping[str, Any]) -> None:
        """Add a finished trial, with what its predecessor's strategy noted (a genetic one: the generation)."""
        attributes = {CANDIDATE: self._candidate_id(row.candidate)} | ({REASON: row.reason} if row.reason else {})
        trial = create_trial(
            state=TrialState.FAIL if row.reason else TrialState.COMPLETE,
            values=None if row.reason else list(row.values),
            params=self._grid.params(row.candidate),
            distributions=self._grid.distributions,
            user_attrs=attributes,
            system_attrs={key: note for key, note in notes.items() if not key.startswith("constraints")},
            constraints=dict(row.constraints),
        )
        self._study.add_trial(trial)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what a broken storage raises into an error that says what to do."""
        try:
            yield
        except (SQLAlchemyError, StorageInternalError) as error:
            cause = " ".join(str(getattr(error.__cause__ or error, "orig", None) or error).split())
            raise StoreError(f"{self._where}: the study cannot be used ({cause}); {_advice(cause)}") from error


def _opened(url: str) -> RDBStorage:
    waits = {"connect_args": {"timeout": BUSY_S}} if url.startswith("sqlite") else {}
    try:
        return RDBStorage(url, engine_kwargs=waits)
    except RuntimeError as error:  # how Optuna says that the tables are of another version
        raise StoreError(f"{url}: the study cannot be used ({error})") from error


def _agrees(trial: FrozenTrial, row: Row) -> bool:
    if row.reason:
        return trial.state is TrialState.FAIL
    return (
        trial.state is TrialState.COMPLETE
        and tuple(trial.values) == tuple(row.values)
        and trial.constraints == dict(row.constraints)
    )


def _advice(cause: str) -> str:
    for sign, advice in ADVICE.items():
        if sign in cause:
            return advice
    return ADVICE["malformed"]
