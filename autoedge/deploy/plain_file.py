"""Open a file that may be anything: a link, a pipe, a device, a folder."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path


@contextmanager
def open_plain(path: Path, advice: str, *, links: bool = True) -> Iterator[BufferedReader]:
    """A plain file to read; no pipe keeps anybody waiting.

    Args:
        path: The file.
        advice: What to do when it is none.
        links: Whether a link to it will do.

    Raises:
        BundleError: It is none, or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if links else os.O_NOFOLLOW))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "this is no path"
        raise BundleError(f"{path}: cannot be read: {reason}; {advice}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(f"{path}: is no plain file; {advice}")
    with os.fdopen(descriptor, "rb") as file:
        yield file
