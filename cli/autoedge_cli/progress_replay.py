"""Show a replay under way on standard error: a few lines in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from autoedge_cli.live import Display
from autoedge_cli.render_figures import duration
from autoedge_cli.render_text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from autoedge.workflows.replay import ReplayState

_A_LINE_S = 15.0
_RUNNING = 4


class ReplayProgress(Display):
    """A listener for ``replay``; may be called from any thread.

    Args:
        stream: By default standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._state: ReplayState | None = None
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, state: ReplayState) -> None:
        """Take in how far the replay is."""
        self._state = state
        now = time.monotonic()
        if self._live is None and now - self._said_s >= _A_LINE_S:
            self._said_s = now
            self.write(f"replay: {told(state, now - self._began_s)}")

    def picture(self) -> RenderableType:
        """One line."""
        state = self._state
        doing = "reading the campaign" if state is None else told(state, time.monotonic() - self._began_s)
        return Text.assemble(("autoedge replay ", "bold"), doing)


def told(state: ReplayState, seconds: float) -> str:
    """How far a replay is, in one line."""
    running = [f"{printable(name, 40)} {count}/{state.budget}" for name, count in state.running.items()]
    more = [f"and {len(running) - _RUNNING} more"] if len(running) > _RUNNING else []
    parts = [f"{state.done} of {state.runs} runs", duration(seconds), *running[:_RUNNING], *more]
    return ", ".join(parts)
