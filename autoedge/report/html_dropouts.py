"""What a run could not use: failures, what was ruled out early, lost quality, what was never searched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity, words
from autoedge.report.html_section import section
from autoedge.report.markup import Markup, element, table
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]

_REASON = 400
_MOST = 60
_MOST_NAMES = 6


def dropouts_section(document: Document) -> Section:
    """What failed, was ruled out early, lost its quality or was never searched, by reason."""
    verdict = document["verdict"]
    parts = [
        _by_reason("Failed", "measurements", verdict["failed"]),
        _by_reason("Ruled out early", "measurements that could change nothing any more", document["stopped"]),
        _quality(verdict.get("quality_lost", ())),
        _left_out(verdict["left_out"]),
    ]
    there = [part for part in parts if part is not None]
    told = element("p", "Nothing failed, and nothing was left out.") if not there else None
    return section("dropouts", "Failed", "Failed and screened out", told, there)


def _by_reason(title: str, what: str, entries: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not entries:
        return None
    rows = [
        [str(one["count"]), printable(one["reason"], _REASON), _names(one["candidates"])] for one in entries[:_MOST]
    ]
    made = table(["count", "reason", "candidates"], rows, label=f"{title} by reason", kind="reasons")
    total = sum(int(one["count"]) for one in entries)
    return element("div", element("h3", f"{title}: {total} {what}"), made)


def _names(candidates: Sequence[str]) -> str:
    shown = ", ".join(identity(one) for one in candidates[:_MOST_NAMES])
    more = len(candidates) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _quality(lost: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not lost:
        return None
    rows = [[words({**one, "knobs": {}}), _names(one["candidates"])] for one in lost[:_MOST]]
    made = table(["conversion", "candidates"], rows, label="Conversions that lost quality", kind="reasons")
    return element("div", element("h3", "Conversions that cost more than a quarter of the quality"), made)


def _left_out(left_out: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Parts of the space that were not searched; what shares a reason shares a line."""
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        where = " on ".join(str(one[key]) for key in ("model", "target") if one.get(key))
        reasons.setdefault(str(one["reason"]), []).append(f"{one['what']} of {where}" if where else str(one["what"]))
    if not reasons:
        return None
    rows = [[printable(", ".join(parts), _REASON), printable(reason, _REASON)] for reason, parts in reasons.items()]
    made = table(["not searched", "reason"], rows[:_MOST], label="Not searched, by reason", kind="reasons")
    return element("div", element("h3", "Not searched"), made)
