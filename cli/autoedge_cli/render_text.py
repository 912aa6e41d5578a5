"""Text for a terminal: what comes from outside is made harmless, and nothing is told by colour alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "console",
    "heading",
    "lines",
    "mark",
    "outcome",
    "pairs",
    "printable",
    "said",
    "say",
    "show",
    "table",
]

_CELL = 160
_PIPED_WIDTH = 120
_INDENT = "  "

# Style and both spellings of each mark, the second for terminals without Unicode.
_MARKS = {
    "chosen": ("bold green", "★", "*"),
    "reference": ("cyan", "◇", "R"),
    "front": ("blue", "●", "o"),
    "off": ("dim", "·", "."),
    "met": ("bold green", "✓", "+"),
    "not met": ("bold red", "✗", "x"),
    "undecided": ("bold yellow", "?", "?"),
}
# Words of gates and verifications for the same.
_MARKS |= dict.fromkeys(("ok", "inside", "held"), _MARKS["met"])
_MARKS |= dict.fromkeys(("outside", "regressed"), _MARKS["not met"])
_MARKS |= dict.fromkeys(("not judged", "not checked"), _MARKS["off"])


def said(text: Any, style: str = "", limit: int = _CELL) -> Text:
    """Text from outside as rich shows it: no markup, no control characters, of bearable length."""
    return Text(printable(text, limit), style=style)


def mark(console: Console, name: str) -> Text:
    """A mark (chosen, reference, front, off) or an outcome's, one cell wide."""
    style, symbol, plain = _MARKS.get(name, ("", "?", "?"))
    return Text(plain if console.options.ascii_only else symbol, style=style)


def outcome(console: Console, name: str) -> Text:
    """An outcome as symbol and word."""
    return Text.assemble(mark(console, name), " ", (printable(name, 20), _MARKS.get(name, ("",))[0]))


def heading(console: Console, title: str, *more: Text | str) -> None:
    """A section's first line, after an empty one."""
    console.print()
    console.print(Text.assemble((title, "bold"), *(part for one in more for part in ("  ", one))))


def say(console: Console, text: Text | str) -> None:
    """An indented paragraph; a plain string is never read as markup."""
    whole = Text(text) if isinstance(text, str) else text
    for line in whole.wrap(console, max(1, console.width - len(_INDENT))):
        line.rstrip()
        console.print(Text.assemble(_INDENT, line), soft_wrap=True)


def lines(console: Console, rows: Sequence[Text], most: int) -> None:
    """Indented lines, at most so many; says how many more there are."""
    for row in rows[:most]:
        say(console, row)
    if len(rows) > most:
        say(console, Text(f"and {len(rows) - most} more", style="dim"))


def table(*columns: str) -> Table:
    """An empty table in the one style; columns named here neither wrap nor align otherwise than left."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(name, no_wrap=True)
    return made


def pairs(rows: Iterable[tuple[str, Text]]) -> Table:
    """Names with what is said of each, in two columns."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column()
    for name, text in rows:
        made.add_row(said(name), text)
    return made


def show(console: Console, what: Table) -> None:
    """Print a table, indented."""
    console.print(Padding(what, (0, 0, 0, len(_INDENT)), expand=False))


def console() -> Console:
    """A console on standard output.

    Colours follow NO_COLOR and whether it is a terminal; a pipe or file gets at least 120 columns, so that tables
    stay whole. A character that the output's encoding lacks becomes a question mark, never an error.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    made = Console(markup=False, highlight=False, emoji=False)
    if not sys.stdout.isatty():
        made.width = max(_PIPED_WIDTH, made.width)
    return made
