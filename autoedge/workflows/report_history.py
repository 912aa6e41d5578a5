"""How a search went: the share of what it found in the end, after each measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.decide.choice import objective_matrix
from autoedge.measurement import Status
from autoedge.metric import by_key
from autoedge.pareto import hypervolume, nondominated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.measurement import Measurement

MARGIN = 0.1
"""The reference lies this share of the range beyond the worst value, as when strategies are replayed."""
_REACHED = (90, 99)


def search_history(
    rows: Sequence[Measurement], standings: Sequence[Mapping[str, Any]], objectives: Sequence[str]
) -> dict[str, Any]:
    """The hypervolume that is dominated after each measurement, as a share of the last.

    Each candidate counts with its final figures from its first valid measurement on, so that the curve tells when what
    counts in the end was found, and not how lucky single measurements were.

    Args:
        rows: The run's measurements in their order.
        standings: Every candidate as plain data.
        objectives: Keys of metrics.

    Returns:
        ``points`` (n, phase, candidate_id, status, share), ``phases`` (phase, first, last; one a stretch) and
        ``reached`` (measurements to a share in percent); ``share`` is None where nothing keeps the limits.
    """
    volumes = _Volumes(standings, objectives)
    points: list[dict[str, Any]] = []
    count = 0
    for row in rows:
        processes = int(row.details.get("processes", 1))
        if not processes:
            continue  # a file that could not be made cost no measurement
        count += processes
        share = volumes.after(row.candidate_id if row.ok else None)
        about = {"candidate_id": row.candidate_id, "phase": str(row.phase), "status": str(row.status)}
        points.append({"n": count, "share": share, **about})
    reached = {
        str(percent): next((one["n"] for one in points if (one["share"] or 0.0) >= percent / 100 - 1e-9), None)
        for percent in _REACHED
    }
    return {"points": points, "phases": _phases(points), "reached": reached, "objectives": list(objectives)}


def _phases(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stretches of one phase; a run that was changed and went on has several of a kind."""
    found: list[dict[str, Any]] = []
    for point in points:
        if found and found[-1]["phase"] == point["phase"]:
            found[-1]["last"] = point["n"]
        else:
            found.append({"phase": point["phase"], "first": found[-1]["last"] + 1 if found else 1, "last": point["n"]})
    return found


class _Volumes:
    """What the candidates seen so far dominate, of points scaled to 0 .. 1 over all that keep the limits."""

    def __init__(self, standings: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> None:
        metrics = [by_key(key) for key in objectives]
        good = [one for one in standings if one["feasible"] and all(key in one["metrics"] for key in objectives)]
        values = [{key: one["metrics"][key]["value"] for key in objectives} for one in good]
        matrix = objective_matrix(values, metrics)
        low, high = (matrix.min(axis=0), matrix.max(axis=0)) if good else (0.0, 1.0)
        scaled = (matrix - low) / np.where(np.asarray(high) > low, np.asarray(high) - low, 1.0)
        self._points = {one["candidate_id"]: point for one, point in zip(good, scaled, strict=True)}
        self._corner = [1 + MARGIN] * len(metrics)
        self._whole = hypervolume(scaled, self._corner) if good else 0.0
        self._seen: set[str] = set()
        self._front: list[np.ndarray] = []
        self._share = 0.0

    def after(self, candidate_id: str | None) -> float | None:
        """The share once a candidate (None: nothing valid) was measured too; None where there is nothing to share."""
        if self._whole <= 0:
            return None
        if candidate_id is not None and candidate_id in self._points and candidate_id not in self._seen:
            self._seen.add(candidate_id)
            every = np.array([*self._front, self._points[candidate_id]])
            self._front = list(every[nondominated(every)])
            self._share = max(self._share, min(1.0, hypervolume(self._front, self._corner) / self._whole))
        return round(self._share, 6)


def of_run(rows: Sequence[Measurement], verdict: Mapping[str, Any]) -> list[Measurement]:
    """The measurements of a store that the verdict rests on: same devices, protocols and data, stopped ones too."""
    known = {one["name"]: (one["fingerprint"], one["protocol"]) for one in verdict["targets"]}
    mine = [row for row in rows if known.get(row.target) == (row.fingerprint, row.protocol_id)]
    last = max((row for row in mine if row.ok), key=lambda row: row.started, default=None)
    return [row for row in mine if last is None or row.data_hash == last.data_hash]


def stopped(rows: Sequence[Measurement]) -> list[Measurement]:
    """Those that ended early because they could change nothing any more."""
    return [row for row in rows if row.status is Status.STOPPED]
