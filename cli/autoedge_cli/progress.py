"""Show a run at work on standard error: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TextIO

from rich.console import Group
from rich.table import Table
from rich.text import Text

from autoedge.workflows.events import Lost, Measured, Note, StageBegan
from autoedge_cli.live import Display
from autoedge_cli.progress_state import State
from autoedge_cli.render_text import printable, said

if TYPE_CHECKING:
    from rich.console import RenderableType

    from autoedge.workflows.events import Event

# Twice a second is smooth enough to watch and costs a few thousandths of a core.
_FLIGHTS = 3
_BAR = 36
_NOTE = 300


class Progress(Display):
    """A listener for workflow events; may be called from any thread.

    In a terminal the display is taken away at the end and warnings stay; elsewhere each event that matters is one
    line, flushed at once.

    Args:
        stream: By default standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._lock = threading.Lock()
        self._state = State()

    def __call__(self, event: Event) -> None:
        """Take in an event; cheap, since the display is drawn on its own time."""
        live = self._live
        with self._lock:
            self._state.take(event)
            line = self._line(event)
            if live is None and line:
                self.write(line)
        if live is not None and (isinstance(event, Lost) or (isinstance(event, Note) and event.warning)):
            live.console.print(said(line, "yellow", _NOTE))  # without our lock, which drawing takes

    def _line(self, event: Event) -> str:
        """What an event is worth saying where there is no display; empty for nothing."""
        match event:
            case StageBegan():
                return f"{event.stage}: {printable(event.detail, _NOTE)}" if event.detail else event.stage
            case Note():
                return f"{'warning: ' if event.warning else ''}{printable(event.text, _NOTE)}"
            case Lost():
                return f"warning: {printable(event.target)} is left out from here on: {printable(event.reason, _NOTE)}"
            case Measured():
                about = f"{event.used}/{event.budget} {event.measurement.phase} {self._state.words(event.candidate)}"
                return f"{about}: {self._state.ended(event)}"
            case _:
                return ""

    def picture(self) -> RenderableType:
        """What is known by now."""
        with self._lock:
            return picture(self._state)


def picture(state: State) -> RenderableType:
    """The live display: stage, what is measured now, the best so far, the budget, and failures."""
    stage, detail = state.stage
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="dim", no_wrap=True, min_width=6)
    rows.add_column(overflow="ellipsis", no_wrap=True)
    for label, text in _now(state):
        rows.add_row(label, text)
    if state.last is not None:
        rows.add_row("best", _best(state))
        rows.add_row("budget", _budget(state))
    rows.add_row("time", _time(state))
    if state.failures:
        failed = Text(f"{state.failures}, the last: ", style="red")
        rows.add_row("failed", failed.append_text(said(state.reason)))
    if state.note:
        rows.add_row("note", said(state.note))
    return Group(Text.assemble(("autoedge ", "bold"), (stage, "bold cyan"), "  ", said(detail, "dim")), rows)


def _now(state: State) -> list[tuple[str, Text]]:
    flights = list(state.flights.values())
    if not flights:
        idle = "choosing what to measure next\nor making its model file" if state.stage[0] == "search" else "preparing"
        return [("now", Text(idle, style="dim"))]
    told: list[tuple[str, Text]] = []
    for flight in flights[:_FLIGHTS]:
        doing = f"{flight.phase}, {_clock(state.clock() - flight.since)}"
        told.append(
            ("now" if not told else "", Text.assemble(state.words(flight.candidate), "\n", said(doing, "cyan")))
        )
    if len(flights) > _FLIGHTS:
        told.append(("", Text(f"and {len(flights) - _FLIGHTS} more", style="dim")))
    return told


def _best(state: State) -> Text:
    best = state.last.best if state.last is not None else None
    if best is None:
        return Text("nothing keeps every limit yet", style="dim")
    candidate, figures = best
    return Text.assemble((state.words(candidate), "green"), "\n", state.figures(figures))


def _budget(state: State) -> Text:
    """A bar of the budget: used, still free to search, and the reserve for confirm rounds at its end."""
    if state.last is None or state.last.budget <= 0:
        return Text("")
    used, budget = min(state.last.used, state.last.budget), state.last.budget
    full = round(_BAR * used / budget)
    kept = min(round(_BAR * state.reserve / budget), _BAR - full)
    bar = Text.assemble(("━" * full, "green"), ("─" * (_BAR - full - kept), "dim"), ("╌" * kept, "yellow"))
    bar.append(f"  {state.last.used} of {budget}")
    if state.reserve:
        bar.append(f", the last {state.reserve} to confirm", style="dim")
    return bar


def _time(state: State) -> Text:
    left = "" if state.left is None else f", up to {_clock(state.left)} left"
    return Text(f"{_clock(state.elapsed)}{left}")


def _clock(seconds: float) -> str:
    """As on a clock: ``0:07``, ``12:30``, ``1:05:00``."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
