"""Vouch for a bundle with a private key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autoedge.deploy.archive import refuse_inside
from autoedge.deploy.keys import open_key
from autoedge.deploy.opened import looked_into
from autoedge.deploy.signature import sign, signature_file
from autoedge.errors import BundleError, StoreError
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def sign_bundle(
    bundle: Path, key: Path, out: Path | None = None, *, passphrase: Callable[[], str | None] = lambda: None
) -> Path:
    """Sign a bundle, once every file of it was checked.

    Args:
        bundle: Its folder or archive; the signature serves both, and delta packs of it.
        key: The private key's file.
        out: The signature's file; by default ``NAME.sig`` beside the bundle. An earlier one is replaced.
        passphrase: Asked where the key is enciphered and ``AUTOEDGE_KEY_PASSPHRASE`` is not set.

    Returns:
        The signature's file.

    Raises:
        BundleError: The bundle is altered or incomplete, or the key cannot be used.
        StoreError: The signature cannot be written.
    """
    out = out or signature_file(bundle)
    refuse_inside(out, bundle)
    if out.is_dir():
        raise BundleError(f"{out}: is a folder; name a file")
    found, _ = looked_into(bundle)
    text = sign(found.sha256, open_key(key, passphrase), int(time.time()))
    try:
        write_whole(out, text)
    except OSError as error:
        raise StoreError(f"{out}: the signature cannot be written: {error.strerror or error}") from error
    return out
