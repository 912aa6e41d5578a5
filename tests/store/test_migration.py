"""One file, its schema, and its neighbours in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
import sqlalchemy as sa

from autoedge.errors import StoreError
from autoedge.store.schema import METADATA
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement

    Make = Callable[..., Measurement]


def _set_version(path: Path, version: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE autoedge_version SET version_num = ?", [version])
    connection.commit()
    connection.close()


def test_a_fresh_file_has_the_newest_schema(store: Store) -> None:
    """Migrations lead to the tables that the code expects: same columns, types, keys, and the rule of identity."""
    inspector = sa.inspect(store._engine)
    for table in METADATA.sorted_tables:
        columns = {column["name"]: column for column in inspector.get_columns(table.name)}
        assert {name: (str(c["type"]), c["nullable"]) for name, c in columns.items()} == {
            column.name: (str(column.type), bool(column.nullable)) for column in table.columns
        }
        assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        wanted = {
            (c.name, tuple(col.name for col in c.columns))
            for c in table.constraints
            if isinstance(c, sa.UniqueConstraint)
        }
        found = inspector.get_unique_constraints(table.name)
        assert {(each["name"], tuple(each["column_names"])) for each in found} == wanted
    assert {name for name in inspector.get_table_names() if name.startswith("autoedge_")} == {
        *METADATA.tables,
        "autoedge_version",
    }


def test_opening_again_changes_nothing(store: Store, path: Path) -> None:
    """A store of the newest schema is opened and read without a byte written."""
    store.close()
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    again = Store(path)
    again.measurements()
    again.close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_newer_schema_is_refused(store: Store, path: Path) -> None:
    """A file of a later release is left as it is, and the message says what to update."""
    store.close()
    _set_version(path, "9999")
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=r"study\.db: was written by a newer AutoEdge \(schema 9999\); update AutoEdge"
    ):
        Store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", ["0000", "", "!"])
def test_a_schema_that_never_was_is_damage(store: Store, path: Path, version: str) -> None:
    """A version that no release wrote is told as a damaged file, not as a bug."""
    store.close()
    _set_version(path, version)
    with pytest.raises(StoreError, match=r"study\.db: .*keep a copy of the file"):
        Store(path)


_DIES = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
count = 0
@sa.event.listens_for(sa.Engine, "after_cursor_execute")
def die(*event):
    global count
    if event[2].lstrip().upper().startswith(("CREATE", "INSERT", "UPDATE")):
        count += 1
        if count == int(sys.argv[2]):
            os._exit(9)
from autoedge.store.store import Store
Store(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("statement", [1, 2, 8])
def test_a_process_killed_while_it_makes_the_tables_leaves_no_half(path: Path, statement: int) -> None:
    """Whatever the statement after which the first process dies, the next one opens the file."""
    died = subprocess.run([sys.executable, "-c", _DIES, str(path), str(statement)], check=False)
    assert died.returncode == 9
    store = Store(path)
    assert store.measurements() == []
    store.close()


def test_two_processes_may_make_the_tables_at_once(path: Path) -> None:
    """The second one waits for the first and finds its work done."""
    entered = False

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def meanwhile(*event: object) -> None:
        nonlocal entered
        if not entered and str(event[2]).startswith("BEGIN"):
            entered = True
            Store(path).close()

    try:
        store = Store(path)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", meanwhile)
    assert entered
    assert store.measurements() == []
    store.close()


@pytest.mark.parametrize("first", ["optuna", "store"])
def test_optuna_lives_in_the_same_file(path: Path, make: Make, candidate: Candidate, first: str) -> None:
    """Study and measurements share a file, whoever comes first, and neither touches the other's schema."""
    url = f"sqlite:///{path}"
    if first == "optuna":
        optuna.storages.RDBStorage(url).remove_session()
    store = Store(path)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=url, study_name="run", directions=["minimize", "maximize"])
    study.enqueue_trial({"x": 0.5})
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=2)
    assert store.add(make(), candidate)
    store.close()
    again = Store(path)
    assert again.measurements() == [make()]
    loaded = optuna.load_study(storage=url, study_name="run")
    first_trial, _ = loaded.trials
    assert first_trial.params == {"x": 0.5}
    again.close()
    for one in (study, loaded):
        one._storage.remove_session()
