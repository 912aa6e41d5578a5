"""Small files of the kernel: one value each, in a tree whose root tests may choose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.meters.surroundings import Surroundings

_LONGEST = 65536


def read_text(path: Path) -> str:
    """What the file says, without blanks around it.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", "replace").strip(" \t\r\n\0")


def read_int(path: Path) -> int:
    """The whole number in a file.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds something else.
    """
    text = read_text(path)
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{path} holds {text[:40]!r} instead of a whole number") from None


def text_or_none(path: Path) -> str | None:
    """What the file says; None where it is missing, unreadable or empty."""
    try:
        return read_text(path) or None
    except OSError:
        return None


def int_or_none(path: Path) -> int | None:
    """The whole number in a file; None where there is none to be had."""
    try:
        return read_int(path)
    except (OSError, ValueError):
        return None


def numbered(folder: Path, prefix: str) -> list[Path]:
    """Entries named prefix and number, in the order of their numbers; none where there is no such folder."""
    try:
        entries = [entry for entry in folder.iterdir() if entry.name.startswith(prefix)]
    except OSError:
        return []
    return sorted(
        (entry for entry in entries if entry.name[len(prefix) :].isdecimal()),
        key=lambda entry: int(entry.name[len(prefix) :]),
    )


def rooted(around: Surroundings, **options: Any) -> dict[str, Any]:
    """A sensor's options, with the root of the tree where it is not the system's own."""
    root = str(around.root)
    return options if root == "/" else {**options, "root": root}
