"""All that a report tells, gathered from a stored run into one document of JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.metric import METRICS
from autoedge.report.decisions import advice
from autoedge.workflows.budget import FIRST_LOOK
from autoedge.workflows.report_history import of_run, search_history, stopped
from autoedge.workflows.report_learning import learned
from autoedge.workflows.report_operation import operation
from autoedge.workflows.report_surroundings import surroundings
from autoedge.workflows.report_traces import traces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.measurement import Measurement
    from autoedge.store.store import Store
    from autoedge.workflows.report_standings import Standings

MOST_LEARNED = 6  # metrics of which sensitivities are told


def report_document(root: Path, store: Store, verdict: Mapping[str, Any], standings: Standings) -> dict[str, Any]:
    """Gather what the report shows; nothing is measured, and no model or target is needed.

    Args:
        root: The run folder.
        store: The run's.
        verdict: As in ``verdict.json``.
        standings: Every candidate as it stood when that was decided.

    Returns:
        ``verdict``, ``candidates`` (figures, with ``chosen``, ``reference``), ``metrics`` (keys, what matters first),
        ``limits``, ``advice``, ``operation``, ``history``, ``learned``, ``traces``, ``surroundings`` and ``stopped``
        (by reason).
    """
    rows = of_run(store.measurements(), verdict)
    chosen, reference = verdict["chosen"]["candidate_id"], verdict["reference"]
    candidates = [
        {**row, "chosen": row["candidate_id"] == chosen, "reference": row["candidate_id"] in standings.references}
        for row in standings.rows
    ]
    candidates.sort(key=lambda row: not row["chosen"])
    standing = {row["candidate_id"] for row in standings.rows}  # what was stopped once and measured later stands there
    wanted = wanted_metrics(verdict)
    features = store.fact("models") or {}
    there = [key for key in wanted if any(key in row["metrics"] for row in standings.rows)]
    return {
        "schema_version": 1,
        "verdict": dict(verdict),
        "candidates": candidates,
        "metrics": [*there, *_others(standings.rows, there)],
        "limits": [_limit(one, reference) for one in verdict["chosen"]["decisions"]],
        "advice": advice(verdict, FIRST_LOOK),
        "operation": operation(store, verdict),
        "history": search_history(rows, standings.rows, verdict["objectives"]),
        "learned": learned(standings.rows, there[:MOST_LEARNED], features, reference),
        "traces": traces(root, rows, [chosen, reference["candidate_id"]]),
        "surroundings": surroundings(store, verdict, rows),
        "stopped": _by_reason([row for row in stopped(rows) if row.candidate_id not in standing]),
    }


def wanted_metrics(verdict: Mapping[str, Any]) -> list[str]:
    """Keys of the objectives, then of what is limited."""
    return list(dict.fromkeys([*verdict["objectives"], *(one["metric"] for one in verdict["chosen"]["decisions"])]))


def _others(rows: Sequence[Mapping[str, Any]], first: Sequence[str]) -> list[str]:
    known = {key for row in rows for key in row["metrics"]}
    return [metric.key for metric in METRICS.values() if metric.key in known and metric.key not in first]


def _limit(decision: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """Where a limit lies on its metric's own axis, a relative one by the reference's figure; None where unknown."""
    relative, limit = decision["relative"], decision["limit"]
    value = reference["metrics"].get(decision["metric"])
    if relative == "absolute":
        at: float | None = limit
    elif value is None:
        at = None
    else:
        at = value["value"] * limit if relative == "ratio" else value["value"] - limit
    above = ">=" not in decision["constraint"] and relative != "drop"
    estimated = relative != "absolute" and value is not None and str(value["source"]) == "estimated"
    return {
        "constraint": decision["constraint"],
        "metric": decision["metric"],
        "relative": relative,
        "value": at,
        "refused": "above" if above else "below",
        "estimated": estimated,
    }


def _by_reason(rows: Sequence[Measurement]) -> list[dict[str, Any]]:
    reasons: dict[str, list[str]] = {}
    for row in rows:
        names = reasons.setdefault(row.reason, [])
        if row.candidate_id not in names:
            names.append(row.candidate_id)
    found = [{"reason": reason, "count": len(names), "candidates": names} for reason, names in reasons.items()]
    return sorted(found, key=lambda one: -len(one["candidates"]))
