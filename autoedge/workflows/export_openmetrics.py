"""``autoedge export openmetrics``: how a run stands at this moment, for Prometheus and what reads its text format."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, StoreError
from autoedge.intent.load import load_intent
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.found_so_far import current_rows, explored, found_in_the_end, found_so_far
from autoedge.workflows.openmetrics_text import Family, exposition
from autoedge.workflows.watched_store import WatchedStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.intent.resolved import Intent
    from autoedge.measurement import Measurement
    from autoedge.store.store import Store
    from autoedge.workflows.found_so_far import Found

    Samples = tuple[tuple[Mapping[str, str], float], ...]


def export_openmetrics(root: Path) -> str:
    """OpenMetrics text of a run, which may be going on: its store is opened read-only, and no lock is taken.

    Every sample bears the label ``run``, the folder's name, so that files of several runs can lie side by side. Figures
    that need the intent's limits are left out where its models or data are not where they were.

    Args:
        root: The run folder.

    Returns:
        The text; docs/other-tools.md lists the names.

    Raises:
        StoreError: The folder holds no run, or its store cannot be read.
    """
    folder = RunFolder(root)
    if not folder.database.is_file():
        raise StoreError(f"{root}: holds no run; name a folder that `autoedge select` writes, such as runs/NAME")
    name = root.resolve().name
    intent = _intent(folder)
    verdict = _verdict(folder)
    store = WatchedStore(folder.database)
    try:
        rows = store.measurements()
        families = [*_state(rows, verdict), *_targets(store, rows, intent), *_measurements(rows)]
        families += [*_budget(store, rows, intent), *_found(store, rows, intent, finished=verdict is not None)]
    finally:
        store.close()
    return exposition(
        Family(one.name, one.kind, one.help, tuple(({"run": name, **labels}, v) for labels, v in one.samples))
        for one in families
    )


def _intent(folder: RunFolder) -> Intent | None:
    try:
        return load_intent(folder.intent)
    except (IntentError, OSError):
        return None


def _verdict(folder: RunFolder) -> dict[str, Any] | None:
    """The verdict where it is the last word: the intent is written at every start, the verdict at the end."""
    try:
        if folder.verdict.stat().st_mtime < folder.intent.stat().st_mtime:
            return None
        document: dict[str, Any] = json.loads(folder.verdict.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document


def _state(rows: Sequence[Measurement], verdict: Mapping[str, Any] | None) -> list[Family]:
    phase = str(rows[-1].phase) if rows else ""
    about = {"phase": phase, "outcome": "" if verdict is None else str(verdict.get("outcome", ""))}
    return [
        Family("autoedge_run_info", "gauge", "Phase of the last measurement; outcome once finished.", ((about, 1.0),)),
        Family("autoedge_run_finished", "gauge", "1 once the verdict is written.", (({}, float(verdict is not None)),)),
    ]


def _measurements(rows: Sequence[Measurement]) -> list[Family]:
    counts = Counter((row.target, str(row.phase), str(row.status)) for row in rows)
    samples = tuple(
        ({"target": target, "phase": phase, "status": status}, float(count))
        for (target, phase, status), count in sorted(counts.items())
    )
    ends = {row.target: row.started + row.duration_s for row in sorted(rows, key=lambda row: row.started)}
    last = tuple(({"target": target}, end) for target, end in sorted(ends.items()) if math.isfinite(end))
    return [
        Family(
            "autoedge_measurements", "counter", "Measurements in the store, whether they still count or not.", samples
        ),
        Family("autoedge_last_measurement_timestamp_seconds", "gauge", "When the last measurement ended.", last),
    ]


def _targets(store: Store, rows: Sequence[Measurement], intent: Intent | None) -> list[Family]:
    away = store.fact("away") or {}
    names = [one.name for one in intent.targets] if intent else sorted(store.fact("devices") or {})
    up = tuple(({"target": name}, float(name not in away)) for name in names)
    heat: dict[str, float] = {}
    for row in rows:
        hottest = _hottest(row)
        if hottest is not None:
            heat[row.target] = hottest
    return [
        Family("autoedge_target_up", "gauge", "0 where the run has lost the target.", up),
        Family(
            "autoedge_target_temperature_celsius",
            "gauge",
            "Hottest zone after the last measurement that told.",
            tuple(({"target": name}, degrees) for name, degrees in sorted(heat.items())),
        ),
    ]


def _hottest(row: Measurement) -> float | None:
    zones = row.details.get("conditions", {}).get("after", {}).get("thermal", {}).get("zones", ())
    told = [zone.get("temp_c") for zone in zones]
    return max((float(one) for one in told if isinstance(one, int | float) and math.isfinite(one)), default=None)


def _budget(store: Store, rows: Sequence[Measurement], intent: Intent | None) -> list[Family]:
    now = current_rows(rows)
    processes = float(sum(row.details.get("processes", 1) for row in now))
    clocks = {f"elapsed {row.protocol_id} {row.data_hash[:12]}" for row in now}
    seconds = [float(known) for clock in sorted(clocks) if (known := store.fact(clock)) is not None]
    allowed = (float(intent.budget.measurements), intent.budget.time_s) if intent else (None, None)
    return [
        _one("autoedge_processes_used", "Processes that count, over all starts.", processes),
        _one("autoedge_processes_allowed", "Of the budget.", allowed[0]),
        _one("autoedge_time_used_seconds", "Wall time, over all starts.", max(seconds, default=0.0)),
        _one("autoedge_time_allowed_seconds", "Of the budget, where it has a limit.", allowed[1]),
    ]


def _one(name: str, told: str, number: float | None) -> Family:
    return Family(name, "gauge", told, () if number is None else (({}, number),))


def _found(store: Store, rows: Sequence[Measurement], intent: Intent | None, *, finished: bool) -> list[Family]:
    """Candidates explored, feasible and on the front, and the best figures."""
    now, candidates = current_rows(rows), store.candidates()
    counts = {"explored": len(explored(now))}
    found: Found | None = None
    if intent is not None:
        kept = store.fact("standings") if finished else None
        found = found_in_the_end(kept["rows"], intent.objectives) if kept else found_so_far(now, candidates, intent)
        counts |= {"feasible": found.feasible, "front": found.front}
    best = found.best if found else ()
    names = [
        {
            "metric": one.metric,
            "candidate_id": one.candidate_id,
            "target": candidates[one.candidate_id].target,
            "model": candidates[one.candidate_id].configuration.model,
        }
        for one in best
    ]
    return [
        Family(
            "autoedge_candidates",
            "gauge",
            "Candidates explored, feasible and on the front.",
            tuple(({"state": state}, float(count)) for state, count in counts.items()),
        ),
        Family(
            "autoedge_best",
            "gauge",
            "Best feasible figure of each objective, in the unit that its name ends with.",
            tuple(({"metric": one.metric, "source": one.source}, one.value) for one in best),
        ),
        Family("autoedge_best_info", "gauge", "Whose the best figures are.", tuple((name, 1.0) for name in names)),
    ]
