"""``autoedge export measurements``: every measurement of a run, or of any store, as a table for other tools."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING, Any

from autoedge.errors import DataError
from autoedge.metric import METRICS
from autoedge.report.front import safe_csv
from autoedge.whole import write_whole
from autoedge.workflows.export import opened_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from autoedge.candidate import Candidate
    from autoedge.measurement import Measurement

_SUFFIXES = (".csv", ".parquet")


def export_measurements(where: str, file: Path) -> dict[str, Any]:
    """Write every measurement of a run or store as a table, also while another process adds to it.

    Args:
        where: A run folder, a store's file, or a URL.
        file: ``.csv`` or ``.parquet``; one that is there is replaced.

    Returns:
        The document that the command prints as JSON: the file, its columns, and how many measurements ended how.

    Raises:
        StoreError: There is no store.
        DataError: It holds no measurement, a knob has the name of another column, or the file's name ends otherwise.
        OSError: The file cannot be written.
    """
    if file.suffix not in _SUFFIXES:
        raise DataError(f"{file}: measurements are written as {' or '.join(_SUFFIXES)}, as the file's name ends")
    store = opened_store(where)
    try:
        rows = store.measurements()
        candidates = store.candidates()
    finally:
        store.close()
    if not rows:
        raise DataError(f"{where}: holds no measurement yet")
    frame = measurement_table(rows, candidates)
    write_whole(file, safe_csv(frame) if file.suffix == ".csv" else _parquet(frame))
    return {
        "schema_version": 1,
        "file": str(file),
        "rows": len(frame),
        "candidates": int(frame["candidate_id"].nunique()),
        "statuses": dict(Counter(str(row.status) for row in rows)),
        "columns": list(frame.columns),
    }


def measurement_table(rows: Sequence[Measurement], candidates: Mapping[str, Candidate]) -> pd.DataFrame:
    """One row a measurement, in the order given.

    Args:
        rows: At least one.
        candidates: By id.

    Returns:
        When and what was measured, every knob (empty where it does not apply), how it ended, and for each metric its
        value, ``_lo``, ``_hi`` and ``_source``; names as in an exported campaign.

    Raises:
        DataError: A knob has the name of another column.
    """
    import pandas as pd

    made = [_levels(candidates.get(row.candidate_id)) for row in rows]
    knobs = list(dict.fromkeys(name for levels in made for name in levels))
    head, end = [_head(row) for row in rows], [_end(row) | _figures(row) | _conditions(row) for row in rows]
    others = dict.fromkeys(name for one in (*head, *end) for name in one)
    twice = [name for name in knobs if name in others]
    if twice:
        raise DataError(f"a knob is named {', '.join(twice)}, as another column of measurements is; rename the knob")
    frame = pd.DataFrame([first | levels | last for first, levels, last in zip(head, made, end, strict=True)])
    figures = [name for name in _figure_columns() if name in others]
    frame = frame[[*head[0], *knobs, *_end(rows[0]), *figures, *_conditions(rows[0])]]
    frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True)
    for name in knobs:
        frame[name] = _of_one_type(frame[name])
    return frame


def _head(row: Measurement) -> dict[str, Any]:
    return {
        "started": row.started or None,
        "duration_s": row.duration_s,
        "candidate_id": row.candidate_id,
        "config_id": row.config_id,
        "target": row.target,
    }


def _levels(candidate: Candidate | None) -> dict[str, Any]:
    if candidate is None:
        return {}
    made = candidate.configuration
    return {"model": made.model, "runtime": made.runtime, **made.recipe, **made.knobs}


def _end(row: Measurement) -> dict[str, Any]:
    return {
        "phase": str(row.phase),
        "session": row.session,
        "replicate": row.replicate,
        "status": str(row.status),
        "reason": row.reason,
        "flags": " ".join(row.flags).encode("utf-8", "replace").decode(),  # a device may send half a character
    }


def _figures(row: Measurement) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.metrics.items():
        found |= {key: value.value, f"{key}_lo": value.low, f"{key}_hi": value.high, f"{key}_source": str(value.source)}
    return found


def _figure_columns() -> list[str]:
    return [f"{metric.key}{end}" for metric in METRICS.values() for end in ("", "_lo", "_hi", "_source")]


def _conditions(row: Measurement) -> dict[str, Any]:
    return {
        "fingerprint": row.fingerprint,
        "runtime_version": row.runtime_version,
        "protocol_id": row.protocol_id,
        "variant_hash": row.variant_hash,
        "data_hash": row.data_hash,
        "raw": row.raw,
    }


def _of_one_type(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of a file holds one type: whole numbers, numbers, yes or no, or else text; empty where it is."""
    kinds = {type(level) for level in column.dropna()}
    if kinds <= {int}:
        return column.astype("Int64")
    if kinds <= {int, float}:
        return column.astype("Float64")
    if kinds <= {bool}:
        return column.astype("boolean")
    return column.map(str, na_action="ignore").astype(object)


def _parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    return file.getvalue()
