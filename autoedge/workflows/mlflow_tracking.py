"""The door to MLflow: runs that are found again by a tag, so that writing one twice leaves one."""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, StoreError
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY = "autoedge.key"
"""The tag that a run is found by."""
_PARENT = "mlflow.parentRunId"
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_LONGEST = 300


@dataclass(frozen=True)
class Record:
    """What one MLflow run holds.

    Attributes:
        key: The same for what is the same; MLflow lets no parameter of a run change, so they follow from it.
        name: For people.
        params: Text by name.
        metrics: Numbers by name.
        tags: Text by name.
        began: In s since the epoch.
        ended: Likewise.
        files: Artifacts.
        folders: Artifacts by the name of their folder.
    """

    key: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    began: float
    ended: float
    files: tuple[Path, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)


class Tracking:
    """An experiment in an MLflow tracking store; MLflow's telemetry is switched off.

    A server that does not answer is given up after two tries of 10 s, unless MLflow's own variables say otherwise.

    Args:
        uri: Of the store; None for what ``MLFLOW_TRACKING_URI`` says, or MLflow's default.
        experiment: Its name; made when missing.

    Raises:
        IntentError: MLflow is not installed.
        StoreError: The store cannot be used.
    """

    def __init__(self, uri: str | None, experiment: str) -> None:
        self._client = _client(uri)
        self.uri = _masked(self._client.tracking_uri)
        with self._told():
            found = self._client.get_experiment_by_name(experiment)
            self._experiment = found.experiment_id if found else self._client.create_experiment(experiment)

    def put(self, record: Record, parent: str | None = None) -> tuple[str, bool]:
        """Write a run, or bring the one with its key up to date.

        Args:
            record: What it holds.
            parent: Id of the run that it is nested in.

        Returns:
            Its id, and whether it is new.

        Raises:
            StoreError: The store cannot be used.
        """
        with self._told():
            known = self._client.search_runs([self._experiment], f"tags.`{KEY}` = '{record.key}'", max_results=1)
            run = known[0] if known else self._made(record, parent)
            run_id: str = run.info.run_id
            self._log(run, record)
            for file in record.files:
                self._client.log_artifact(run_id, str(file))
            for name, folder in record.folders.items():
                self._client.log_artifacts(run_id, str(folder), name)
            self._client.set_terminated(run_id, "FINISHED", _ms(record.ended))
            return run_id, not known

    def keep_only(self, parent: str, children: Collection[str]) -> None:
        """Delete the runs nested in one that are none of these; MLflow keeps deleted runs until they are purged."""
        with self._told():
            for run in self._client.search_runs([self._experiment], f"tags.`{_PARENT}` = '{parent}'"):
                if run.info.run_id not in children and KEY in run.data.tags:
                    self._client.delete_run(run.info.run_id)

    def _made(self, record: Record, parent: str | None) -> Run:
        tags: dict[str, Any] = {KEY: record.key} | ({_PARENT: parent} if parent else {})
        return self._client.create_run(self._experiment, _ms(record.began), tags, record.name)

    def _log(self, run: Run, record: Record) -> None:
        """Log what the run does not hold yet: a metric logged again would be one more point of its curve."""
        from mlflow.entities import Metric, Param, RunTag

        now, data = _ms(time.time()), run.data
        metrics = [Metric(k, v, now, 0) for k, v in record.metrics.items() if data.metrics.get(k) != v]
        params = [Param(k, v) for k, v in record.params.items() if k not in data.params]
        tags = [RunTag(k, v) for k, v in record.tags.items() if data.tags.get(k) != v]
        self._client.log_batch(run.info.run_id, metrics, params, tags)

    @contextmanager
    def _told(self) -> Iterator[None]:
        with _told(self.uri):
            yield


def _client(uri: str | None) -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when the package is imported
    for name, patience in _PATIENCE.items():
        os.environ.setdefault(name, patience)
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise IntentError("MLflow is not installed: pip install 'autoedge[mlflow]'") from error
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with _told(_masked(uri or "the default tracking store")):
        return MlflowClient(tracking_uri=uri)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn what MLflow raises into one sentence."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # MLflow's own, of the libraries under it
            yield
    except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        cause = printable(_masked(" ".join(str(error).split())), _LONGEST)
        raise StoreError(f"MLflow at {printable(where)} cannot be used ({cause}); check --tracking-uri") from error


def _masked(text: str) -> str:
    """Messages never show a password."""
    return re.sub(r"(//[^:/@\s]*):[^@/\s]*@", r"\1:***@", text)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
