"""The top of the page: what came out, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity
from autoedge.report.figures import estimated, full, interval, name_of, plural
from autoedge.report.gains import gain
from autoedge.report.html_section import outcome
from autoedge.report.markup import Markup, element
from autoedge.report.text import printable
from autoedge.report.wording import SENTENCES, TITLES, how_measured, on_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]


def header(document: Document) -> Markup:
    """Name, outcome, the chosen configuration and what it gains."""
    verdict = document["verdict"]
    chosen, word = verdict["chosen"], str(verdict["outcome"])
    places = ", ".join(printable(one["name"], 40) for one in verdict["targets"])
    return element(
        "header",
        element("p", "AutoEdge report", class_="kicker"),
        element("h1", printable(verdict["name"], 64), " ", outcome(word)),
        element("p", SENTENCES.get(word, "")),
        element(
            "p",
            f"{TITLES.get(word, 'Chosen')}: ",
            element("strong", on_target(chosen, verdict)),
            f" ({identity(chosen['candidate_id'])}, {how_measured(chosen)})",
        ),
        _key_figures(verdict),
        element("p", f"Measured on {places}, protocol {printable(verdict['protocol'], 80)}{_days(document)}; "
                     f"{_used(verdict['used'])}.", class_="note"),
    )  # fmt: skip


def _key_figures(verdict: Mapping[str, Any]) -> Markup:
    """The objectives of the chosen one, each with what it gains over the reference."""
    ours, theirs = verdict["chosen"]["metrics"], verdict["reference"]["metrics"]
    itself = verdict["chosen"]["candidate_id"] == verdict["reference"]["candidate_id"]
    cards = []
    for key in verdict["objectives"]:
        if key not in ours:
            continue
        told = "" if itself else gain(key, ours[key], theirs.get(key)).text
        figure = element("dd", full(ours[key], key), class_="estimate" if estimated(ours[key]) else None)
        ends = element("dd", interval(ours[key]["low"], ours[key]["high"], key), class_="ends")
        against = element("dd", f"{told} than the reference" if _compares(told) else _plainly(told), class_="gain")
        cards.append(element("div", element("dt", name_of(key)), figure, ends, against if told else None))
    return element("dl", cards, class_="cards")


def _compares(told: str) -> bool:
    return told.endswith(("faster", "slower", "more", "less", "longer", "shorter"))


def _plainly(told: str) -> str:
    return "the same as the reference" if told == "the same" else f"{told}, against the reference"


def _days(document: Document) -> str:
    first, last = document["surroundings"]["first"], document["surroundings"]["last"]
    return f", {first}" if first == last else f", {first} to {last}"


def _used(used: Mapping[str, Any]) -> str:
    explored = f"{used['explored']} of {plural(int(used['candidates_in_space']), 'candidate')} explored"
    return f"{used['measurements']} of {used['budget']} measurements used, {explored}"


def navigation(sections: Sequence[Section]) -> Markup:
    """Links to the sections."""
    links = [element("li", element("a", one.short, href=f"#{one.identity}")) for one in sections]
    return element("nav", element("ul", links), aria_label="Sections")
