"""Files and folders that appear whole or not at all, however much is written to them."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from autoedge.errors import BundleError, StoreError
from autoedge.whole import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = ".autoedge-"


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which lies at ``path`` once the block has ended well; until then an earlier one stays.

    Raises:
        BundleError: ``path`` is a folder.
        StoreError: It cannot be written.
    """
    path = path.absolute()
    if path.is_dir():
        raise BundleError(f"{path}: is a folder; name a file")
    part: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=path.parent)
        part = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            settle(file)
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


@contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path``, which is moved there once the block has ended well, and else is gone.

    Raises:
        BundleError: Something lies at ``path``, or there is no folder around it.
        StoreError: It cannot be written.
    """
    path = path.absolute()
    if os.path.lexists(path):
        raise BundleError(f"{path}: lies there already; move it away or name another folder")
    if not path.parent.is_dir():
        raise BundleError(f"{path.parent}: is no folder; make it first or name another one")
    fresh: Path | None = None
    try:
        fresh = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
        yield fresh
        for inner in [*(each for each in fresh.rglob("*") if each.is_dir()), fresh]:
            inner.chmod(0o755)
            sync_folder(inner)
        fresh.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def settle(file: BinaryIO) -> None:
    """Make a file last, and readable for all whatever the umask."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
