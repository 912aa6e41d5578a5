"""Show a soak under way on standard error: one line in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TextIO

from rich.text import Text

from autoedge.measurement import Source
from autoedge_cli.live import Display
from autoedge_cli.render_configuration import words
from autoedge_cli.render_figures import ESTIMATE, duration, number
from autoedge_cli.render_text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from autoedge.workflows.soak import SoakState

_A_LINE_S = 60.0


class SoakProgress(Display):
    """A listener for ``soak``; may be called from any thread.

    Args:
        stream: By default standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._state: SoakState | None = None
        self._said_s = 0.0
        self._phase = ""

    def __call__(self, state: SoakState) -> None:
        """Take in how far the soak is."""
        self._state = state
        if self._live is not None:
            return
        phase, now = state.phase.partition(":")[0], time.monotonic()
        if phase != self._phase or now - self._said_s >= _A_LINE_S:
            self._phase, self._said_s = phase, now
            self.write(told(state))

    def picture(self) -> RenderableType:
        """The candidate, and one line."""
        state = self._state
        if state is None:
            return Text("autoedge soak: reaching the target")
        return Text.assemble(
            ("autoedge soak ", "bold"), words(state.candidate.configuration.canonical, []), "\n  ", told(state)
        )


def told(state: SoakState) -> str:
    """How far a soak is, in one line."""
    tick = state.tick
    if tick is None:
        return printable(state.phase, 120)
    parts = [f"soak: {duration(max(0.0, tick.seconds - tick.elapsed_s))} left"]
    if tick.latency_ms is not None:
        against = f" ({tick.latency_ms / state.first_ms - 1:+.1%} against the first minute)" if state.first_ms else ""
        parts.append(f"{number(tick.latency_ms, 4)} ms a call{against}")
    if tick.temp_c is not None:
        parts.append(f"{tick.temp_c:.1f} °C")
    if tick.power_w is not None:
        mark = ESTIMATE if state.power_source is Source.ESTIMATED else ""
        parts.append(f"{mark}{number(tick.power_w, 4)} W")
    return ", ".join(parts)
