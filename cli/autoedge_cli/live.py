"""What shows something at work on standard error: drawn anew on a terminal, in lines elsewhere."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from rich.console import RenderableType

_REFRESH_HZ = 2  # drawing takes time from what is measured on this machine


class Display(ABC):
    """A context manager; on a terminal its picture is drawn some times a second and taken away at the end.

    A stream that can no longer be written to never ends what is shown.

    Args:
        stream: By default standard error.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live: Live | None = None

    def __enter__(self) -> Self:
        console = Console(file=self._stream, markup=False, highlight=False, emoji=False)
        if self._stream.isatty() and not console.is_dumb_terminal:
            self._live = Live(
                console=console,
                get_renderable=self.picture,
                refresh_per_second=_REFRESH_HZ,
                transient=True,
                redirect_stdout=False,  # standard output is for results, and may go elsewhere
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @abstractmethod
    def picture(self) -> RenderableType:
        """What is shown at the moment; called from a thread of its own."""

    def write(self, line: str) -> None:
        """One line, where nothing is drawn."""
        try:
            self._stream.write(f"autoedge: {line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # whoever read our output is gone, or closed it
            return
