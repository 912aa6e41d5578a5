"""What a bundle has and another one lacks, as one file: ``delta.json``, the new ``bundle.json``, and contents by hash.

Applied to that other bundle it gives the new one, or nothing: every file is held against the new record, whether it
comes from the pack or from the base.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoedge.deploy.archive import (
    DELTA,
    add_file,
    check_places,
    refuse_inside,
    take_file,
    take_record,
)
from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.in_place import fresh_folder, whole_file
from autoedge.deploy.plain_file import open_plain
from autoedge.deploy.read import AGAIN, Bundle, read_bundle
from autoedge.deploy.tar import MOST_BYTES_TOGETHER, TarReader, TarWriter, open_pack
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from autoedge.deploy.forms import DeltaForm

SUFFIX = ".delta.tar"
_MOST_BYTES = 4096
_CHUNK = 2**20
_ADVICE = "get it again, or pack it anew: autoedge bundle pack --base"


def pack_delta(folder: Path, base: Bundle, out: Path) -> Bundle:
    """Write what a bundle has and another one lacks; there whole or not at all, and the same each time.

    Args:
        folder: The new bundle's; checked before it is packed.
        base: The bundle that is there already where the pack goes; its files are not looked at.
        out: The pack; an earlier file there is replaced.

    Raises:
        BundleError: The bundle is altered, incomplete or too large, or ``out`` lies in it.
        StoreError: The pack cannot be written.
    """
    from autoedge.deploy.forms import DeltaForm

    bundle = read_bundle(folder)
    check_places(bundle)
    refuse_inside(out, folder)
    form = DeltaForm(schema_version=1, base=base.sha256, bundle=bundle.sha256)
    with whole_file(out) as file:
        tar = TarWriter(file)
        tar.add(DELTA, len(form.text), [form.text])
        add_file(tar, MANIFEST, folder / MANIFEST, bundle.sha256)
        for digest, place in _lacking(bundle, base).items():
            add_file(tar, _name(digest), folder / place, digest)
        tar.end()
    return bundle


def is_delta(pack: Path) -> bool:
    """Whether a pack begins as those do that need a base.

    Raises:
        BundleError: It is no pack at all.
    """
    with open_pack(pack) as tar:
        return tar.name == DELTA


def apply_delta(pack: Path, base: Bundle, out: Path) -> Bundle:
    """Put a bundle together from a delta pack and its base; the folder is there whole and right, or not at all.

    Args:
        pack: As ``pack_delta`` wrote it.
        base: The bundle that it was made against, in a folder.
        out: The new folder.

    Raises:
        BundleError: The pack is damaged, hostile or made against another bundle; or something lies at ``out``.
        StoreError: The folder cannot be written.
    """
    with open_pack(pack) as tar, fresh_folder(out) as fresh:
        form = _form(tar, pack)
        if form.base != base.sha256:
            raise BundleError(
                f"{pack}: was made against bundle {form.base[:16]}, but {base.folder} is {base.sha256[:16]}; name the "
                "right base, or pack the whole bundle"
            )
        bundle, _ = take_record(tar, pack, fresh)
        if bundle.sha256 != form.bundle:
            raise BundleError(f"{pack}: holds another bundle than it says; {_ADVICE}")
        room = MOST_BYTES_TOGETHER
        for digest, place in _lacking(bundle, base).items():
            found, size = take_file(tar.chunks(_name(digest)), fresh, place)
            room -= size
            if found != digest:
                raise BundleError(f"{pack}: '{place}' is not the file that was packed: its hash differs; {_ADVICE}")
        tar.end()
        _copy_rest(bundle, base, fresh, room)
    return replace(bundle, folder=out)


def _form(tar: TarReader, pack: Path) -> DeltaForm:
    from autoedge.deploy.forms import DeltaForm
    from autoedge.deploy.parsing import parsed

    data = b"".join(tar.chunks(DELTA, _MOST_BYTES))
    form = parsed(DeltaForm, data, pack / DELTA, _ADVICE)
    if form.text != data:
        raise BundleError(f"{pack / DELTA}: is not as AutoEdge writes it; {_ADVICE}")
    return form


def _lacking(bundle: Bundle, base: Bundle) -> Mapping[str, str]:
    """Contents that the base lacks, by hash, with the first file that has each."""
    known = set(base.files.values())
    places = {digest: place for place, digest in sorted(bundle.files.items(), reverse=True) if digest not in known}
    return dict(sorted(places.items()))


def _name(digest: str) -> str:
    return f"blobs/{digest}"


def _copy_rest(bundle: Bundle, base: Bundle, fresh: Path, room: int) -> None:
    """Fill what is still missing by its content: from the base, whatever it is called there, or from the pack's."""
    written = {digest: fresh / place for digest, place in _lacking(bundle, base).items()}
    known = {digest: base.folder / place for place, digest in base.files.items()}
    for place, digest in sorted(bundle.files.items()):
        if written.get(digest) == fresh / place:
            continue
        source = written.get(digest) or known[digest]
        found, size = take_file(_chunks(source, room), fresh, place)
        room -= size
        if found != digest:
            raise BundleError(f"{source}: is not the file that was bundled: its hash differs; {AGAIN}")


def _chunks(path: Path, room: int) -> Iterator[bytes]:
    with open_plain(path, AGAIN, links=False) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            room -= len(chunk)
            if room < 0:
                raise BundleError(f"{path}: a bundle has at most {MOST_BYTES_TOGETHER} bytes together; {AGAIN}")
            yield chunk
