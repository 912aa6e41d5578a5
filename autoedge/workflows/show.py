"""``autoedge show``: read a finished run again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, StoreError
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.opening import reopened_run
from autoedge.workflows.standing import figures
from autoedge.workflows.stored import stored_standings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd


def show_run(root: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """The verdict and the front of a finished run, as they were written.

    Raises:
        StoreError: The folder holds no finished run.
    """
    import pandas as pd

    document = finished_verdict(root)
    try:
        front = pd.read_csv(RunFolder(root).front_csv, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise StoreError(f"{root}: front.csv is gone; `autoedge report {root}` writes it again") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{root}: the run cannot be read: {error}") from error
    return document, front


def finished_verdict(root: Path) -> dict[str, Any]:
    """The verdict of a finished run, as it was written.

    Raises:
        StoreError: The folder holds no finished run.
    """
    folder = RunFolder(root)
    try:
        document: dict[str, Any] = json.loads(folder.verdict.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "run `autoedge select` with the same intent to finish it" if folder.database.exists() else "name a run"
        raise StoreError(f"{root}: holds no finished run; {hint}") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{root}: the run cannot be read: {error}") from error
    if document.get("schema_version") != 1:
        raise StoreError(f"{root}: was written by another version of AutoEdge; update AutoEdge")
    return document


def show_candidate(root: Path, candidate_id: str, trust: Iterable[Path] = ()) -> dict[str, Any]:
    """All that a run knows of one measured candidate.

    Args:
        root: The run folder.
        candidate_id: Or the beginning of one.
        trust: Files and folders whose code may be loaded.

    Raises:
        IntentError: No measured candidate, or several, have that id.
        StoreError: The folder holds no run.
    """
    with reopened_run(root, trust=trust) as run:
        standings = stored_standings(run)
        name = one_beginning(candidate_id, list(standings))
        rows = [row for row in run.measurements if row.candidate_id == name]
        processes = [
            {
                "phase": row.phase,
                "replicate": row.replicate,
                "status": row.status,
                "reason": row.reason,
                "flags": list(row.flags),
                "duration_s": row.duration_s,
                "raw": row.raw,
            }
            for row in rows
        ]
        placed = [row.details["placement"] for row in rows if "placement" in row.details]
        known = {**figures(standings[name]), "placement": placed[-1] if placed else {}}
        return {"schema_version": 1, **known, "processes": processes}


def one_beginning(wanted: str, names: list[str]) -> str:
    """The only name that begins with ``wanted``.

    Raises:
        IntentError: There is none, or there are several.
    """
    found = [name for name in names if name.startswith(wanted)]
    if len(found) != 1:
        problem = "several measured candidates begin" if found else "no measured candidate begins"
        raise IntentError(f"--candidate: {problem} with '{wanted}'; there are {', '.join(found or names[:5])}")
    return found[0]
