"""HTML out of elements: text is escaped where it is put in, so that no name from outside becomes markup."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    Child = str | None | Iterable["Child"]

_LONGEST = 20_000  # no text of a report is longer
_VOID = frozenset({"meta", "br", "input"})  # elements of SVG are none of these


class Markup(str):
    """HTML that is safe as it stands."""

    __slots__ = ()


def element(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element with its children.

    Args:
        name: Of the element.
        children: Markup as it is; other text escaped, with control characters spelled out; None and empty lists
            nothing.
        attributes: Escaped; a trailing underscore falls away, others become hyphens. True is an attribute without a
            value, None and False none.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    inside = "".join(_inside(children))
    return Markup(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{inside}</{name}>")


def _attribute(key: str, value: str | float | bool | None) -> str:  # noqa: FBT001 - as HTML has it
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(printable(value, _LONGEST))}"'


def _inside(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, Markup):
            yield child
        elif isinstance(child, str):
            yield html.escape(printable(child, _LONGEST), quote=False)
        elif child is not None:
            yield from _inside(child)


def joined(*children: Child) -> Markup:
    """Several children one after the other, without an element around them."""
    return Markup("".join(_inside(children)))


def table(head: Iterable[Child], rows: Iterable[Iterable[Child]], *, label: str, kind: str = "") -> Markup:
    """A table that scrolls by itself where it is too wide, by keyboard too; the first cell of a row is its heading.

    Args:
        head: Headings of the columns.
        rows: Cells.
        label: What the table holds, for those who cannot see it.
        kind: A class for it.
    """
    headings = element("tr", [element("th", cell, scope="col") for cell in head])
    body = [
        element(
            "tr", [element("th", cell, scope="row") if not i else element("td", cell) for i, cell in enumerate(row)]
        )
        for row in rows
    ]
    return scrolling(element("table", element("thead", headings), element("tbody", body), class_=kind or None), label)


def scrolling(inside: Markup, label: str) -> Markup:
    """Something wide in a box that scrolls by itself; it takes the focus, so that arrow keys scroll it."""
    return element("div", inside, class_="wide", role="region", tabindex="0", aria_label=label)


def data_script(identity: str, document: Any) -> Markup:
    """A document as JSON inside a script element that holds data and is never run.

    ``<``, ``>`` and ``&`` are written as escapes of JSON, so that no text can end the element or begin a comment.
    """
    text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{html.escape(identity)}">{text}</script>')
