"""Text from outside can do nothing to a terminal, and nothing is told by colour alone."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge_cli.render import console, printable
from autoedge_cli.render_text import heading, lines, mark, outcome, said, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\tand\r", r"two\nlines\tand\r"),
        ("abc\u202ecba", r"abc\u202ecba"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("lone \ud800", r"lone \ud800"),
        ("\x9b31m", r"\x9b31m"),
        ("no\u00a0break", "no break"),
        ("größe 模型 ≤", "größe 模型 ≤"),
    ],
)
def test_spelled_out(text: str, shown: str) -> None:
    """Control, bidirectional and invisible characters are spelled out; letters of any script stay."""
    assert printable(text) == shown


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_always_one_harmless_line(text: str, limit: int) -> None:
    """Whatever the text, the result is printable and no longer than allowed."""
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


def test_what_is_cut_is_told() -> None:
    """A text that is too long ends with an ellipsis."""
    assert printable("x" * 5000) == "x" * 999 + "…"
    assert printable("x" * 1000) == "x" * 1000


def test_markup_is_text(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """Rich markup and emoji codes from outside are shown as they are, in paragraphs, headings and lists."""
    sheet = paper()
    say(sheet, "[red]a[/red] :smile:")
    say(sheet, said("[bold]b"))
    heading(sheet, "title", said("[blink]c"))
    lines(sheet, [said("[link=http://x]d")], 1)
    for written in ("[red]a[/red] :smile:", "[bold]b", "[blink]c", "[link=http://x]d"):
        assert written in read(sheet)


def test_long_lists_are_cut(paper: Callable[..., Console], read: Callable[[Console], str]) -> None:
    """A list shows at most so many lines, and how many more there are."""
    sheet = paper()
    lines(sheet, [said(f"line {i}") for i in range(11)], 8)
    assert "line 7" in read(sheet)
    assert "line 8" not in read(sheet)
    assert "and 3 more" in read(sheet)


@pytest.mark.parametrize("name", ["met", "not met", "undecided"])
def test_outcomes_have_words(name: str, paper: Callable[..., Console]) -> None:
    """An outcome is a symbol and a word, so that it can be told without colours."""
    assert name in outcome(paper(), name).plain


def test_marks_without_unicode() -> None:
    """Where the output cannot hold the symbols, letters stand in for them, all different."""
    from rich.console import Console

    narrow = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    kinds = ("chosen", "reference", "front", "off")
    shown = [mark(narrow, kind).plain for kind in kinds]
    assert all(symbol.isascii() for symbol in shown)
    assert len(set(shown)) == len(kinds)


class _Pipe(io.TextIOWrapper):
    """Standard output that is no terminal and knows few characters."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", write_through=True)

    def written(self) -> str:
        """What came through."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("ascii")


def test_a_pipe_is_wide_and_forgiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Piped output has room for tables, no colour codes, and never fails on a character it does not know."""
    pipe = _Pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    made = console()
    assert made.width >= 120
    say(made, said("±5 % 模型", "red"))
    assert pipe.written() == "  ?5 % ??\n"


def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is honoured even where colours are forced."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    pipe = _Pipe()
    monkeypatch.setattr(sys, "stdout", pipe)
    say(console(), said("plain", "red"))
    assert "31m" not in pipe.written()
