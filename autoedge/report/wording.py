"""Words that every form of a report uses: outcomes, marks, and how a figure came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoedge.report.configuration import words
from autoedge.report.figures import NONE, bare, estimated, interval, plural
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    Row = Mapping[str, Any]

SENTENCES = {
    "met": "The chosen candidate keeps every limit.",
    "not met": "Nothing measured keeps every limit; the nearest candidate is shown.",
    "undecided": "Too close to tell with what was measured.",
}
SYMBOLS = {"met": "✓", "not met": "✗", "undecided": "?"}
TITLES = {"met": "Chosen", "not met": "Nearest", "undecided": "Chosen, undecided"}
MARKS = {
    "chosen": "chosen",
    "reference": "reference",
    "front": "on the front",
    "dominated": "dominated",
    "refused": "breaks a limit",
}
"""How a candidate stands, by the name of its shape in the plot."""
TEXT_MARKS = {"chosen": "★", "reference": "◇", "front": "●", "dominated": "○", "refused": "✕"}


def mark_of(row: Row) -> str:
    """How a candidate stands, as one of ``MARKS``."""
    if row["chosen"]:
        return "chosen"
    if row["reference"]:
        return "reference"
    return "front" if row["front"] else "dominated" if row["feasible"] else "refused"


def how_measured(row: Row) -> str:
    """In how many processes, and whether confirmed."""
    processes = plural(int(row["n_processes"]), "fresh process", "fresh processes")
    return f"confirmed in {processes}" if row["phase"] == "confirm" else f"measured in {processes}, not confirmed"


def on_target(row: Row, verdict: Mapping[str, Any], shown: Collection[str] | None = None) -> str:
    """A candidate's configuration (the knobs ``shown`` only), with its target where there are several."""
    where = f" on {printable(row['target'], 40)}" if len(verdict["targets"]) > 1 else ""
    return words(row["configuration"], shown) + where


def figure(value: Mapping[str, Any] | None, key: str) -> tuple[str, str, bool]:
    """A value without its unit, its interval, and whether it is an estimate; a dash where there is none."""
    if value is None:
        return NONE, "", False
    return bare(value["value"], key), interval(value["low"], value["high"], key), estimated(value)
