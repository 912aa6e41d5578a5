"""Make a folder of a pack, whichever of the two kinds it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.deploy.archive import unpack_archive
from autoedge.deploy.delta import apply_delta, is_delta
from autoedge.deploy.opened import opened
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.deploy.read import Bundle


def unpack_bundle(pack: Path, out: Path, *, base: Path | None = None) -> Bundle:
    """Unpack a bundle; the folder is there whole and right, or not at all.

    Args:
        pack: An archive or a delta pack.
        out: The new folder.
        base: Folder or archive of the bundle that a delta pack was made against.

    Raises:
        BundleError: The pack is damaged or hostile, lacks its base or has one too many; or something lies at ``out``.
        StoreError: The folder cannot be written.
    """
    if not is_delta(pack):
        if base is not None:
            raise BundleError(f"{pack}: holds all of its bundle; leave --base out")
        return unpack_archive(pack, out)
    if base is None:
        raise BundleError(f"{pack}: holds only what another bundle lacks; name that one with --base")
    with opened(base) as known:
        return apply_delta(pack, known, out)
