"""Two bundles side by side: what differs in them, and all that was recorded of both."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from autoedge_cli.render_figures import ESTIMATE, NONE, full, interval, name_of, plural
from autoedge_cli.render_metrics import gain
from autoedge_cli.render_text import heading, printable, said, say, show, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from autoedge.deploy.difference import Change, Difference, FigurePair
    from autoedge.measurement import Value

_CELL = 44


def render_difference(console: Console, difference: Difference, names: tuple[str, str]) -> None:
    """Print what differs, and the figures of both where any does.

    Args:
        console: Where to.
        difference: The two bundles.
        names: What the user calls them.
    """
    a, b = (printable(name, _CELL) for name in names)
    if difference.same:
        console.print(Text(f"{a} and {b} are the same bundle {difference.a.sha256[:16]}"))
        return
    console.print(Text(f"{a}: bundle {difference.a.sha256[:16]}, {_candidate(difference.a.candidate)}"))
    console.print(Text(f"{b}: bundle {difference.b.sha256[:16]}, {_candidate(difference.b.candidate)}"))
    _changes(console, "Configuration", (a, b), difference.configuration)
    _changes(console, "Verdict", (a, b), difference.verdict)
    _figures(console, (a, b), difference.figures)
    _changes(console, "Files", (a, b), difference.files, _bytes)
    _changes(console, "Tools", (a, b), difference.tools)
    _changes(console, "Where and how they were measured", (a, b), difference.others)


def _candidate(candidate: Any) -> str:
    return printable(candidate.candidate_id, _CELL)


def _changes(
    console: Console,
    title: str,
    names: tuple[str, str],
    changes: Sequence[Change],
    written: Callable[[Any], Text] | None = None,
) -> None:
    if not changes:
        return
    heading(console, title)
    listed = table("what")
    for name in names:
        listed.add_column(name)
    for change in changes:
        listed.add_row(said(change.what, limit=60), (written or _value)(change.a), (written or _value)(change.b))
    show(console, listed)


def _value(value: Any) -> Text:
    return Text(NONE, style="dim") if value is None else said(value, limit=_CELL)


def _bytes(size: int | None) -> Text:
    return Text(NONE, style="dim") if size is None else Text(plural(size, "byte"))


def _figures(console: Console, names: tuple[str, str], pairs: Sequence[FigurePair]) -> None:
    if all(pair.a == pair.b for pair in pairs):
        return
    heading(console, "Figures as recorded")
    listed = table("metric")
    for name in names:
        listed.add_column(f"{name} (95 %)")
        listed.add_column("source")
    listed.add_column("change")
    for pair in pairs:
        change = Text("")
        if pair.a is not None and pair.b is not None:
            change = gain(pair.key, asdict(pair.b), asdict(pair.a))
        listed.add_row(name_of(pair.key), *_cells(pair.a, pair.key), *_cells(pair.b, pair.key), change)
    show(console, listed)
    if any(value is not None and value.source == "estimated" for pair in pairs for value in (pair.a, pair.b)):
        say(console, Text(f"{ESTIMATE} estimated, not measured; its interval is an error band", style="dim"))


def _cells(value: Value | None, key: str) -> tuple[Text, Text]:
    if value is None:
        return Text(NONE, style="dim"), Text("")
    ends = interval(value.low, value.high, key)
    return Text.assemble(full(asdict(value), key), " ", (ends, "dim")), Text(str(value.source), style="dim")
