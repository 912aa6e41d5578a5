"""The files of a report, each there whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.front import front_table, write_front
from autoedge.report.html import html_report
from autoedge.report.markdown import markdown_report
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from autoedge.workflows.folder import RunFolder
    from autoedge.workflows.report_standings import Standings


def write_reports(folder: RunFolder, document: Mapping[str, Any]) -> None:
    """Write ``report.html`` and ``report.md``.

    Args:
        folder: The run's.
        document: As :func:`autoedge.workflows.report_document.report_document` gathers it.

    Raises:
        OSError: One cannot be written; an earlier one stays as it is.
    """
    write_whole(folder.report_html, html_report(document))
    write_whole(folder.report_md, markdown_report(document))


def write_fronts(folder: RunFolder, verdict: Mapping[str, Any], standings: Standings) -> pd.DataFrame:
    """Write ``front.csv`` and ``front.json``, and return the first as a table.

    Raises:
        OSError: One cannot be written.
    """
    chosen, reference = (verdict[name]["candidate_id"] for name in ("chosen", "reference"))
    table = front_table(standings.rows, chosen, reference, elsewhere=standings.references)
    write_front(table, standings.rows, folder.front_csv, folder.front_json)
    return table
