"""Damage, locks, full disks and sudden death: a clear message, and nothing lost that was stored."""

from __future__ import annotations

import itertools
import pickle
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoedge.errors import StoreError
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement

    Disk = Callable[[str], Path]
    Make = Callable[..., Measurement]

RESCUE = r"study\.db: .*keep a copy of the file, then delete it .* or rescue its rows with"
PAGE = 4096


@pytest.fixture
def filled(store: Store, path: Path, make: Make, candidate: Candidate) -> Path:
    """A closed store with twenty rows."""
    for replicate in range(20):
        store.add(make(replicate=replicate, details={"fill": "x" * 300}), candidate)
    store.close()
    return path


def _read_all(path: Path) -> list[Measurement]:
    store = Store(path)
    try:
        store.candidates()
        store.sessions()
        return store.measurements()
    finally:
        store.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 400, b"SQLite format 3\0" + bytes(5000), b"\xff" * 8192]
)
def test_another_file_is_no_store(path: Path, content: bytes) -> None:
    """A file that is no database is refused with what to do, and left as it is."""
    path.write_bytes(content)
    with pytest.raises(StoreError, match=RESCUE):
        Store(path)
    assert path.read_bytes() == content


def test_a_truncated_file_is_damage(filled: Path) -> None:
    """A store that lost its second half is refused with what to do."""
    filled.write_bytes(filled.read_bytes()[: filled.stat().st_size // 2 // PAGE * PAGE])
    with pytest.raises(StoreError, match=RESCUE):
        _read_all(filled)


def test_no_page_can_be_overwritten_unseen(filled: Path) -> None:
    """Whatever page is overwritten with noise, opening or reading says that the file is damaged."""
    intact = filled.read_bytes()
    noise = np.random.default_rng(0).bytes(PAGE)
    for start in range(0, len(intact), PAGE):
        filled.write_bytes(intact[:start] + noise + intact[start + PAGE :])
        with pytest.raises(StoreError, match=RESCUE):
            _read_all(filled)


def test_flipped_bytes_never_look_like_a_bug(filled: Path, make: Make) -> None:
    """A few wrong bytes anywhere give a message or, inside free text or numbers, another value; never a traceback."""
    intact = filled.read_bytes()
    generator = np.random.default_rng(1)
    refused = 0
    for _ in range(40):
        broken = bytearray(intact)
        start = int(generator.integers(0, len(intact) - 4))
        broken[start : start + 4] = generator.bytes(4)
        filled.write_bytes(broken)
        try:
            _read_all(filled)
        except StoreError:
            refused += 1
    assert refused > 0
    filled.write_bytes(intact)
    assert _read_all(filled)[7] == make(replicate=7, details={"fill": "x" * 300})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE autoedge_value SET low = value + 1",
        "UPDATE autoedge_value SET source = 'guessed'",
        "UPDATE autoedge_value SET value = 'many'",
        "UPDATE autoedge_measurement SET phase = 'later'",
        "UPDATE autoedge_measurement SET status = ''",
        "UPDATE autoedge_measurement SET details = '{\"a\": '",
        "UPDATE autoedge_measurement SET flags = '3'",
        "UPDATE autoedge_candidate SET configuration = '[]'",
        "UPDATE autoedge_candidate SET configuration = '{}'",
    ],
)
def test_rows_that_make_no_sense_are_damage(filled: Path, statement: str) -> None:
    """A row that no release wrote is told as damage, with what to do."""
    connection = sqlite3.connect(filled)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=RESCUE):
        _read_all(filled)


def test_a_locked_store_says_so(
    store: Store, path: Path, make: Make, candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes for longer than our patience, the message says to wait; afterwards all is well."""
    store.close()
    monkeypatch.setattr("autoedge.store.store._BUSY_S", 0.05)
    impatient, other = Store(path), sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    for attempt in (
        lambda: impatient.add(make(), candidate),
        lambda: impatient.set_fact("key", 1),
        impatient.begin_session,
        lambda: Store(path),
    ):
        with pytest.raises(StoreError, match=r"study\.db: database is locked; another process is writing to it; wait"):
            attempt()
    other.rollback()
    other.close()
    assert impatient.add(make(), candidate)
    impatient.close()


def _add_for_ever(store: Store, make: Make, candidate: Candidate, replicates: Iterator[int]) -> None:
    for replicate in replicates:
        assert store.add(make(replicate=replicate, details={"fill": "x" * 3000}), candidate)


def test_a_full_disk_loses_nothing_that_was_stored(disk: Disk, make: Make, candidate: Candidate) -> None:
    """When the disk fills up, add says so, earlier rows are intact, and with space again it goes on."""
    folder = disk("size=256k")
    path, ballast = folder / "study.db", folder / "ballast"
    ballast.write_bytes(bytes(64 * 1024))
    store, rows = Store(path), itertools.count()
    with pytest.raises(StoreError, match="full; free some space and run the same command again"):
        _add_for_ever(store, make, candidate, rows)
    stored = next(rows) - 1
    assert stored > 5
    assert [row.replicate for row in store.measurements()] == list(range(stored))
    store.close()
    assert [row.replicate for row in _read_all(path)] == list(range(stored))
    ballast.unlink()
    store = Store(path)
    assert store.add(make(replicate=stored), candidate)
    store.close()


def test_a_disk_that_is_full_from_the_start_says_so(disk: Disk) -> None:
    """Not even the tables fit: the message says what to do, and space makes it work."""
    folder = disk("size=256k")
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(240 * 1024))
    with pytest.raises(StoreError, match="full; free some space and run the same command again"):
        Store(folder / "study.db")
    ballast.unlink()
    Store(folder / "study.db").close()


def test_a_folder_that_cannot_be_written_says_so(disk: Disk, make: Make, candidate: Candidate) -> None:
    """A store on a file system made read-only can be read; writing says to name another folder."""
    folder = disk("size=1m")
    path = folder / "study.db"
    store = Store(path)
    store.add(make(), candidate)
    store.close()
    disk("remount,ro")
    assert _read_all(path) == [make()]
    store = Store(path)
    for attempt in (lambda: store.add(make(replicate=1), candidate), lambda: Store(folder / "other.db")):
        with pytest.raises(StoreError, match="make the folder writable, or name another with --out"):
            attempt()
    store.close()


@pytest.mark.parametrize("place", ["missing/study.db", "."])
def test_a_place_where_no_file_can_be_says_so(tmp_path: Path, place: str) -> None:
    """A missing folder, or a folder in place of the file, is told as such."""
    with pytest.raises(StoreError, match="unable to open database file; make the folder writable"):
        Store(tmp_path / place)


_ADDS = """
import os, pickle, sys, signal
from pathlib import Path
from autoedge.store.store import Store
measurement, candidate = pickle.loads(sys.stdin.buffer.read())
store = Store(Path(sys.argv[1]))
assert store.add(measurement, candidate)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_add_returned_for_survives_sudden_death(path: Path, make: Make, candidate: Candidate) -> None:
    """A process killed the moment add returns has stored its row; synchronous writing is on."""
    died = subprocess.run(
        [sys.executable, "-c", _ADDS, str(path)], input=pickle.dumps((make(), candidate)), check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert _read_all(path) == [make()]
    store = Store(path)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()


_ADDS_TWENTY = """
import pickle, sys
from dataclasses import replace
from pathlib import Path
from autoedge.store.store import Store
size = int.from_bytes(sys.stdin.buffer.read(4), "big")
measurement, candidate = pickle.loads(sys.stdin.buffer.read(size))
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.buffer.read(1)
print(sum(store.add(replace(measurement, replicate=n), candidate) for n in range(20)))
"""


def test_two_processes_at_once_count_nothing_twice(path: Path, make: Make, candidate: Candidate) -> None:
    """Two processes that store the same twenty rows at once store twenty in all."""
    load = pickle.dumps((make(), candidate))
    workers = [
        subprocess.Popen([sys.executable, "-c", _ADDS_TWENTY, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(len(load).to_bytes(4, "big") + load)
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
    stored = [int(worker.communicate(b"!")[0]) for worker in workers]
    assert sum(stored) == 20
    assert sorted(row.replicate for row in _read_all(path)) == list(range(20))
