"""A display that is drawn anew while something runs, on a terminal alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

_REFRESH_HZ = 2  # drawing takes time from what is measured on this machine


def started_live(stream: TextIO, picture: Callable[[], RenderableType]) -> Live | None:
    """A running display; None where the stream is no terminal that could show one.

    Args:
        stream: Where it is drawn.
        picture: What it shows at the moment; called some times a second, from a thread of its own.
    """
    console = Console(file=stream, markup=False, highlight=False, emoji=False)
    if not stream.isatty() or console.is_dumb_terminal:
        return None
    live = Live(
        console=console,
        get_renderable=picture,
        refresh_per_second=_REFRESH_HZ,
        transient=True,
        redirect_stdout=False,  # standard output is for results, and may go elsewhere
    )
    live.start()
    return live
