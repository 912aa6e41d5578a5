"""The front as a table: front.csv for spreadsheets, front.json for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoedge.intent.problem import escaped
from autoedge.metric import METRICS
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

_FORMULA = ("=", "+", "-", "@")


def front_table(
    rows: Sequence[Mapping[str, Any]], chosen: str, reference: str, elsewhere: Collection[str] = ()
) -> pd.DataFrame:
    """Candidates on the front, and the chosen one and the references where they are not on it.

    Args:
        rows: Standings as plain data.
        chosen: Id of the chosen candidate.
        reference: Id of the reference on its target.
        elsewhere: Ids of the references on other targets.

    Returns:
        One row a candidate: ``candidate_id``, ``target``, ``chosen``, ``reference``, ``front``,
        ``satisfies_constraints``, ``outcome``, ``phase``, ``n_processes``, the configuration's knobs, and for each
        metric its value, ``_lo``, ``_hi`` and ``_source``.
    """
    import pandas as pd

    references = {reference, *elsewhere}
    shown = [row for row in rows if row["front"] or row["candidate_id"] in {chosen, *references}]
    return pd.DataFrame([_flat(row, chosen, references) for row in shown])


def _flat(row: Mapping[str, Any], chosen: str, references: Collection[str]) -> dict[str, Any]:
    configuration = row["configuration"]
    flat: dict[str, Any] = {
        "candidate_id": row["candidate_id"],
        "target": row["target"],
        "chosen": row["candidate_id"] == chosen,
        "reference": row["candidate_id"] in references,
        "front": row["front"],
        "satisfies_constraints": row["feasible"],
        "outcome": str(row["outcome"]),
        "phase": str(row["phase"]),
        "n_processes": row["n_processes"],
        "model": configuration["model"],
        "runtime": configuration["runtime"],
        **configuration["recipe"],
        **configuration["knobs"],
    }
    for metric in METRICS.values():
        value = row["metrics"].get(metric.key)
        if value is not None:
            flat[metric.key] = value["value"]
            flat[f"{metric.key}_lo"], flat[f"{metric.key}_hi"] = value["low"], value["high"]
            flat[f"{metric.key}_source"] = str(value["source"])
    return flat


def write_front(table: pd.DataFrame, rows: Sequence[Mapping[str, Any]], csv: Path, json_file: Path) -> None:
    """Write both files, each whole or not at all."""
    write_whole(csv, safe_csv(table))
    kept = set(table["candidate_id"])
    document = {"schema_version": 1, "rows": [row for row in rows if row["candidate_id"] in kept]}
    write_whole(json_file, json.dumps(document, indent=1) + "\n")


def safe_csv(table: pd.DataFrame) -> str:
    """A table as CSV in which no text can be taken for a formula, and none is longer than its line."""
    text_columns = table.select_dtypes(exclude=["number", "bool"]).columns
    safe = table.assign(**{name: table[name].map(_safe_cell) for name in text_columns})
    return safe.to_csv(index=False)


def _safe_cell(value: Any) -> Any:
    """A text of one line that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = escaped(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
