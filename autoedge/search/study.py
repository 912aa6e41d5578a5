"""The Optuna study of a run: a projection of what the measurement store knows, from which strategies propose."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.exceptions import OptunaError, StorageInternalError
from optuna.trial import Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from autoedge.errors import SpaceError, StoreError
from autoedge.search.pool import Grid
from autoedge.search.strategies import make_sampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from autoedge.search.pool import Pool

_CANDIDATE = "candidate_id"
_MEANING = "meaning"
_REASON = "reason"


@dataclass(frozen=True)
class Row:
    """What the store knows of one candidate.

    Attributes:
        index: Its row in the pool.
        candidate_id: Its name.
        values: One for each objective; None when it failed.
        constraints: Kept up to zero, by name.
        reason: Why it failed.
    """

    index: int
    candidate_id: str
    values: Sequence[float] | None
    constraints: Mapping[str, float]
    reason: str = ""


class Board:
    """Where strategies learn and propose, and what Optuna's dashboard shows.

    Strategies work on a study in memory, so that asking costs no disk; each finished trial is written to the study in
    the run's database in one transaction. At the start both are made from what the store knows; the stored study is
    made anew when its objectives or limits have changed their meaning.

    Args:
        url: SQLAlchemy URL of the database.
        name: Of the study.
        pool: The candidates.
        objectives: Names with ``minimize`` or ``maximize``.
        strategy: Name of the strategy.
        seed: Of everything random.
        meaning: Changes whenever stored values or constraints would mean something else.

    Raises:
        StoreError: The database cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool: Pool,
        objectives: Sequence[tuple[str, str]],
        strategy: str,
        seed: int,
        meaning: str,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._grid = Grid(pool)
        self._pending: dict[int, Trial] = {}
        directions = [direction for _, direction in objectives]
        with _told():
            self._stored = _stored_study(url, name, directions, meaning)
            self._stored.set_metric_names([metric for metric, _ in objectives])
            known = self._stored.get_trials(deepcopy=False)
        self._known: dict[str, FrozenTrial] = {
            trial.user_attrs[_CANDIDATE]: trial for trial in known if _CANDIDATE in trial.user_attrs
        }
        # A strategy that starts again must not repeat what it drew before.
        sampler = make_sampler(strategy, pool=self._grid, seed=seed + len(known))
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        for trial in self._known.values():
            self._study.add_trial(trial)

    def learn(self, rows: Sequence[Row]) -> None:
        """Take in what the store knows; what is known already stays as it is.

        Raises:
            StoreError: The database cannot be used.
        """
        for row in rows:
            if row.candidate_id in self._known:
                continue
            trial = self._pending.pop(row.index, None)
            finished = self._finished(trial, row) if trial is not None else self._made(row)
            self._known[row.candidate_id] = finished
            with _told():
                self._stored.add_trial(finished)

    def propose(self) -> int | None:
        """The row of a candidate that is neither measured nor pending; None when there is none left."""
        try:
            trial = self._study.ask(self._grid.distributions)
        except SpaceError:
            return None
        index = self._grid.find(trial.params)
        if index is None:
            raise SpaceError(f"a strategy proposed what is no candidate: {trial.params}")
        self._pending[index] = trial
        return index

    def _finished(self, trial: Trial, row: Row) -> FrozenTrial:
        trial.set_user_attr(_CANDIDATE, row.candidate_id)
        for name, value in row.constraints.items():
            trial.set_constraint(name, value)
        if row.values is None:
            trial.set_user_attr(_REASON, row.reason)
            return self._study.tell(trial, state=TrialState.FAIL)
        return self._study.tell(trial, list(row.values))

    def _made(self, row: Row) -> FrozenTrial:
        """A trial for a candidate that no strategy proposed: a baseline, or one from an earlier start."""
        failed = row.values is None
        trial = create_trial(
            state=TrialState.FAIL if failed else TrialState.COMPLETE,
            values=None if row.values is None else list(row.values),
            params=self._grid.params(row.index),
            distributions=self._grid.distributions,
            user_attrs={_CANDIDATE: row.candidate_id, **({_REASON: row.reason} if failed else {})},
            constraints=None if failed else dict(row.constraints),
        )
        self._study.add_trial(trial)
        return trial


def _stored_study(url: str, name: str, directions: Sequence[str], meaning: str) -> Study:
    storage = optuna.storages.RDBStorage(url)
    if name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        if study.user_attrs.get(_MEANING) == meaning:
            return study
        optuna.delete_study(study_name=name, storage=storage)
    study = optuna.create_study(storage=storage, study_name=name, directions=list(directions))
    study.set_user_attr(_MEANING, meaning)
    return study


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StorageInternalError as error:
        cause = str(error.__cause__ or error)
        raise StoreError(f"the study cannot be stored: {cause}; free some space and run the same command") from error
    except (SQLAlchemyError, OptunaError) as error:
        raise StoreError(f"the study in the run's database cannot be used: {error}") from error
