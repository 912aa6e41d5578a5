"""The study of a run, as a projection of the measurement store."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from autoedge.errors import IntentError, StoreError
from autoedge.search.pool import Grid
from autoedge.search.repair import ABANDONED
from autoedge.search.study import Board, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OBJECTIVES = [("latency_p95_ms", "minimize"), ("accuracy", "maximize")]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a run keeps its study."""
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def open_board(url: str, pool: Any) -> Iterator[Callable[..., Board]]:
    """Opens boards on the same file, and closes them all."""
    boards = []

    def opened(**changed: Any) -> Board:
        wanted = {"pool": pool, "objectives": OBJECTIVES, "strategy": "random", "candidate_id": "c{}@local".format}
        boards.append(Board(url, "digits", **(wanted | changed)))
        return boards[-1]

    yield opened
    for board in boards:
        board.close()


def rows(count: int) -> list[Row]:
    """What a store may know: results, with and without constraints, and failures."""
    return [
        Row(number, reason="out of memory")
        if number % 5 == 4
        else Row(number, (1.0 + number / 3, 0.9 - number / 100), {"latency": number - 2.5} if number % 2 else {})
        for number in range(count)
    ]


def told(board: Board) -> list[Any]:
    """What the study says of each candidate that counts."""
    return [
        (trial.user_attrs["candidate_id"], trial.state.name, trial.values, trial.constraints)
        for trial in board.study.trials
        if ABANDONED not in trial.user_attrs
    ]


def test_the_study_says_what_the_store_says(open_board: Callable[..., Board]) -> None:
    """Results, constraints and failures arrive, in order, with names that people can read."""
    board = open_board()
    board.sync(rows(6))
    assert told(board) == [
        ("c0@local", "COMPLETE", [1.0, 0.9], {}),
        ("c1@local", "COMPLETE", [1 + 1 / 3, 0.89], {"latency": -1.5}),
        ("c2@local", "COMPLETE", [1 + 2 / 3, 0.88], {}),
        ("c3@local", "COMPLETE", [2.0, 0.87], {"latency": 0.5}),
        ("c4@local", "FAIL", None, {}),
        ("c5@local", "COMPLETE", [1 + 5 / 3, 0.85], {"latency": 2.5}),
    ]
    assert board.study.metric_names == ["latency_p95_ms", "accuracy"]
    assert board.study.trials[4].user_attrs["reason"] == "out of memory"
    assert board.free == 90


def test_syncing_again_changes_nothing(open_board: Callable[..., Board]) -> None:
    """What is there is neither doubled nor made anew, also after opening again, and new rows are added."""
    board = open_board()
    board.sync(rows(6))
    before = board.study.trials
    board.sync(rows(6))
    again = open_board()
    again.sync(rows(8))
    assert [trial.datetime_complete for trial in again.study.trials[:6]] == [
        trial.datetime_complete for trial in before
    ]
    assert len(again.study.trials) == 8


@pytest.mark.parametrize(
    "mended",
    [
        Row(1, (9.0, 0.5), {"latency": -1.5}),
        Row(1, (1 + 1 / 3, 0.89), {"latency": 7.0}),
        Row(1, (1 + 1 / 3, 0.89), {}),
        Row(1, reason="crashed"),
        Row(4, (9.0, 0.5)),
    ],
    ids=["value", "limit", "constraint gone", "failed now", "works now"],
)
def test_what_contradicts_the_store_is_mended(open_board: Callable[..., Board], mended: Row) -> None:
    """A changed value, constraint or outcome in the store wins."""
    board = open_board()
    board.sync(rows(6))
    board.sync([*rows(6), mended])
    found = {name: rest for name, *rest in told(board)}
    state = "FAIL" if mended.reason else "COMPLETE"
    assert len(found) == len(told(board)) == 6
    assert found[f"c{mended.candidate}@local"] == [state, list(mended.values) or None, dict(mended.constraints)]


def test_trials_the_store_does_not_know_go(open_board: Callable[..., Board]) -> None:
    """A candidate whose rows are gone can be proposed again."""
    board = open_board()
    board.sync(rows(6))
    board.sync(rows(3))
    assert [name for name, *_ in told(board)] == ["c0@local", "c1@local", "c2@local"]
    assert board.free == 93


@pytest.mark.parametrize("changed", ["objectives", "pool"])
def test_another_question_begins_the_study_anew(
    open_board: Callable[..., Board], make_pool: Callable[..., Any], changed: Any
) -> None:
    """With other objectives or another pool nothing of the old study is left, and the store fills it again."""
    board = open_board()
    board.sync(rows(6))
    board.close()
    if changed == "objectives":
        again = open_board(objectives=[("size_mib", "minimize")])
    else:
        again = open_board(pool=make_pool({"model": ("a", "b"), "batch": (1, 2, 4)}))
    assert again.study.trials == []
    again.sync([Row(0, (3.0,) if changed == "objectives" else (3.0, 0.5))])
    assert len(again.study.trials) == 1


def test_proposals_are_distinct_and_new(open_board: Callable[..., Board], make_pool: Callable[..., Any]) -> None:
    """Of what the store knows nothing is proposed, and no two proposals are the same, whatever becomes of them."""
    board = open_board(strategy="tpe", pool=make_pool({"model": ("a", "b", "c"), "batch": (1, 2, 4, 8)}))
    board.sync(rows(4))
    seen = set(range(4))
    for step in range(8):
        trial, candidate = board.propose()
        assert candidate not in seen
        seen.add(candidate)
        if step % 3 == 0:
            board.complete(trial, (1.0, 0.5), {"latency": -1.0})
        elif step % 3 == 1:
            board.fail(trial, "no reason")
    assert board.free == 0
    assert board.propose() is None


@pytest.mark.parametrize("strategy", ["surrogate", "tpe", "nsga2", "random", "exhaustive"])
def test_proposals_can_be_kept_to_some_candidates(open_board: Callable[..., Board], pool: Any, strategy: str) -> None:
    """Proposals among some rows stay among them until these are all pending, whatever the strategy."""
    board = open_board(strategy=strategy)
    board.sync([row for row in rows(24) if row.candidate % 3])
    among = np.zeros(len(pool.codes), dtype=bool)
    among[[0, 3, 50, 51, 70]] = True
    found = []
    while (proposal := board.propose(among)) is not None:
        found.append(proposal[1])
    assert sorted(found) == [0, 3, 50, 51, 70]
    assert board.free > 0
    assert board.propose()[1] not in found
    assert board.propose(~among)[1] not in found


def test_an_abandoned_proposal_can_come_again(open_board: Callable[..., Board]) -> None:
    """Giving up is neither a measurement nor a failure."""
    board = open_board(strategy="exhaustive")
    trial, candidate = board.propose()
    board.abandon(trial)
    assert board.propose()[1] == candidate
    assert board.free == 95


def test_what_is_told_is_what_sync_would_make(open_board: Callable[..., Board]) -> None:
    """A proposal told live needs no mending when the store says the same at the next start."""
    board = open_board(strategy="exhaustive")
    for row in rows(6):
        trial, candidate = board.propose()
        assert candidate == row.candidate
        if row.reason:
            board.fail(trial, row.reason)
        else:
            board.complete(trial, row.values, row.constraints)
    ids = [trial._trial_id for trial in board.study.trials]
    again = open_board()
    again.sync(rows(6))
    assert [trial._trial_id for trial in again.study.trials] == ids


def test_trials_of_a_killed_process_are_given_up(open_board: Callable[..., Board]) -> None:
    """What was running when the process died is free again and says nothing of its candidate."""
    board = open_board(strategy="exhaustive")
    board.sync(rows(2))
    _, candidate = board.propose()
    board.close()
    again = open_board(strategy="exhaustive")
    again.sync(rows(2))
    assert again.study.get_trials(states=[TrialState.RUNNING]) == []
    assert len(told(again)) == 2
    assert again.propose()[1] == candidate


def test_a_killed_rebuild_is_finished_at_the_next_start(open_board: Callable[..., Board]) -> None:
    """A study of which only a part was made is completed."""
    board = open_board()
    board.sync(rows(6))
    board.sync([Row(0, (5.0, 0.1)), *rows(6)[1:3]])
    board.close()
    again = open_board()
    again.sync([Row(0, (5.0, 0.1)), *rows(6)[1:]])
    assert len(told(again)) == 6


def test_a_genetic_strategy_keeps_its_generations(open_board: Callable[..., Board]) -> None:
    """Mending one row does not throw the population away."""
    board = open_board(strategy="nsga2")
    for _ in range(20):
        trial, candidate = board.propose()
        board.complete(trial, (float(candidate), 0.5))
    known = [Row(Grid(board._grid.pool).find(trial.params), tuple(trial.values)) for trial in board.study.trials]
    board.sync([Row(known[0].candidate, (7.0, 0.7)), *known[1:]])
    generations = [trial.system_attrs.get("NSGAIISampler:generation") for trial in board.study.trials]
    assert generations == [0] * 16 + [1] * 4


def test_the_surrogate_learns_from_the_store(open_board: Callable[..., Board], pool: Any) -> None:
    """The first proposal after a sync is the best that the rows suggest; pending, it is not proposed again."""
    board = open_board(strategy="surrogate", objectives=[("cost", "minimize")])
    grid = Grid(pool)
    cost = (grid.units[:, 2:] ** 2).sum(axis=1) + (grid.units[:, 0] != 1)
    chosen = np.random.default_rng(0).choice(len(grid), 30, replace=False)
    board.sync([Row(int(row), (float(cost[row]),)) for row in chosen])
    proposed = [board.propose()[1] for _ in range(4)]
    left = np.setdiff1d(np.arange(len(grid)), chosen)
    assert cost[proposed[0]] == min(cost[left])
    assert len(set(proposed)) == len(proposed)


def test_other_tables_of_the_file_are_left_alone(open_board: Callable[..., Board], url: str) -> None:
    """The measurement store lives in the same file."""
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE autoedge_rows (id INTEGER)"))
        connection.execute(sqlalchemy.text("INSERT INTO autoedge_rows VALUES (7)"))
    board = open_board()
    board.sync(rows(6))
    board.sync(rows(2))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT id FROM autoedge_rows")).scalar() == 7
    engine.dispose()


def test_an_optuna_storage_is_taken_as_it_is(pool: Any) -> None:
    """A study may live in memory."""
    board = Board(optuna.storages.InMemoryStorage(), "quick", pool=pool, objectives=OBJECTIVES)
    trial, _ = board.propose()
    board.complete(trial, (1.0, 0.5))
    board.close()
    assert len(board.study.trials) == 1


def test_a_corrupt_file_says_what_to_do(tmp_path: Path, open_board: Callable[..., Board]) -> None:
    """A file that is no database is a StoreError that names it and a way out."""
    (tmp_path / "study.db").write_bytes(os.urandom(4096))
    with pytest.raises(StoreError, match=r"study\.db: .*file is not a database.*recover"):
        open_board()


def test_a_file_damaged_later_says_what_to_do(tmp_path: Path, open_board: Callable[..., Board]) -> None:
    """Damage inside is noticed when it is met, with the same advice."""
    board = open_board()
    board.sync(rows(6))
    board.close()
    path = tmp_path / "study.db"
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(bytes(content))
    with pytest.raises(StoreError, match=r"study\.db: .*recover"):
        open_board().sync(rows(6))


def test_a_missing_folder_says_what_to_do(pool: Any, tmp_path: Path) -> None:
    """No folder, no study: the advice says so."""
    with pytest.raises(StoreError, match="folder is there and writable"):
        Board(f"sqlite:///{tmp_path / 'nowhere' / 'study.db'}", "x", pool=pool, objectives=OBJECTIVES)


def test_a_locked_file_says_what_to_do(
    tmp_path: Path, open_board: Callable[..., Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program that holds the file is named as the cause."""
    monkeypatch.setattr("autoedge.search.study.BUSY_S", 0.05)
    board = open_board()
    holder = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="end the other program"):
        board.propose()
    holder.close()
    assert board.propose() is not None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"values": (1.0,), "reason": "both"},
        {"values": (float("nan"),)},
        {"values": (1.0,), "constraints": {"a": float("inf")}},
    ],
    ids=["neither", "both", "nan", "inf"],
)
def test_a_row_makes_sense(broken: dict[str, Any]) -> None:
    """A row has finite values or a reason."""
    with pytest.raises(ValueError, match=r"a row has|are finite"):
        Row(0, **broken)


def test_an_unknown_strategy_touches_no_file(tmp_path: Path, open_board: Callable[..., Board]) -> None:
    """A strategy that does not exist is refused before anything is written."""
    with pytest.raises(IntentError, match=r"search\.strategy"):
        open_board(strategy="magic")
    assert list(tmp_path.iterdir()) == []


def test_another_start_begins_the_study_anew(open_board: Callable[..., Board]) -> None:
    """A study goes on where the strategy starts from the same, and is made from the store again where it does not."""
    board = open_board(start="of one surrogate")
    board.sync(rows(3))
    pending = board.propose()
    assert pending is not None
    board.complete(pending[0], (1.0, 0.5))
    board.close()
    same = open_board(start="of one surrogate")
    assert len(same.study.trials) == 4
    same.close()
    other = open_board(start="of another")
    assert other.study.trials == []
    other.close()
    assert open_board().study.trials == []
