"""Show candidates in the making on standard error: a line in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from autoedge_cli.live import Display
from autoedge_cli.render_figures import duration
from autoedge_cli.render_text import printable, said

if TYPE_CHECKING:
    from rich.console import RenderableType

    from autoedge.workflows.compress import CompressState

_A_LINE_S = 15.0
_NOTE = 600


class CompressProgress(Display):
    """A listener for ``compress``; may be called from any thread.

    Args:
        stream: By default standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._state: CompressState | None = None
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, state: CompressState) -> None:
        """Take in how far the work is."""
        self._state = state
        now = time.monotonic()
        if state.note:
            self._note(state)
        elif self._live is None and now - self._said_s >= _A_LINE_S:
            self._said_s = now
            self.write(f"compress: {told(state, now - self._began_s)}")

    def _note(self, state: CompressState) -> None:
        if self._live is None:
            self.write(f"{'warning: ' if state.warning else ''}{printable(state.note, _NOTE)}")
        elif state.warning:
            self._live.console.print(said(state.note, "yellow", _NOTE))

    def picture(self) -> RenderableType:
        """One line."""
        seconds = time.monotonic() - self._began_s
        doing = "reading the spec" if self._state is None else told(self._state, seconds)
        return Text.assemble(("autoedge compress ", "bold"), doing)


def told(state: CompressState, seconds: float) -> str:
    """How far the work is, in one line."""
    if not state.candidate:
        return f"loading the model, {duration(seconds)}"
    parts = [f"{printable(state.candidate, 64)} ({state.number} of {state.count})"]
    if state.epoch:
        parts.append(f"epoch {state.epoch} of {state.epochs}")
    if state.loss is not None:
        parts.append(f"loss {state.loss:.3g}")
    if state.holdout is not None:
        parts.append(f"holdout {state.holdout:.4g}")
    return ", ".join([*parts, duration(seconds)])
