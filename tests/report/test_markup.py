"""HTML and data that nothing from outside can break out of."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.report.markup import Markup, data_script, element, joined, table
from autoedge.report.text import printable

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SHARP = st.text(st.sampled_from("</script>!-&\"'=<> \x00\x1b\u202e\u2028"), max_size=30) | st.text(max_size=30)


class Reader(HTMLParser):
    """Collects elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def _read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@given(SHARP, SHARP)
def test_any_text_stays_text(inside: str, given_: str) -> None:
    """Text in an element or an attribute is read back as it was, control characters spelled out; nothing else is."""
    read = _read(element("p", inside, title=given_))
    assert read.elements == [("p", {"title": printable(given_)})]
    assert read.text == printable(inside)


@given(JSON)
def test_data_can_end_no_element(document: Any) -> None:
    """A document inside a script element comes back whole, and no character of it means anything to HTML."""
    made = data_script("data", document)
    inside = made.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert not set("<>&\u2028") & set(inside)
    assert inside.isascii()
    assert json.loads(inside) == document


def test_data_is_plain_json() -> None:
    """What JSON does not know is refused when it is written, not when a browser reads it."""
    with pytest.raises(ValueError, match="JSON"):
        data_script("data", {"value": float("nan")})


def test_markup_is_put_in_once() -> None:
    """Markup stands as it is, other text is escaped, nothing is escaped twice, and None and empty lists are nothing."""
    inner = element("b", "<&>")
    assert inner == "<b>&lt;&amp;&gt;</b>"
    assert element("p", "a ", [inner, None, []], hidden=True, id=None) == f"<p hidden>a {inner}</p>"
    assert joined(inner, "<") == f"{inner}&lt;"
    assert isinstance(joined(inner), Markup)


def test_attributes_are_named_as_in_html() -> None:
    """Trailing underscores fall away, others are hyphens; elements of SVG are closed, void ones of HTML are not."""
    assert element("label", for_="x", aria_label="y") == '<label for="x" aria-label="y"></label>'
    assert element("meta", name="viewport") == '<meta name="viewport">'
    assert element("svg", element("rect", width=3.5)) == '<svg><rect width="3.5"></rect></svg>'


def test_tables_name_themselves_and_scroll_by_keyboard() -> None:
    """A table has headings of columns and rows, and stands in a labelled region that takes the focus."""
    read = _read(table(["one", "two"], [["a", "b"]], label="Things"))
    assert read.elements[0] == ("div", {"class": "wide", "role": "region", "tabindex": "0", "aria-label": "Things"})
    assert [attributes for tag, attributes in read.elements if tag == "th"] == [
        {"scope": "col"}, {"scope": "col"}, {"scope": "row"},
    ]  # fmt: skip


@given(st.text(), st.integers(1, 50))
def test_printable_text_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    """No control or bidirectional character is left, and a cut is told by an ellipsis."""
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    if text.isprintable() and len(text) <= limit:
        assert shown == text
