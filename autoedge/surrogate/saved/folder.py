"""The files of a saved surrogate, replaced all at once: whoever reads finds the old ones or the new ones."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autoedge.errors import SurrogateError
from autoedge.whole import sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PART = ".part"
_NEXT = ".next"


def current(folder: Path, name: str) -> Path:
    """Where a file of the surrogate lies now; a replacement that was interrupted after its files were whole counts."""
    ahead = folder / _NEXT / name
    return ahead if ahead.is_file() else folder / name


def replace_files(folder: Path, files: Mapping[str, str]) -> None:
    """Replace the files by new ones; hold the folder with ``held`` meanwhile.

    Killed at any moment, ``current`` finds all the old files, or all the new ones.

    Raises:
        OSError: They cannot be written; the old ones stay as they are.
    """
    settle(folder)
    part = folder / _PART
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name, text in files.items():
        write_whole(part / name, text)
    sync_folder(part)
    part.rename(folder / _NEXT)  # from here on the new files count
    sync_folder(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """Bring over what an interrupted replacement left behind."""
    ahead = folder / _NEXT
    if ahead.is_dir():
        for path in sorted(ahead.iterdir()):
            path.replace(folder / path.name)
        sync_folder(folder)
        ahead.rmdir()
    shutil.rmtree(folder / _PART, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; it is made when missing.

    Raises:
        SurrogateError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SurrogateError(f"{folder}: another retraining writes to it; wait for it to end") from None
    finally:
        os.close(handle)
