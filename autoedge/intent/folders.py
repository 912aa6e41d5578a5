"""Folders that an intent names: where they lie, and that they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.intent.problem import RuleError, escaped, shown

if TYPE_CHECKING:
    from pathlib import Path

NO_SURROGATE = "none"
SHIPPED_SURROGATE = "default"


def surrogate_folder(folder: Path, text: str) -> str:
    """``default`` and ``none`` as they are; anything else is a folder, relative to the intent's.

    Raises:
        RuleError: It leads to no folder.
    """
    return text if text in {NO_SURROGATE, SHIPPED_SURROGATE} else str(_folder(folder, text))


def history_folder(folder: Path, text: str) -> str:
    """``DIR`` or ``DIR:target,target`` with the folder made absolute; a folder's name may hold a colon.

    Raises:
        RuleError: It leads to no folder.
    """
    head, colon, targets = text.rpartition(":")
    try:
        return str(_folder(folder, text))
    except RuleError:
        if not (colon and head and targets):
            raise
    return f"{_folder(folder, head)}:{targets}"


def _folder(folder: Path, text: str) -> Path:
    try:
        path = (folder / text).resolve()
        str(path).encode()  # YAML cannot hold a path that is no Unicode, so the intent could not be written back
        if path.is_dir():
            return path
        problem = "is no folder" if path.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError) as error:  # odd characters, too long, a loop of links
        problem = f"cannot be reached ({(error.strerror if isinstance(error, OSError) else None) or 'no path'})"
        raise RuleError(f"takes a folder, but {shown(text)} {problem}") from error
    raise RuleError(f"takes a folder, but {escaped(str(path))} {problem}")
