"""What happened over time: the search, and power and temperature where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import identity
from autoedge.report.figures import ESTIMATE, name_of, number, percent, plural
from autoedge.report.html_section import note, section
from autoedge.report.markup import Markup, element, table
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoedge.report.html_section import Section

    Document = Mapping[str, Any]

_MOST = 60


def history_section(document: Document) -> Section:
    """How much of the final hypervolume was found after each measurement."""
    history = document["history"]
    names = ", ".join(name_of(key) for key in history["objectives"])
    if not history["points"] or history["points"][-1]["share"] is None:
        told = "Nothing measured keeps every limit, so that there is no volume to follow."
        return section("history", "Search", "Search history", element("p", told), _phases(history))
    reached = [
        f"{percent} % after {plural(count, 'measurement')}" for percent, count in history["reached"].items() if count
    ]
    picture = element("div", id="history-plot", class_="plot", role="img",
                      aria_label=f"Share of the final hypervolume by measurement: {', '.join(reached)}.")  # fmt: skip
    return section(
        "history",
        "Search",
        "Search history",
        element("p", f"Share of the final hypervolume of {names}: {', '.join(reached)}."),
        element("div", picture, class_="live", hidden=True),
        _phases(history),
        _steps(history),
        note(
            "Each candidate counts with its final figures from its first valid measurement on; only candidates that "
            "keep the limits count. Times, bytes, energies and rates are taken as logarithms, points are scaled to the "
            "range of those candidates, and the reference point lies a tenth of it beyond the worst."
        ),
    )


def _phases(history: Mapping[str, Any]) -> Markup | None:
    words_of = {"baseline": "baselines", "search": "search", "confirm": "confirm rounds", "soak": "soak"}
    told = [f"{words_of.get(one['phase'], one['phase'])} {one['first']} to {one['last']}" for one in history["phases"]]
    return note(f"Measurements: {'; '.join(told[:_MOST])}.") if told else None


def _steps(history: Mapping[str, Any]) -> Markup:
    """The measurements that found something, as a table to unfold."""
    last, rows = 0.0, []
    for point in history["points"]:
        if point["share"] > last:
            last = point["share"]
            cells = [str(point["n"]), point["phase"], identity(point["candidate_id"]), f"{percent(last)} %"]
            rows.append(cells)
    made = table(["measurement", "phase", "candidate", "share"], rows, label="Measurements that found something")
    return element("details", element("summary", f"The {plural(len(rows), 'measurement')} that found something"), made)


def traces_section(document: Document) -> Section:
    """Power and temperature over time, where there are any."""
    drawn = []
    for i, trace in enumerate(document["traces"]):
        estimate = trace["source"] == "estimated"
        title = f"{ESTIMATE}{trace['title']} (estimated)" if estimate else trace["title"]
        who = f": {identity(trace['candidate_id'])}" if trace["candidate_id"] else ""
        plots = [_trace_plot(i, j, one, estimate=estimate) for j, one in enumerate(trace["series"])]
        heading = element("h3", printable(title, 200), who, class_="estimate" if estimate else None)
        drawn.append(element("div", heading, plots))
    if not drawn:
        told = "No power was recorded and the machine told no temperatures: there is nothing to draw."
        return section("traces", "Traces", "Power and temperature", element("p", told))
    return section("traces", "Traces", "Power and temperature", drawn)


def _trace_plot(i: int, j: int, series: Mapping[str, Any], *, estimate: bool) -> Markup:
    known = [value for value in series["y"] if value is not None]
    name, unit = printable(series["name"], 40), printable(series["unit"], 10)
    low, high = (number(end) for end in (min(known), max(known))) if known else ("", "")
    mark = ESTIMATE if estimate else ""
    told = f"{mark}{name}: {low} to {high} {unit}"
    picture = element("div", class_="plot low", role="img", aria_label=told, data_trace=str(i), data_series=str(j))
    return element("div", element("p", told, class_="estimate" if estimate else None),
                   element("div", picture, class_="live", hidden=True))  # fmt: skip
