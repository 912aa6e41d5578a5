"""Keys that sign bundles (Ed25519): making them, opening one's own, and those that the user trusts.

Private keys are files of their owner alone. Trusted are the public keys in one folder of the user's configuration, and
no others: what comes with a bundle never says who may be believed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autoedge.deploy.plain_file import open_plain
from autoedge.errors import BundleError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PASSPHRASE = "AUTOEDGE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
_MOST_BYTES = 16_384
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Trusted(NamedTuple):
    """A public key that the user trusts, under the name of its file."""

    name: str
    key: Ed25519PublicKey


def trusted_folder() -> Path:
    """Where trusted public keys lie: ``AUTOEDGE_TRUSTED``, or ``trusted`` in the user's configuration folder."""
    from platformdirs import user_config_path

    named = os.environ.get("AUTOEDGE_TRUSTED")
    return Path(named) if named else user_config_path("autoedge") / "trusted"


def trusted_keys(folder: Path) -> Mapping[str, Trusted]:
    """The keys of all ``*.pub`` files in a folder by their ids; none where there is no folder.

    Raises:
        BundleError: A file is no such key, or anybody may change what lies there.
    """
    ed25519 = _ed25519()
    found: dict[str, Trusted] = {}
    if not folder.is_dir():
        return found
    for path in (folder, *sorted(folder.glob("*.pub"))):
        if path.stat().st_mode & stat.S_IWOTH:
            raise BundleError(f"{path}: everybody may change it, so nobody can trust it: chmod o-w {path}")
        if path == folder:
            continue
        advice = "a trusted key is the .pub file of autoedge bundle keygen; move this one away"
        try:
            key = _serialization().load_pem_public_key(_content(path, advice))
        except (ValueError, TypeError, _unsupported()) as error:
            raise BundleError(f"{path}: is no public key; {advice}") from error
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise BundleError(f"{path}: is no Ed25519 key; {advice}")
        found.setdefault(key_id(key), Trusted(path.stem, key))
    return found


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of a public key's 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def make_key(file: Path, passphrase: str | None = None) -> Path:
    """Make a pair of keys: the private one in ``file``, readable by its owner alone, the public one beside it.

    Args:
        file: Of the private key (PEM, PKCS8). Neither file may be there.
        passphrase: Enciphers the private key; None or empty leaves it plain.

    Returns:
        The public key's file: ``file`` with ``.pub`` behind its name.

    Raises:
        BundleError: A file is there, or the package for signatures is missing.
        StoreError: The files cannot be written.
    """
    key = _ed25519().Ed25519PrivateKey.generate()
    serialization = _serialization()
    cipher: Any = serialization.NoEncryption()
    if passphrase:
        cipher = serialization.BestAvailableEncryption(passphrase.encode())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, cipher)
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    beside = file.with_name(f"{file.name}.pub")
    for path in (file, beside):
        if os.path.lexists(path):
            raise BundleError(f"{path}: is there already, and a key is never overwritten; name another file")
    try:
        _create(beside, public, 0o644)
        try:
            _create(file, private, 0o600)
        except OSError:
            beside.unlink()
            raise
    except OSError as error:
        raise StoreError(f"{file}: the keys cannot be written: {error.strerror or error}") from error
    return beside


def open_key(file: Path, passphrase: Callable[[], str | None] = lambda: None) -> Ed25519PrivateKey:
    """A private key to sign with.

    Args:
        file: As ``make_key`` wrote it.
        passphrase: Asked only for a key that is enciphered, and only where ``AUTOEDGE_KEY_PASSPHRASE`` is not set.

    Raises:
        BundleError: It is no Ed25519 key, others can read it, the passphrase is wrong or missing, or the package for
            signatures is missing.
    """
    ed25519 = _ed25519()
    advice = "name a private key of autoedge bundle keygen"
    data = _content(file, advice, private=True)
    try:
        key = _load_private(data, None)
        if key is None:
            words = os.environ.get(PASSPHRASE) or passphrase()
            if not words:
                raise BundleError(f"{file}: is enciphered; set {PASSPHRASE} or type its passphrase on a terminal")
            key = _load_private(data, words.encode())
    except (ValueError, _unsupported()) as error:
        raise BundleError(f"{file}: is no private key, or its passphrase is another one; {advice}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise BundleError(f"{file}: is no Ed25519 key; {advice}")
    found: Ed25519PrivateKey = key
    return found


def _load_private(data: bytes, password: bytes | None) -> Any:
    """The key, or None when it takes a passphrase to open it."""
    try:
        return _serialization().load_pem_private_key(data, password)
    except TypeError:
        return None


def _content(path: Path, advice: str, *, private: bool = False) -> bytes:
    with open_plain(path, advice) as file:
        if private and os.fstat(file.fileno()).st_mode & _OF_OTHERS:
            raise BundleError(f"{path}: others than its owner have a right to it, so it is not used: chmod 600 {path}")
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise BundleError(f"{path}: a key has at most {_MOST_BYTES} bytes, but this file has more; {advice}")
    return data


def _create(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        path.unlink()
        raise


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise BundleError("signatures need the package cryptography: pip install 'autoedge[sign]'") from error
    return ed25519


def _serialization() -> Any:
    from cryptography.hazmat.primitives import serialization

    return serialization


def _unsupported() -> type[Exception]:
    from cryptography.exceptions import UnsupportedAlgorithm

    return UnsupportedAlgorithm
