"""The verdict by constraint, what would change it, and the chosen candidate beside the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity
from autoedge.report.decisions import figure_words, relaxed, slack_words
from autoedge.report.figures import ESTIMATE, estimated, name_of, unit_of, with_unit
from autoedge.report.gains import gain
from autoedge.report.html_section import ESTIMATES, note, outcome, section, shown_figure
from autoedge.report.markup import Markup, element, table
from autoedge.report.text import printable
from autoedge.report.wording import TITLES, figure, how_measured, on_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]

_TEXT = 400
_MOST_RELAXED = 8


def verdict_section(document: Document) -> Section:
    """Each constraint with outcome, figure and slack; relaxations and advice."""
    verdict = document["verdict"]
    decisions = verdict["chosen"]["decisions"]
    rows = [
        [
            printable(one["constraint"], _TEXT),
            outcome(str(one["outcome"])),
            _held_against(one),
            element("span", slack_words(one), class_="broken" if (one["slack"] or 0) < 0 else None),
        ]
        for one in decisions
    ]
    held = table(["constraint", "outcome", "figure", "slack"], rows, label="Constraints")
    return section(
        "verdict",
        "Verdict",
        ["Verdict by constraint ", outcome(str(verdict["outcome"]))],
        held if rows else element("p", "The intent sets no limit."),
        _openings(document),
        note("Slack: room left to the limit, as a share of it; negative where the limit is broken. ", ESTIMATES),
    )


def _held_against(decision: Mapping[str, Any]) -> Markup:
    text, ends = figure_words(decision)
    estimate = text.startswith(ESTIMATE)
    remark = printable(decision["note"], _TEXT)
    made = shown_figure(text.removeprefix(ESTIMATE), ends, estimate=estimate)
    return element("span", made, [element("br"), element("small", remark)] if remark else None)


def _openings(document: Document) -> list[Markup]:
    """What would turn a verdict that is not met or undecided."""
    verdict = document["verdict"]
    moved = [
        element(
            "li", "relax ", element("code", printable(one["constraint"], _TEXT)), " to ",
            element("strong", relaxed(one)), f": candidate {identity(one['candidate_id'])} passes",
        )
        for one in verdict["relaxations"][:_MOST_RELAXED]
    ]  # fmt: skip
    told = [element("li", printable(text, _TEXT)) for text in document["advice"]]
    if not moved and not told:
        return []
    title = "What would open the space" if verdict["outcome"] == "not met" else "What would decide it"
    return [element("h3", title), element("ul", told, moved)]


def chosen_section(document: Document) -> Section:
    """Every figure of the chosen candidate beside the reference's; the rule, and what the runners-up lost by."""
    verdict = document["verdict"]
    chosen, reference = verdict["chosen"], verdict["reference"]
    itself = chosen["candidate_id"] == reference["candidate_id"]
    title = TITLES.get(str(verdict["outcome"]), "Chosen")
    about = [
        element("p", element("strong", on_target(chosen, verdict)), f" ({how_measured(chosen)})"),
        element("p", "It is the reference itself." if itself else
                f"Reference: {on_target(reference, verdict)} ({how_measured(reference)})"),
    ]  # fmt: skip
    if chosen["flags"]:
        about.append(element("p", f"Flags: {', '.join(printable(flag, 40) for flag in chosen['flags'])}"))
    return section(
        "chosen", title.partition(",")[0], f"{title} against the reference", about, _compared(document, itself=itself),
        note("Intervals are at 95 %. ", ESTIMATES),
        element("h3", "Chosen by"), element("p", f"Rule: {printable(verdict['rule'], _TEXT)}."), _runners(verdict),
    )  # fmt: skip


def _compared(document: Document, *, itself: bool) -> Markup:
    ours, theirs = document["verdict"]["chosen"]["metrics"], document["verdict"]["reference"]["metrics"]
    rows = []
    for key in document["metrics"]:
        if key not in ours:
            continue
        cells: list[Any] = [element("span", name_of(key)), _with_unit(ours[key], key)]
        if not itself:
            cells += [_with_unit(theirs[key], key) if key in theirs else "", _gain(key, ours[key], theirs.get(key))]
        cells.append(element("small", printable(ours[key]["estimator"], 120)))
        rows.append(cells)
    head = ["metric", "chosen", *([] if itself else ["reference", "change"]), "how"]
    return table(head, rows, label="Figures of the chosen candidate and the reference", kind="compared")


def _with_unit(value: Mapping[str, Any], key: str) -> Markup:
    text, ends, estimate = figure(value, key)
    return shown_figure(with_unit(text, unit_of(key)), ends, estimate=estimate)


def _gain(key: str, ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> Markup:
    found = gain(key, ours, theirs)
    sign = {"better": "▲ ", "worse": "▼ "}.get(found.way, "")
    estimate = theirs is not None and (estimated(ours) or estimated(theirs))
    text = f"{sign}{found.text}"
    return element("span", element("i", text) if estimate else text, class_=f"gain {found.way}".strip())


def _runners(verdict: Mapping[str, Any]) -> Markup:
    rows = [
        [identity(one["candidate_id"]), on_target(one, verdict), outcome(str(one["outcome"])),
         printable(one["lost_by"], _TEXT)]
        for one in verdict["runners_up"]
    ]  # fmt: skip
    if not rows:
        return note("No runner-up was confirmed.")
    return table(["runner-up", "configuration", "outcome", "lost by"], rows, label="Runners-up")
