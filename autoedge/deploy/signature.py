"""Who vouches for a bundle: a statement about its ``bundle.json``, signed with Ed25519, in a file beside the bundle.

``bundle.json`` holds the hash of every other file, so one signature serves the folder, its archive and its delta packs.
What is signed begins with words that no other use of the key would sign.

Source of the algorithm: RFC 8032.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.deploy.keys import key_id, trusted_folder, trusted_keys
from autoedge.deploy.opened import beside
from autoedge.deploy.plain_file import open_plain
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SUFFIX = ".sig"
_DOMAIN = b"AutoEdge signature of a bundle, version 1\0"
_MOST_BYTES = 4096
_ADVICE = "get it again, or sign the bundle anew: autoedge bundle sign"


@dataclass(frozen=True)
class Signed:
    """A signature that holds.

    Attributes:
        key_id: Of the trusted key that made it.
        key_name: Under which the user trusts it.
        signed_at: Seconds since the epoch by the clock of who signed; tells newer bundles from older ones.
    """

    key_id: str
    key_name: str
    signed_at: int


def sign(bundle: str, key: Ed25519PrivateKey, signed_at: int) -> str:
    """The text of a signature file; the same for the same bundle, key and time.

    Args:
        bundle: SHA-256 of its ``bundle.json``.
        key: Of who vouches for it.
        signed_at: Seconds since the epoch.
    """
    from autoedge.deploy.forms import SignatureForm, StatementForm

    statement = StatementForm(
        schema_version=1, kind="autoedge-bundle", bundle=bundle, signed_at=signed_at, key=key_id(key.public_key())
    ).text
    signature = base64.b64encode(key.sign(_DOMAIN + statement.encode())).decode()
    return SignatureForm(schema_version=1, statement=statement, signature=signature).text


def check_signature(bundle: str, file: Path, trusted: Path) -> Signed:
    """Who signed a bundle, once that is sure.

    Args:
        bundle: SHA-256 of its ``bundle.json``.
        file: The signature.
        trusted: The folder of the keys that are believed.

    Raises:
        BundleError: The signature is of another bundle or version, of a key that is not trusted, forged or damaged; or
            the package for signatures is missing.
    """
    known = trusted_keys(trusted)

    from cryptography.exceptions import InvalidSignature

    from autoedge.deploy.forms import SignatureForm, StatementForm
    from autoedge.deploy.parsing import parsed

    form = parsed(SignatureForm, _content(file), file, _ADVICE)
    statement = parsed(StatementForm, form.statement, file, _ADVICE)
    if statement.key not in known:
        raise BundleError(
            f"{file}: is made with key {statement.key}, which you do not trust; if you do, copy its .pub file, as you "
            f"have it from its owner and not from beside the bundle, to {trusted}"
        )
    try:
        known[statement.key].key.verify(_raw(form.signature), _DOMAIN + form.statement.encode())
    except (InvalidSignature, ValueError) as error:
        raise BundleError(f"{file}: is forged or damaged: key {statement.key} never made it; {_ADVICE}") from error
    if statement.bundle != bundle:
        raise BundleError(
            f"{file}: is of bundle {statement.bundle[:16]}, but this one is {bundle[:16]}; get the signature of this "
            "one, or sign it: autoedge bundle sign"
        )
    return Signed(statement.key, known[statement.key].name, statement.signed_at)


def signature_of(path: Path, bundle: str, file: Path | None = None, trusted: Path | None = None) -> Signed | None:
    """Who signed a bundle, by the signature beside it, or None when it has none.

    Args:
        path: Its folder or pack.
        bundle: SHA-256 of its ``bundle.json``.
        file: A signature that lies elsewhere; it must then be there.
        trusted: The folder of the keys that are believed; by default the user's.

    Raises:
        BundleError: It has one, and it does not hold.
    """
    if file is None:
        file = signature_file(path)
        if not os.path.lexists(file):
            return None
    return check_signature(bundle, file, trusted or trusted_folder())


def signature_file(path: Path) -> Path:
    """Where the signature of a folder or pack lies: ``v2.sig`` beside ``v2``, ``v2.bundle.tar``, ``v2.delta.tar``."""
    return beside(path, SUFFIX)


def _content(file: Path) -> bytes:
    with open_plain(file, _ADVICE, links=False) as opened:
        data = opened.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise BundleError(f"{file}: a signature has at most {_MOST_BYTES} bytes, but this has more; {_ADVICE}")
    return data


def _raw(text: str) -> bytes:
    """The 64 bytes of a signature; a text that is not exactly their base64 is none."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64 has one way to write bytes, but got another one")
    return raw
