"""Battery, carbon and cost in use: the chosen candidate beside the reference, with the formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.figures import ESTIMATE
from autoedge.report.html_section import ESTIMATES, note, section, shown_figure
from autoedge.report.markup import Markup, element, table
from autoedge.report.operation import operation_lines, operation_words
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.report.html_section import Section
    from autoedge.report.operation import Line

    Document = Mapping[str, Any]

_TEXT = 400
_YOURS = (
    "I, embodied, lifetime, devices and prices are the intent's own and count as exact; intervals are the power's, "
    "carried along. R is one item. An empty battery is replaced, or charged where that is possible. SCI: Software "
    "Carbon Intensity, ISO/IEC 21031:2024. "
)


def operation_section(document: Document) -> Section:
    """Figures of both candidates, each formula with its numbers, and what to add for more."""
    told, lines = document["operation"], operation_lines(document)
    verdict = document["verdict"]
    itself = verdict["chosen"]["candidate_id"] == verdict["reference"]["candidate_id"]
    where = f"On {printable(verdict['chosen']['target'], 40)}: {operation_words(document)}."
    remarks = [element("p", printable(one, _TEXT)) for one in (*told["notes"], *told["missing"])]
    shown = [element("p", where), _figures(lines, itself=itself), _formulas(lines)] if lines else []
    return section(
        "operation", "Battery, carbon, cost", "Battery, carbon and cost", shown, remarks,
        note(_YOURS, ESTIMATES) if lines else None,
    )  # fmt: skip


def _figures(lines: Sequence[Line], *, itself: bool) -> Markup:
    rows = [
        [
            line.title,
            shown_figure(*line.chosen, estimate=line.estimates[0]),
            *([] if itself else [shown_figure(*line.reference, estimate=line.estimates[1])]),
        ]
        for line in lines
    ]
    head = ["in use", "chosen", *([] if itself else ["reference"])]
    return table(head, rows, label="Battery, carbon and cost of the chosen candidate and the reference")


def _formulas(lines: Sequence[Line]) -> Markup:
    rows = [
        element(
            "li", f"{line.title} = ",
            element("span", line.formula, " = ", shown_figure(line.chosen[0], estimate=line.estimates[0]),
                    class_="estimate" if ESTIMATE in line.formula else None),
        )
        for line in lines
    ]  # fmt: skip
    return element("div", element("h3", "How, with the chosen candidate's numbers"), element("ul", rows))
