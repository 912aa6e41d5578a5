"""How a problem of an intent is worded, placed and collected."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

Loc = tuple[str | int, ...]

_SHOWN = 60
_REPORTED = 50
_SIMILAR = 60
_LONGEST = 200  # of what is compared


class RuleError(ValueError):
    """A rule, then the value that breaks it; whoever knows the place puts it in front."""


def shown(value: Any) -> str:
    """The value as an error message may show it: on one line, no control characters, 60 characters at most."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        value = repr(value).removesuffix(".0")
    text = value[: _SHOWN + 1] or "''" if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    text = escaped(text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def escaped(text: str) -> str:
    """The text without control, bidirectional and surrogate characters, which could fool a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def where(loc: Loc) -> str:
    """The place inside the file: ``search.knobs.batch[1]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in loc)
    return "".join(parts).removeprefix(".")


def nearest(word: str, known: Collection[str], similar: int = _SIMILAR) -> str | None:
    """The known word that ``word`` was probably meant to be.

    Args:
        word: What was written.
        known: What could have been meant.
        similar: Lowest accepted similarity, 0 to 100.
    """
    from rapidfuzz import fuzz, process

    found = process.extractOne(word[:_LONGEST], known, scorer=fuzz.ratio, processor=str.lower, score_cutoff=similar)
    return found[0] if found else None


def suggestion(word: str, known: Collection[str]) -> str:
    """What to write instead of ``word``: the nearest known word, or all of them."""
    words = sorted(known)
    near = nearest(word, words)
    if near:
        return f"; did you mean {shown(near)}?"
    return f"; known are {', '.join(shown(candidate) for candidate in words)}" if words else ""


class Problems:
    """All that is wrong with one file, so that it can be told at once."""

    def __init__(self, file: Path) -> None:
        self._file = escaped(str(file))
        self._found: dict[tuple[int, str], None] = {}

    def add(self, line: int, loc: Loc, message: str) -> None:
        """Keep one problem at a 1-based line."""
        place = f" {where(loc)}" if loc else ""
        self._found[line, f"{self._file}:{line}{place}: {message}"] = None

    def __len__(self) -> int:
        return len(self._found)

    def raise_if_any(self) -> None:
        """End here when something was found.

        Raises:
            IntentError: With one line for each problem, in the order of the file.
        """
        if not self._found:
            return
        lines = [text for _, text in sorted(self._found, key=lambda found: found[0])]
        more = len(lines) - _REPORTED
        raise IntentError(*lines[:_REPORTED], *([f"{self._file}: and {more} more problems"] if more > 0 else []))
