"""``autoedge export mlflow``: a finished run as an MLflow run, with the candidates of its front nested in it."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from autoedge.errors import StoreError
from autoedge.intent.problem import escaped
from autoedge.measurement import Source
from autoedge.workflows.export import opened_store
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.mlflow_tracking import Record, Tracking
from autoedge.workflows.show import finished_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

EXPERIMENT = "autoedge"
_LONGEST = 4000  # of a tag; MLflow takes a little more


def export_mlflow(root: Path, tracking_uri: str | None = None, experiment: str = EXPERIMENT) -> dict[str, Any]:
    """Log a finished run: what it chose, how that was decided, its files and its front.

    The same decision logged again brings its MLflow run up to date; a run that was decided anew becomes another one.
    Estimated metrics have names of their own, so that no table of MLflow shows them beside measured ones.

    Args:
        root: The run folder.
        tracking_uri: Of MLflow's tracking store; None for what ``MLFLOW_TRACKING_URI`` says, or MLflow's default.
        experiment: Made when missing.

    Returns:
        The document that the command prints as JSON: where it was logged, ids of the MLflow runs, artifacts.

    Raises:
        StoreError: The folder holds no finished run, another process works in it, or the tracking store cannot be used.
        IntentError: MLflow is not installed.
    """
    folder = RunFolder(root)
    verdict = finished_verdict(root)
    with folder.locked():
        key, began, ended = _decision(root, verdict)
        rows = _front(folder)
        tracking = Tracking(tracking_uri, experiment)
        whole = _whole(folder, verdict, key, began, ended)
        run_id, new = tracking.put(whole)
        nested = {
            row["candidate_id"]: tracking.put(_candidate(row, verdict, key, began, ended), run_id)[0] for row in rows
        }
        tracking.keep_only(run_id, nested.values())
    return {
        "schema_version": 1,
        "tracking_uri": tracking.uri,
        "experiment": experiment,
        "run_id": run_id,
        "new": new,
        "candidates": nested,
        "artifacts": [*(file.name for file in whole.files), *whole.folders],
    }


def _decision(root: Path, verdict: Mapping[str, Any]) -> tuple[str, float, float]:
    """Names a decision wherever its folder lies: the run's first measurement, the rounds that decided, the choice.

    Returns:
        The name, and when the run's first measurement began and its last one ended.
    """
    store = opened_store(str(root))
    try:
        rows, session = store.measurements(), store.fact("decided by")
    finally:
        store.close()
    if not rows:
        raise StoreError(f"{root}: holds no measurement; `autoedge select` with the same intent makes it whole again")
    first = rows[0]
    parts = [first.candidate_id, first.fingerprint, first.started, session, verdict["chosen"]["candidate_id"]]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return name, min(row.started for row in rows), max(row.started + row.duration_s for row in rows)


def _front(folder: RunFolder) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(folder.front_json.read_text(encoding="utf-8"))["rows"]
    except FileNotFoundError:
        raise StoreError(f"{folder.root}: front.json is gone; `autoedge report {folder.root}` writes it") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder.root}: front.json cannot be read ({error})") from error
    return rows


def _whole(folder: RunFolder, verdict: Mapping[str, Any], key: str, began: float, ended: float) -> Record:
    """The run: its chosen candidate, its verdict, its files as far as they are there."""
    chosen = verdict["chosen"]
    files = (folder.report_html, folder.report_md, folder.front_csv, folder.front_json, folder.verdict, folder.intent)
    tags = {
        "name": verdict["name"],
        "outcome": verdict["outcome"],
        "rule": verdict["rule"],
        "objectives": " ".join(verdict["objectives"]),
        "reference": verdict["reference"]["candidate_id"],
        "measurements": f"{verdict['used']['measurements']} of {verdict['used']['budget']}",
        "version": version("autoedge"),
        **_decisions(chosen["decisions"]),
    }
    return Record(
        key=key,
        name=verdict["name"],
        params=_params(chosen),
        metrics=_metrics(chosen),
        tags=_tags(chosen, verdict) | _named(tags),
        began=began,
        ended=ended,
        files=tuple(file for file in files if file.is_file()),
        folders={"bundle": folder.bundle} if folder.bundle.is_dir() else {},
    )


def _candidate(row: Mapping[str, Any], verdict: Mapping[str, Any], key: str, began: float, ended: float) -> Record:
    """One candidate of the front, or a reference."""
    reference = verdict["reference"]["candidate_id"]
    signs = {"chosen": verdict["chosen"]["candidate_id"], "reference": reference}
    marks = {name: str(row["candidate_id"] == other).lower() for name, other in signs.items()}
    tags = {**marks, "front": str(row["front"]).lower(), "outcome": row["outcome"], **_decisions(row["decisions"])}
    return Record(
        key=f"{key}-{hashlib.sha256(row['candidate_id'].encode()).hexdigest()[:16]}",
        name=row["candidate_id"],
        params=_params(row),
        metrics=_metrics(row),
        tags=_tags(row, verdict) | _named(tags),
        began=began,
        ended=ended,
    )


def _params(row: Mapping[str, Any]) -> dict[str, str]:
    made = row["configuration"]
    levels = {"target": row["target"], "model": made["model"], "runtime": made["runtime"]}
    return {name: _text(level) for name, level in (levels | made["recipe"] | made["knobs"]).items()}


def _metrics(row: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in row["metrics"].items():
        name = f"{key}_estimated" if value["source"] == Source.ESTIMATED else key
        found |= {name: value["value"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
    return found


def _tags(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, str]:
    """What is to be known of a candidate's figures."""
    protocols = {target["name"]: target["protocol"] for target in verdict["targets"]}
    about = {
        "candidate_id": row["candidate_id"],
        "phase": row["phase"],
        "processes": row["n_processes"],
        "flags": " ".join(row["flags"]),
        "protocol": protocols.get(row["target"], verdict["protocol"]),
        **{f"source.{key}": value["source"] for key, value in row["metrics"].items()},
    }
    return _named(about)


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The verdict, constraint by constraint."""
    told = [
        f"{one['constraint']}: {one['outcome']}" + (f" ({one['note']})" if one["note"] else "") for one in decisions
    ]
    return {f"constraint.{n}": text for n, text in enumerate(told, start=1)}


def _named(tags: Mapping[str, Any]) -> dict[str, str]:
    return {f"autoedge.{name}": _text(value) for name, value in tags.items()}


def _text(value: Any) -> str:
    return escaped(str(value))[:_LONGEST]
