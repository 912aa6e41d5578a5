"""report.md: whatever names hold, it renders as its own tables, lists and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autoedge.report.markdown import escaped_markdown, markdown_report
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it.token import Token

    Document = dict[str, Any]

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SHARP = st.text(st.sampled_from("\\`*_{}[]()<>#+-.!|~@:$=&;19ab /w\n\x1b"), max_size=30) | st.text(max_size=30)


def _inline(text: str) -> list[Token]:
    return [token for block in RENDERER.parse(text) for token in block.children or ()]


@given(SHARP)
@example("__0__")
@example("a__b_ _c")
def test_any_text_is_shown_as_it_is(text: str) -> None:
    """In a list item and in a cell text renders as itself: no emphasis, link, code, HTML, cell or line of its own."""
    shown = " ".join(printable(text, 400).split())
    cell = f"| head |\n|---|\n| x{escaped_markdown(text)}x |\n"
    tokens = _inline(cell)
    assert {token.type for token in tokens} == {"text"}
    told = " ".join("".join(token.content for token in tokens[1:]).split())
    assert told.replace(" ", "") == f"x{shown}x".replace(" ", "")
    item = RENDERER.parse(f"- {escaped_markdown(text)}\n")
    kinds = [token.type for token in item]
    assert kinds in (
        ["bullet_list_open", "list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close",
         "bullet_list_close"],
        ["bullet_list_open", "list_item_open", "list_item_close", "bullet_list_close"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["https://x.example", "www.x.example", "a@b.example", "@team", "see #12", ":tada:", "$x^2$", "~~no~~"]
)
def test_nothing_of_github_begins(text: str) -> None:
    """Addresses, mentions, issues, emoji, formulas and strikethrough lose the character that begins them."""
    escaped = escaped_markdown(text).replace("&#", "")
    for sign in ("://", "www.", "@", "#", ":tada:", "$", "~"):
        assert sign not in escaped


def test_hostile_names_change_words_alone(document: Callable[..., Document], hostile: Document) -> None:
    """The blocks of the page are the same with plain and with hostile names, and none of them is HTML or a link."""
    plain = [token.type for token in RENDERER.parse(markdown_report(document("not met")))]
    text = markdown_report(hostile)
    assert [token.type for token in RENDERER.parse(text)] == plain
    assert {token.type for token in _inline(text)} <= {
        "text", "strong_open", "strong_close", "em_open", "em_close", "softbreak",
    }  # fmt: skip
    assert all(line.isprintable() for line in text.split("\n"))


def test_it_says_what_a_pull_request_needs(document: Callable[..., Document]) -> None:
    """Outcome first, then constraints, the chosen candidate against the reference, the front, and how."""
    text = markdown_report(document())
    order = ["## AutoEdge: digits: ✓ met", "| accuracy &#62;= 0.95 | ✓ met |", "### Chosen against the reference",
             "### Front: 3 candidates", "58 of 60 measurements used"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_estimates_are_marked(document: Callable[..., Document]) -> None:
    """An estimated figure is in italics behind its mark, in every table, and the last line says what that means."""
    text = markdown_report(document())
    assert "*&#126;0.468 mJ*" in text
    assert "| *&#126;0.468* |" in text
    assert "estimated, not measured" in text.rstrip().splitlines()[-1]


def test_relaxations_and_advice_stand_below_the_verdict(document: Callable[..., Document]) -> None:
    """A run that is not met says which limit to move, and how far."""
    assert "- relax accuracy &#62;= 0.95 to **94.0 %**: candidate 77bd0c11fe passes" in markdown_report(
        document("not met")
    )
