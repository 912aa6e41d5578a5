"""A bundle wherever it lies: in a folder, or in an archive."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from autoedge.deploy.archive import SUFFIX, check_archive, unpack_archive
from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.delta import SUFFIX as DELTA_SUFFIX
from autoedge.deploy.read import read_bundle
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.deploy.read import Bundle


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """A bundle whose files can be opened, for as long as the block lasts; an archive is unpacked for that time.

    Args:
        path: Of its folder, or of an archive.

    Raises:
        BundleError: It is altered, incomplete, damaged or hostile.
        StoreError: The archive cannot be unpacked on this machine.
    """
    if path.is_dir():
        yield read_bundle(path)
        return
    _refuse_nothing(path)
    with TemporaryDirectory(prefix="autoedge-bundle-") as name:
        yield unpack_archive(path, Path(name) / path.absolute().name)


def looked_into(path: Path) -> tuple[Bundle, Mapping[str, int]]:
    """A bundle and the sizes of its files, without unpacking an archive: then its files cannot be opened.

    Args:
        path: Of its folder, or of an archive.

    Raises:
        BundleError: It is altered, incomplete, damaged or hostile.
    """
    if not path.is_dir():
        _refuse_nothing(path)
        return check_archive(path)
    bundle = read_bundle(path)
    return bundle, {place: (path / place).lstat().st_size for place in (MANIFEST, *bundle.files)}


def beside(path: Path, suffix: str) -> Path:
    """A file beside a folder or pack, called like it but for its ending: ``v2.sig`` for ``v2`` and ``v2.bundle.tar``.

    Raises:
        BundleError: There is no place beside it.
    """
    whole = path.resolve() if path.name in ("", "..") else path.absolute()
    name = whole.name.removesuffix(SUFFIX).removesuffix(DELTA_SUFFIX)
    if not name:
        raise BundleError(f"{path}: has no name that a file beside it could have; name the file")
    return whole.with_name(f"{name}{suffix}")


def _refuse_nothing(path: Path) -> None:
    if not path.exists():
        raise BundleError(f"{path}: is neither the folder of a bundle nor an archive; name one")
