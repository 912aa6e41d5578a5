"""What Optuna writes is committed together, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import InMemoryStorage, RDBStorage
from sqlalchemy import event

from autoedge.search.study import Board, Row
from autoedge.search.together import together

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def storage(tmp_path: Path) -> RDBStorage:
    """A SQLite file."""
    return RDBStorage(f"sqlite:///{tmp_path}/study.db")


def test_commits_do_not_grow_with_what_is_written(pool: Any, storage: RDBStorage) -> None:
    """However many knobs, constraints and stored results there are, they are committed at once."""
    board = Board(storage, "s", pool=pool, objectives=[("y", "minimize")], strategy="random")
    commits: list[Any] = []
    event.listen(storage.engine, "commit", commits.append)

    def writing(action: Any) -> int:
        before = len(commits)
        action()
        return len(commits) - before

    # Those that only read count too, and cost nothing.
    trials: list[Any] = []
    assert writing(lambda: trials.append(board.propose())) <= 6
    assert trials[0][0].params == board.study.trials[0].params
    assert writing(lambda: board.complete(trials[0][0], [1.0], {"a": -1.0, "b": 2.0})) == 1
    told = [Row(row, (float(row),)) for row in range(len(pool.codes)) if row != trials[0][1]]
    told.append(Row(trials[0][1], (1.0,), {"a": -1.0, "b": 2.0}))
    assert writing(lambda: board.sync(told)) <= 10
    assert board.free == 0


def test_what_fails_in_between_is_not_written(storage: RDBStorage) -> None:
    """An error undoes what was written since the context began, and later writes go on."""
    study = optuna.create_study(storage=storage, study_name="s")
    trial = study.ask()

    def half() -> None:
        with together(storage):
            trial.suggest_float("x", 0, 1)
            trial.set_user_attr("a", 1)
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        half()
    fresh = optuna.load_study(storage=RDBStorage(storage.url), study_name="s").trials[0]
    assert (fresh.params, fresh.user_attrs) == ({}, {})
    study.tell(trial, 1.0)
    assert optuna.load_study(storage=RDBStorage(storage.url), study_name="s").trials[0].value == 1.0


def test_others_read_while_it_is_open(storage: RDBStorage) -> None:
    """A dashboard sees the study as it was until the end, without waiting."""
    study = optuna.create_study(storage=storage, study_name="s")
    other = optuna.load_study(storage=RDBStorage(storage.url), study_name="s")
    with together(storage):
        study.set_user_attr("a", 1)
        assert other.user_attrs == {}
    assert other.user_attrs == {"a": 1}


def test_memory_is_left_as_it_is() -> None:
    """A storage without transactions is written at once."""
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="s")
    with together(storage):
        study.set_user_attr("a", 1)
        assert study.user_attrs == {"a": 1}
