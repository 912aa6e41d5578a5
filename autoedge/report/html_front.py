"""The front: a plot whose axes are chosen, and the table that says the same in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity, varying
from autoedge.report.figures import ESTIMATE, name_of, plural
from autoedge.report.html_section import ESTIMATES, metric_heading, note, outcome, section, shown_figure
from autoedge.report.markup import Markup, element, scrolling
from autoedge.report.plot_data import axes
from autoedge.report.static_plot import shape, static_plot
from autoedge.report.wording import MARKS, TEXT_MARKS, figure, mark_of, on_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]

MOST_ROWS = 500
_COLUMNS = 6


def front_section(document: Document) -> Section:
    """The plot with its controls, and the table of all candidates."""
    rows = document["candidates"]
    members = sum(bool(row["front"]) for row in rows)
    told = f"{plural(members, 'candidate')} of {len(rows)} measured ones on the front."
    if not members:
        told = f"None of {plural(len(rows), 'measured candidate')} keeps every limit by its figures."
    return section(
        "front",
        "Front",
        "The front",
        element("p", told, " No other candidate that keeps the limits is better in every objective."),
        _plot(document),
        element("h3", "Candidates", id="candidates-title"),
        _table(document),
        note(f"Objectives and limited metrics, knobs that vary; {_rest(len(rows))} ", ESTIMATES),
    )


def _rest(count: int) -> str:
    return f"the best {MOST_ROWS} of {count} candidates." if count > MOST_ROWS else "all figures are in front.json."


def _plot(document: Document) -> Markup:
    there = [name for name in MARKS if any(mark_of(row) == name for row in document["candidates"])]
    legend = element("ul", [_toggle(name) for name in reversed(there)], _keys(document), class_="legend")
    first, second = axes(document)
    drawn = element(
        "div",
        element("div", id="front-plot", class_="plot tall", role="img", aria_label=_alternative(document)),
        element("div", id="front-hover", class_="hover", hidden=True),
        class_="frame",
    )
    controls = element(
        "div", _axis("x", "Horizontal axis", document, first), _axis("y", "Vertical axis", document, second),
        class_="controls",
    )  # fmt: skip
    status = element("p", "Choose a point, or a candidate in the table.", id="front-chosen", class_="picked",
                     aria_live="polite")  # fmt: skip
    below = [note("", id_="front-outside"), _relative(document)]
    live = element("div", controls, drawn, legend, below, status, class_="live", hidden=True)
    still = element("figure", static_plot(document), element("figcaption", _alternative(document)))
    return element("div", live, element("noscript", still, legend))


def _axis(which: str, label: str, document: Document, chosen: str) -> Markup:
    options = [
        element("option", name_of(key), value=key, selected=key == chosen or None) for key in document["metrics"]
    ]
    identifier = f"axis-{which}"
    return element("label", f"{label} ", element("select", options, id=identifier), for_=identifier)


def _toggle(name: str) -> Markup:
    box = element("input", type="checkbox", checked=True, value=name, class_="toggle")
    return element("li", element("label", box, " ", shape(name), " ", MARKS[name]))


def _keys(document: Document) -> list[Markup]:
    """What else the plot shows."""
    found = [element("li", "bars: 95 % intervals")]
    if any(str(value["source"]) == "estimated" for row in document["candidates"] for value in row["metrics"].values()):
        found.append(element("li", "dashed and pale: ", element("i", "~ estimated", class_="estimate")))
    if any(one["value"] is not None for one in document["limits"]):
        found.append(element("li", "shaded: beyond a limit"))
    return found


def _relative(document: Document) -> Markup | None:
    """Why a limit on the baseline stands where it does."""
    relative = [one for one in document["limits"] if one["relative"] != "absolute" and one["value"] is not None]
    if not relative:
        return None
    mark = f" ({ESTIMATE} an estimate)" if any(one["estimated"] for one in relative) else ""
    told = f"Limits against the baseline are drawn by the reference's figure{mark}; the verdict compares in pairs."
    return note(told)


def _alternative(document: Document) -> str:
    first, second = axes(document)
    count = len(document["candidates"])
    return (
        f"{plural(count, 'measured candidate')} by {name_of(first)} and {name_of(second)}; "
        "the table of candidates below says the same in words."
    )


def _table(document: Document) -> Markup:
    columns = document["metrics"][: max(_COLUMNS, len(document["verdict"]["objectives"]))]
    wanted = {*document["verdict"]["objectives"], *(one["metric"] for one in document["limits"])}
    columns = [key for key in columns if key in wanted] or columns
    head = ["candidate", "stands", "configuration", *map(metric_heading, columns), "limits", "processes"]
    knobs = varying(row["configuration"]["knobs"] for row in document["candidates"])
    rows = [
        element("tr", _cells(row, columns, knobs, document["verdict"]), data_row=str(i), class_=mark_of(row))
        for i, row in enumerate(document["candidates"][:MOST_ROWS])
    ]
    headings = element("tr", [element("th", cell, scope="col") for cell in head])
    made = element("table", element("thead", headings), element("tbody", rows), class_="candidates", id="candidates")
    return scrolling(made, "Candidates")


def _cells(
    row: Mapping[str, Any], columns: Sequence[str], knobs: Sequence[str], verdict: Mapping[str, Any]
) -> list[Markup]:
    """One candidate, its id first."""
    mark = mark_of(row)
    also = " (front)" if row["front"] and mark in ("chosen", "reference") else ""
    cells = [
        element("th", identity(row["candidate_id"]), scope="row"),
        element("td", f"{TEXT_MARKS[mark]} {MARKS[mark]}{also}", class_="nowrap"),
        element("td", on_target(row, verdict, knobs), class_="configuration"),
    ]
    for key in columns:
        text, ends, estimate = figure(row["metrics"].get(key), key)
        cells.append(element("td", shown_figure(text, ends, estimate=estimate), class_="number"))
    confirmed = ", confirmed" if row["phase"] == "confirm" else ""
    cells += [
        element("td", outcome(str(row["outcome"]))),
        element("td", f"{row['n_processes']}{confirmed}", class_="nowrap"),
    ]
    return cells
