"""``study.db`` of a run in Optuna's dashboard, started as its page says."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.measurement import Phase
from autoedge.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(sysconfig.get_path("scripts")) / "optuna-dashboard"


@contextmanager
def _dashboard(database: Path) -> Iterator[int]:
    """The port on which a dashboard that has the file open answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    words = [str(PROGRAM), f"sqlite:///{database}", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not _answers(port):
                time.sleep(0.2)
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            yield port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return bool(_text(port, "/api/studies"))
    except OSError:
        return False


def _text(port: int, path: str) -> str:
    connection = HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read().decode()
        assert answer.status == HTTPStatus.OK, content
        return content
    finally:
        connection.close()


def _get(port: int, path: str) -> Any:
    return json.loads(_text(port, path))


def _content(database: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in sorted(names)}  # noqa: S608


@pytest.mark.timeout(900)
def test_the_study_of_a_run(place: Path, write_intent: Callable[..., Path], autoedge: Any) -> None:
    """The dashboard shows the run's study with its name, objectives and trials, changes no row, and the run goes on."""
    done = autoedge("select", "--intent", write_intent(), "--out", "run")
    assert done.returncode in {0, 1, 4}, done.stderr
    database = place / "run" / "study.db"
    store = Store(database)
    measured = store.measurements()
    searched = {row.candidate_id: row for row in measured if row.phase is Phase.SEARCH}
    explored = {row.candidate_id for row in measured if row.phase is Phase.BASELINE} | searched.keys()
    before = _content(database)
    with _dashboard(database) as port:
        (study,) = _get(port, "/api/studies")["study_summaries"]
        assert study["study_name"] == "small"
        assert study["directions"] == ["minimize", "maximize"]
        detail = _get(port, f"/api/studies/{study['study_id']}")
        assert detail["objective_names"] == ["latency_p50_ms", "accuracy"]
        trials = {_candidate(trial): trial for trial in detail["trials"]}
        assert len(trials) == len(detail["trials"])
        assert searched.keys() <= trials.keys() <= explored
        for name, row in searched.items():
            if row.ok:
                figures = [row.metrics[key].value for key in detail["objective_names"]]
                assert trials[name]["values"] == pytest.approx(figures)
                assert trials[name]["state"] == "Complete"
        _asks_nobody_else(port)
    assert _content(database) == before
    store.close()
    done = autoedge("select", "--intent", write_intent(budget="{measurements: 45}"), "--out", "run")
    assert done.returncode in {0, 1, 4}, done.stderr
    store = Store(database)
    assert len(store.measurements()) > len(measured)
    store.close()


@pytest.mark.timeout(900)
def test_open_while_the_run_goes_on(place: Path, write_intent: Callable[..., Path], autoedge: Any) -> None:
    """A dashboard that has the study open, and is asked for it, does not keep a run from going on."""
    intent = write_intent(budget="{measurements: 20}")
    assert autoedge("select", "--intent", intent, "--out", "run").returncode in {0, 1, 4}
    with _dashboard(place / "run" / "study.db") as port:
        (study,) = _get(port, "/api/studies")["study_summaries"]
        first = len(_get(port, f"/api/studies/{study['study_id']}")["trials"])
        intent = write_intent(budget="{measurements: 40}")
        done = autoedge("select", "--intent", intent, "--out", "run")
        assert done.returncode in {0, 1, 4}, done.stderr
        (study,) = _get(port, "/api/studies")["study_summaries"]
        assert len(_get(port, f"/api/studies/{study['study_id']}")["trials"]) > first


def _candidate(trial: dict[str, Any]) -> str:
    (value,) = [one["value"] for one in trial["user_attrs"] if one["key"] == "candidate_id"]
    return str(value).strip('"')


def _asks_nobody_else(port: int) -> None:
    """The page loads what it needs from the dashboard itself."""
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", _text(port, "/dashboard"))
    assert loaded
    assert all(one.startswith("/") and not one.startswith("//") for one in loaded)
