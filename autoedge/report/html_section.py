"""A section of the page: its heading, its place in the navigation, its content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.report.figures import ESTIMATE, name_of, unit_of
from autoedge.report.markup import Markup, element
from autoedge.report.wording import SYMBOLS

if TYPE_CHECKING:
    from autoedge.report.markup import Child

ESTIMATES = f"{ESTIMATE} and italics: estimated, not measured; the interval is the band that it may be off by."


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        identity: Of its element, for links.
        short: Its name in the navigation.
        section: The element.
    """

    identity: str
    short: str
    section: Markup


def section(identity: str, short: str, title: Child, *children: Child) -> Section:
    """A section with its heading."""
    heading = element("h2", title, id=f"{identity}-title")
    made = element("section", heading, children, id=identity, aria_labelledby=f"{identity}-title")
    return Section(identity, short, made)


def note(*children: Child, id_: str | None = None) -> Markup:
    """A remark in small print."""
    return element("p", children, class_="note", id=id_)


def outcome(word: str) -> Markup:
    """An outcome by word, symbol and colour, never by colour alone."""
    kind = {"met": "met", "not met": "broken"}.get(word, "open")
    return element("span", f"{SYMBOLS.get(word, '?')} {word}", class_=f"outcome {kind}")


def shown_figure(text: str, ends: str = "", *, estimate: bool = False) -> Markup:
    """A figure with its interval; an estimate in italics behind its mark."""
    inside = element("i", f"{ESTIMATE}{text}", class_="estimate") if estimate else element("b", text)
    return element("span", inside, [" ", element("small", ends)] if ends else None, class_="figure")


def metric_heading(key: str) -> Markup:
    """A metric's name over its unit."""
    unit = unit_of(key)
    return element("span", name_of(key), [" ", element("small", f"({unit})")] if unit else None)
