"""Text from outside, made harmless for every place that it is shown in."""

from __future__ import annotations

import unicodedata
from typing import Any

LINE = 1000


def printable(text: Any, limit: int = LINE) -> str:
    r"""One line that steers nothing: control and bidirectional characters are spelled out (``\x1b``).

    Args:
        text: Anything; its ``str`` is shown.
        limit: Characters kept; what is cut is told by an ellipsis.
    """
    raw = str(text)
    shown = "".join(_visible(character) for character in raw[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    # Other widths of space are harmless; all else that is not printable might steer a terminal or turn text round.
    return " " if unicodedata.category(character) == "Zs" else repr(character)[1:-1]
