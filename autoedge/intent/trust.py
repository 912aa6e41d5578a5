"""Whether foreign code that an intent names may be loaded: the intent and the command line must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def is_trusted(intent: Path, code: Path | None, trust: Iterable[Path]) -> bool:
    """Whether the command line trusts an intent's foreign code.

    Args:
        intent: The intent file.
        code: The file with the code, where it is known.
        trust: Files and folders given with ``--trust``; a folder stands for all that lies in it.
    """
    places = [intent.resolve(), *([code.resolve()] if code else [])]
    trusted = [path.resolve() for path in trust]
    return any(place.is_relative_to(path) for place in places for path in trusted)
