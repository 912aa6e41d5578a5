"""A gate's result as Markdown, for a pull request or a job's summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.check_text import AGAINST, LIMIT, PROCESSES, headline, lines_of
from autoedge.report.markdown import escaped_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.check_text import Line

_MARKS = {"met": "✅", "held": "✅", "not met": "❌", "regressed": "❌", "undecided": "❔", "not judged": "⚪"}


def check_markdown(document: Mapping[str, Any]) -> str:
    """A headline, a table of the limits, and one of the metrics against the base.

    Args:
        document: Of ``autoedge check``.
    """
    lines = lines_of(document)
    mark = _MARKS.get(document["outcome"], "")
    parts = [f"### {mark} AutoEdge: {escaped_markdown(document['name'])}", escaped_markdown(headline(document))]
    parts += _table("limit", [line for line in lines if line.group == LIMIT])
    parts += _table("metric against the base", [line for line in lines if line.group == AGAINST])
    parts += _table("processes", [line for line in lines if line.group == PROCESSES])
    failed = [f"- {one['arm']}: {one['count']} x {escaped_markdown(one['reason'])}" for one in document["failed"]]
    if failed:
        parts += ["Failed processes", "\n".join(failed)]
    if document["advice"]:
        parts.append(escaped_markdown(document["advice"]))
    limit, device = f"{100 * document['limit']:g} %", escaped_markdown(document["target"]["cpu"])
    parts.append(f"Measured on {device}; smallest change that matters {limit}; seed {document['seed']}.")
    return "\n\n".join(parts) + "\n"


def _table(title: str, lines: Sequence[Line]) -> list[str]:
    if not lines:
        return []
    rows = []
    for line in lines:
        outcome = f"{_MARKS.get(line.outcome, '')} {line.outcome}"
        rows.append(f"| {' | '.join(map(escaped_markdown, (line.name, outcome, line.figure, line.note)))} |")
    return ["\n".join([f"| {title} | outcome | figure | note |", "|---|---|---|---|", *rows])]
