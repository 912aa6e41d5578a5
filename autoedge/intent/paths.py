"""Files and folders that an intent names: where they lie, and that they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from autoedge.intent.problem import RuleError, escaped, shown

if TYPE_CHECKING:
    from pathlib import Path

NO_SURROGATE = "none"
SHIPPED_SURROGATE = "default"


def absolute_file(folder: Path, text: str) -> Path:
    """A file of the intent: relative to its folder, links in the way followed, the last one kept.

    Raises:
        RuleError: It leads to no file.
    """
    return _there(folder, text, "file")


def data_path(folder: Path, text: str) -> Path:
    """Samples: a file, or a folder of images.

    Raises:
        RuleError: It leads to neither.
    """
    try:
        return _there(folder, text, "folder")
    except RuleError:
        return _there(folder, text, "file")


def surrogate_folder(folder: Path, text: str) -> str:
    """``default`` and ``none`` as they are; anything else is a folder, relative to the intent's.

    Raises:
        RuleError: It leads to no folder.
    """
    if text in {NO_SURROGATE, SHIPPED_SURROGATE}:
        return text
    try:
        return str(_there(folder, text, "folder"))
    except RuleError as error:
        raise RuleError(f"{error}; write default, none, or a folder that `autoedge retrain` made") from error


def history_folder(folder: Path, text: str) -> str:
    """``DIR`` or ``DIR:target,target`` with the folder made absolute; a folder's name may hold a colon.

    Raises:
        RuleError: It leads to no folder.
    """
    head, colon, targets = text.rpartition(":")
    try:
        return str(_there(folder, text, "folder"))
    except RuleError:
        if not (colon and head and targets):
            raise
    return f"{_there(folder, head, 'folder')}:{targets}"


def _there(folder: Path, text: str, kind: Literal["file", "folder"]) -> Path:
    try:
        path = folder / text
        path = path.resolve() if kind == "folder" else path.parent.resolve() / path.name  # a file's name says something
        str(path).encode()  # YAML cannot hold a path that is no Unicode, so the intent could not be written back
        if path.is_dir() if kind == "folder" else path.is_file():
            return path
        problem = f"is no {kind}" if path.exists() else "does not exist"
    except (OSError, ValueError, RuntimeError) as error:  # odd characters, too long, a loop of links
        problem = f"cannot be reached ({(error.strerror if isinstance(error, OSError) else None) or 'no path'})"
        raise RuleError(f"takes a {kind}, but {shown(text)} {problem}") from error
    raise RuleError(f"takes a {kind}, but {escaped(str(path))} {problem}")
