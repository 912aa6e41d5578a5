"""Make one file of a bundle, in full or against another bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.deploy import archive, delta
from autoedge.deploy.opened import beside, looked_into

if TYPE_CHECKING:
    from pathlib import Path


def pack_bundle(folder: Path, out: Path | None = None, *, base: Path | None = None) -> Path:
    """Pack a bundle; the file is the same each time and everywhere.

    Args:
        folder: The bundle's; checked first.
        out: The file; by default ``NAME.bundle.tar`` beside the folder, with a base ``NAME.delta.tar``.
        base: Folder or archive of a bundle that is already where the pack goes: only what it lacks is packed.

    Returns:
        The file.

    Raises:
        BundleError: Either bundle is altered, incomplete or too large.
        StoreError: The file cannot be written.
    """
    if base is None:
        out = out or beside(folder, archive.SUFFIX)
        archive.pack_bundle(folder, out)
        return out
    known, _ = looked_into(base)
    out = out or beside(folder, delta.SUFFIX)
    delta.pack_delta(folder, known, out)
    return out
