"""A bundle as one file: ``bundle.json`` first, then every file that it lists, by name; equal bundles, equal bytes.

Unpacking believes nothing. The record comes first and says which files must follow, so names of the archive are
compared and never used, and all is hashed while it is written to a folder that nobody sees before all of it was right.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.in_place import fresh_folder, settle, whole_file
from autoedge.deploy.plain_file import open_plain
from autoedge.deploy.read import AGAIN, CACHE, MOST_BYTES, Bundle, parse_bundle, read_bundle
from autoedge.deploy.tar import MOST_FILES, TarReader, TarWriter, open_pack
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

SUFFIX = ".bundle.tar"
DELTA = "delta.json"
"""First in a pack that holds only what another bundle lacks."""
_CHUNK = 2**20


def pack_bundle(folder: Path, out: Path) -> Bundle:
    """Write a bundle as one file, which is there whole or not at all.

    Args:
        folder: The bundle's; checked before it is packed.
        out: The archive; an earlier file there is replaced.

    Raises:
        BundleError: The bundle is altered, incomplete or too large, or ``out`` lies in it.
        StoreError: The archive cannot be written.
    """
    bundle = read_bundle(folder)
    check_places(bundle)
    refuse_inside(out, folder)
    with whole_file(out) as file:
        tar = TarWriter(file)
        add_file(tar, MANIFEST, folder / MANIFEST, bundle.sha256)
        for place, expected in sorted(bundle.files.items()):
            add_file(tar, place, folder / place, expected)
        tar.end()
    return bundle


def check_archive(archive: Path) -> tuple[Bundle, Mapping[str, int]]:
    """A bundle and the sizes of its files, once all of an archive was read and is right; nothing is written.

    The bundle's folder is the archive, so its files cannot be opened.

    Raises:
        BundleError: It is no archive of a bundle, or a damaged or hostile one.
    """
    with open_pack(archive) as tar:
        return _take(tar, archive, None)


def unpack_archive(archive: Path, out: Path) -> Bundle:
    """Unpack a bundle; the folder is there whole and right, or not at all.

    Args:
        archive: As ``pack_bundle`` wrote it.
        out: The new folder.

    Raises:
        BundleError: It is no archive of a bundle, or a damaged or hostile one; or something lies at ``out``.
        StoreError: The folder cannot be written.
    """
    with open_pack(archive) as tar, fresh_folder(out) as fresh:
        bundle, _ = _take(tar, archive, fresh)
    return replace(bundle, folder=out)


def _take(tar: TarReader, archive: Path, folder: Path | None) -> tuple[Bundle, Mapping[str, int]]:
    if tar.name == DELTA:
        raise BundleError(f"{archive}: holds only what another bundle lacks; autoedge bundle unpack --base BUNDLE")
    bundle, size = take_record(tar, archive, folder)
    sizes = {MANIFEST: size}
    for place, expected in sorted(bundle.files.items()):
        found, sizes[place] = take_file(tar.chunks(place), folder, place)
        if found != expected:
            raise BundleError(f"{archive}: '{place}' is not the file that was bundled: its hash differs; {AGAIN}")
    tar.end()
    return bundle, sizes


def take_record(tar: TarReader, archive: Path, folder: Path | None) -> tuple[Bundle, int]:
    """The bundle that a pack is of, by the record that comes next in it, and the record's size.

    Raises:
        BundleError: No record comes next, or it is wrong.
    """
    data = b"".join(tar.chunks(MANIFEST, MOST_BYTES))
    bundle = parse_bundle(archive, data)
    check_places(bundle)
    take_file(iter([data]), folder, MANIFEST)
    return bundle, len(data)


def take_file(chunks: Iterable[bytes], folder: Path | None, place: str) -> tuple[str, int]:
    """Write a file, or only look at it without a folder; gives its SHA-256 and size."""
    if folder is None:
        return _looked_at(chunks)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    with (folder / place).open("xb") as file:
        found = _looked_at(_written(chunks, file))
        settle(file)
    return found


def _looked_at(chunks: Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _written(chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def add_file(tar: TarWriter, name: str, path: Path, expected: str) -> None:
    """Pack a file under a name, once more held against its hash.

    Raises:
        BundleError: It was changed since it was checked.
    """
    with open_plain(path, AGAIN, links=False) as file:
        digest = hashlib.sha256()
        tar.add(name, os.fstat(file.fileno()).st_size, _hashed(file, digest))
    if digest.hexdigest() != expected:
        raise BundleError(f"{path}: changed while it was packed; pack the bundle again")


def _hashed(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        digest.update(chunk)
        yield chunk


def check_places(bundle: Bundle) -> None:
    """Make sure that the files of a bundle can lie beside one another, on any file system.

    Raises:
        BundleError: A name stands for two files, or for a file and a folder, on some systems at least; or there are
            too many.
    """
    if len(bundle.files) >= MOST_FILES:
        raise BundleError(f"{bundle.folder}: a bundle has less than {MOST_FILES} files, but this {len(bundle.files)}")
    files = [MANIFEST, *bundle.files]
    folders = {str(folder) for place in files for folder in PurePosixPath(place).parents} - {"."}
    clash = _first_twice([*files, *sorted(folders)])
    if clash is not None:
        raise BundleError(f"{bundle.folder}: '{clash}' stands for two things in it; {AGAIN}")
    if any(CACHE in place.split("/") for place in files):
        raise BundleError(f"{bundle.folder}: a bundle brings no {CACHE} along, but this does; {AGAIN}")


def _first_twice(names: Collection[str]) -> str | None:
    """A name that is there twice where letters are not told apart by their case."""
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    return None


def refuse_inside(out: Path, folder: Path) -> None:
    """Make sure that a file is not written into the bundle that it is made of.

    Raises:
        BundleError: It would be.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"{out}: lies in the bundle, which would no longer be itself; name a place outside")
