"""``autoedge report``: the files that people read, made again from a stored run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.store.store import Store
from autoedge.workflows.folder import RunFolder
from autoedge.workflows.report_document import report_document
from autoedge.workflows.report_files import write_fronts, write_reports
from autoedge.workflows.report_standings import kept_standings
from autoedge.workflows.show import finished_verdict

if TYPE_CHECKING:
    from pathlib import Path


def report(root: Path) -> dict[str, Any]:
    """Write ``report.html``, ``report.md``, ``front.csv`` and ``front.json`` of a finished run again.

    Nothing is measured or decided: the verdict stays as it was written. Models, data and targets need not be there.

    Args:
        root: The run folder.

    Returns:
        What the reports tell, as JSON values; see docs/report.md.

    Raises:
        StoreError: The folder holds no finished run, or another process works in it.
        AutoEdgeError: The run is of an older AutoEdge, and its models or data are not where they were.
        OSError: A file cannot be written.
    """
    folder = RunFolder(root)
    verdict = finished_verdict(root)
    with folder.locked():
        store = Store(folder.database, existing=True)
        try:
            standings = kept_standings(root, store, verdict["chosen"]["candidate_id"])
            document = report_document(root, store, verdict, standings)
        finally:
            store.close()
        write_fronts(folder, verdict, standings)
        write_reports(folder, document)
    return document
