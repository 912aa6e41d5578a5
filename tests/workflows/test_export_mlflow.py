"""``export mlflow``: a finished run in a real tracking store, read back through MLflow's own client."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import StoreError
from autoedge.store.store import Store
from autoedge.workflows.export_mlflow import export_mlflow
from autoedge_cli.main import run as command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlflow import MlflowClient

# MLflow's own: its tables use what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
FILES = {"report.html", "report.md", "front.csv", "front.json", "verdict.json", "intent.resolved.yaml"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, furnish: Callable[[Path], Path], intent_in: Any) -> Path:
    """A finished run, which tests copy before they change it."""
    folder = furnish(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "TARGETS", "POWER_MODELS"):
            patch.setenv(f"AUTOEDGE_{name}", str(folder / name.lower()))
        assert command(["select", "--intent", str(intent_in(folder)), "--out", str(folder / "run")]) in {0, 1, 4}
    return folder / "run"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, where MLflow puts its artifacts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store without a run: MLflow takes seconds to make its tables."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("blank") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}")
    return file


@pytest.fixture
def uri(here: Path, blank: Path) -> str:
    """A tracking store in SQLite."""
    return f"sqlite:///{shutil.copy(blank, here)}"


@pytest.fixture
def own(finished: Path, here: Path) -> Path:
    """The finished run, for a test to change."""
    return shutil.copytree(finished, here / "run")


@pytest.fixture
def client(uri: str) -> Iterator[MlflowClient]:
    """MLflow's own client."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _runs(client: MlflowClient, experiment: str = "autoedge") -> list[Any]:
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id])) if found else []


def _expected(row: dict[str, Any]) -> dict[str, float]:
    figures = {}
    for key, value in row["metrics"].items():
        name = f"{key}_estimated" if value["source"] == "estimated" else key
        figures |= {name: value["value"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
    return figures


def test_the_decision_is_logged(finished: Path, uri: str, client: MlflowClient) -> None:
    """Configuration, figures with intervals, sources and verdict of the chosen candidate are those of the run."""
    document = export_mlflow(finished, uri)
    verdict = _json(finished / "verdict.json")
    chosen = verdict["chosen"]
    run = client.get_run(document["run_id"])
    made = chosen["configuration"]
    levels = {"target": "local", "model": made["model"], "runtime": made["runtime"], **made["recipe"], **made["knobs"]}
    assert run.data.params == {name: str(level) for name, level in levels.items()}
    assert run.data.metrics == pytest.approx(_expected(chosen))
    assert run.data.tags["autoedge.outcome"] == verdict["outcome"]
    assert run.data.tags["autoedge.constraint.1"].startswith("accuracy >= 90 %: met")
    for key, value in chosen["metrics"].items():
        assert run.data.tags[f"autoedge.source.{key}"] == value["source"]
    assert (run.info.run_name, run.info.status) == ("small", "FINISHED")
    assert run.info.end_time > run.info.start_time


def test_estimates_have_names_of_their_own(finished: Path, uri: str, client: MlflowClient) -> None:
    """No metric that bears a measured one's name holds an estimate."""
    export_mlflow(finished, uri)
    for run in _runs(client):
        sources = {k: v for k, v in run.data.tags.items() if k.startswith("autoedge.source.")}
        estimated = {k.removeprefix("autoedge.source.") for k, source in sources.items() if source == "estimated"}
        assert "energy_mj" in estimated
        assert not estimated & set(run.data.metrics)
        assert {f"{key}_estimated" for key in estimated} <= set(run.data.metrics)


def test_files_are_artifacts(finished: Path, uri: str, client: MlflowClient, here: Path) -> None:
    """Report, front, verdict, intent and the whole bundle can be fetched from MLflow, byte by byte."""
    document = export_mlflow(finished, uri)
    assert set(document["artifacts"]) == {*FILES, "bundle"}
    fetched = here / "fetched"
    fetched.mkdir()
    shutil.copytree(client.get_run(document["run_id"]).info.artifact_uri, fetched, dirs_exist_ok=True)
    for file in (finished / name for name in FILES):
        assert (fetched / file.name).read_bytes() == file.read_bytes()
    inside = {path.relative_to(finished) for path in (finished / "bundle").rglob("*") if path.is_file()}
    assert {path.relative_to(fetched) for path in (fetched / "bundle").rglob("*") if path.is_file()} == inside
    assert all((fetched / path).read_bytes() == (finished / path).read_bytes() for path in inside)


def test_the_front_is_nested(finished: Path, uri: str, client: MlflowClient) -> None:
    """Each candidate of front.json is a run nested in the whole, with its own configuration and figures."""
    document = export_mlflow(finished, uri, "boards")
    rows = {row["candidate_id"]: row for row in _json(finished / "front.json")["rows"]}
    assert document["candidates"].keys() == rows.keys()
    for name, run_id in document["candidates"].items():
        run = client.get_run(run_id)
        assert run.data.tags["mlflow.parentRunId"] == document["run_id"]
        assert run.data.metrics == pytest.approx(_expected(rows[name]))
        assert run.data.params["batch"] == str(rows[name]["configuration"]["knobs"]["batch"])
        assert run.data.tags["autoedge.front"] == str(rows[name]["front"]).lower()
    assert len(_runs(client, "boards")) == len(rows) + 1


def test_twice_is_once(own: Path, uri: str, client: MlflowClient, here: Path) -> None:
    """Exported again, from wherever the folder lies then, the same runs are brought up to date and none is doubled."""
    first = export_mlflow(own, uri)
    moved = own.rename(here / "moved")
    again = export_mlflow(moved, uri)
    assert (first["new"], again["new"]) == (True, False)
    assert (again["run_id"], again["candidates"]) == (first["run_id"], first["candidates"])
    assert len(_runs(client)) == 1 + len(first["candidates"])
    for run in _runs(client):
        assert all(len(client.get_metric_history(run.info.run_id, key)) == 1 for key in run.data.metrics)
    front = _json(moved / "front.json")
    gone = front["rows"].pop()
    (moved / "front.json").write_text(json.dumps(front))
    (moved / "report.md").write_text("another report")
    export_mlflow(moved, uri)
    left = {run.data.tags["autoedge.candidate_id"] for run in _runs(client) if "mlflow.parentRunId" in run.data.tags}
    assert left == first["candidates"].keys() - {gone["candidate_id"]}
    logged = Path(client.get_run(first["run_id"]).info.artifact_uri) / "report.md"
    assert logged.read_text() == "another report"


def test_decided_anew_is_another(own: Path, uri: str, client: MlflowClient) -> None:
    """What other rounds decided is another MLflow run, and the earlier one stays as it was."""
    first = export_mlflow(own, uri)
    store = Store(own / "study.db")
    store.set_fact("decided by", "another")
    store.close()
    again = export_mlflow(own, uri)
    assert again["run_id"] != first["run_id"]
    assert client.get_run(first["run_id"]).info.lifecycle_stage == "active"
    assert len(_runs(client)) == 2 * (1 + len(first["candidates"]))


def test_text_from_outside(own: Path, uri: str, client: MlflowClient) -> None:
    """Names with control characters, and long ones, are logged spelled out and cut."""
    verdict = _json(own / "verdict.json")
    verdict["chosen"]["configuration"]["model"] = "\x1b[31m\n" + "x" * 20_000
    (own / "verdict.json").write_text(json.dumps(verdict))
    document = export_mlflow(own, uri)
    model = client.get_run(document["run_id"]).data.params["model"]
    assert model.startswith(r"\x1b[31m\nxxx")
    assert len(model) == 4000


_DEAF = """
    import socket, sys
    def refuse(*_): raise AssertionError("something talks to the network")
    socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
    from autoedge_cli.main import run
    code = run(sys.argv[1:])
    from mlflow.telemetry import get_telemetry_client
    assert get_telemetry_client() is None
    sys.exit(code)
"""


def test_nothing_is_sent(finished: Path, uri: str, here: Path) -> None:
    """No connection is made but to the tracking store, and MLflow's telemetry is off, wherever the command runs."""
    services = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "PYTEST_CURRENT_TEST", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")
    environment = {name: value for name, value in os.environ.items() if name not in services}
    code = "\n".join(line.removeprefix("    ") for line in _DEAF.splitlines())
    words = ["export", "mlflow", str(finished), "--tracking-uri", uri]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment, cwd=here, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "logged as MLflow run" in done.stdout
    assert done.stderr == ""


def test_a_server_that_is_not_there(
    finished: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that refuses or never answers ends the command with 5 and one line without the password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        ports = [one.getsockname()[1] for one in (silent, closed)]
        closed.close()
        for port in ports:
            assert (
                command(["export", "mlflow", str(finished), "--tracking-uri", f"http://me:secret@127.0.0.1:{port}"])
                == 5
            )
            told = capfd.readouterr().err
            assert told.startswith(f"autoedge: MLflow at http://me:***@127.0.0.1:{port} cannot be used (")
            assert told.count("\n") == 1
            assert "secret" not in told


@pytest.mark.parametrize("bad", ["nonsense://x", "postgresql://me:secret@127.0.0.1/x", "sqlite:////proc/no/such/x.db"])
def test_a_store_that_cannot_be(finished: Path, bad: str) -> None:
    """A kind of store that MLflow does not know, whose driver is missing or that cannot be made is one sentence."""
    with pytest.raises(StoreError, match="cannot be used") as caught:
        export_mlflow(finished, bad)
    assert "secret" not in str(caught.value)


def test_without_the_package(finished: Path, here: Path) -> None:
    """Where MLflow is not installed the command says what installs it, and ends with 2."""
    code = "import sys; sys.modules['mlflow'] = None; from autoedge_cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "export", "mlflow", str(finished)],
        capture_output=True,
        text=True,
        cwd=here,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "autoedge: MLflow is not installed: pip install 'autoedge[mlflow]'\n"


def test_what_is_no_finished_run(own: Path, uri: str, client: MlflowClient) -> None:
    """A folder without a verdict or without its front is refused, and nothing is logged."""
    (own / "front.json").unlink()
    with pytest.raises(StoreError, match="`autoedge report"):
        export_mlflow(own, uri)
    (own / "verdict.json").unlink()
    with pytest.raises(StoreError, match="holds no finished run"):
        export_mlflow(own, uri)
    assert not _runs(client)
