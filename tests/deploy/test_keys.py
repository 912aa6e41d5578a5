"""Keys: made for one owner, opened by nobody else, trusted only from one folder."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from autoedge.deploy import keys
from autoedge.deploy.keys import key_id, make_key, open_key, trusted_folder, trusted_keys
from autoedge.errors import BundleError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No passphrase of whoever runs the tests."""
    monkeypatch.delenv("AUTOEDGE_KEY_PASSPHRASE", raising=False)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key without a passphrase."""
    make_key(tmp_path / "release")
    return tmp_path / "release"


def test_a_pair_of_keys(tmp_path: Path) -> None:
    """The private key is its owner's under any umask, the public one everybody's, and they belong together."""
    before = os.umask(0)
    try:
        public = make_key(tmp_path / "release")
    finally:
        os.umask(before)
    assert public == tmp_path / "release.pub"
    assert stat.S_IMODE((tmp_path / "release").stat().st_mode) == 0o600
    assert b"BEGIN PRIVATE KEY" in (tmp_path / "release").read_bytes()
    loaded = serialization.load_pem_public_key(public.read_bytes())
    raw = loaded.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    identity = key_id(open_key(tmp_path / "release").public_key())
    assert identity == hashlib.sha256(raw).hexdigest()[:16]


def test_a_full_disk_leaves_no_half_of_a_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both files are there, or neither is, so that the same command can be given again."""
    left = [1]

    def full(_: int) -> None:
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        left.pop()

    with monkeypatch.context() as patch:
        patch.setattr(keys.os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            make_key(tmp_path / "release")
    assert not list(tmp_path.iterdir())
    make_key(tmp_path / "release")


@pytest.mark.parametrize("there", ["release", "release.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, there: str) -> None:
    """Neither half of a pair replaces a file or goes through a link."""
    (tmp_path / there).write_text("mine")
    with pytest.raises(BundleError, match="is never overwritten"):
        make_key(tmp_path / "release")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    (tmp_path / there).unlink()
    (tmp_path / there).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is never overwritten"):
        make_key(tmp_path / "release")
    with pytest.raises(StoreError, match="cannot be written"):
        make_key(tmp_path / "no" / "folder" / "release")


def test_a_passphrase_is_asked_for_only_when_needed(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the variable first, then from whoever is asked; a plain key asks nobody."""
    make_key(tmp_path / "locked", "open sesame")
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "locked").read_bytes()

    def nobody() -> str:
        raise AssertionError("nobody is asked")

    open_key(key, nobody)
    assert open_key(tmp_path / "locked", lambda: "open sesame")
    with pytest.raises(BundleError, match="its passphrase is another one"):
        open_key(tmp_path / "locked", lambda: "open barley")
    with pytest.raises(BundleError, match="set AUTOEDGE_KEY_PASSPHRASE"):
        open_key(tmp_path / "locked")
    monkeypatch.setenv("AUTOEDGE_KEY_PASSPHRASE", "open sesame")
    open_key(key, nobody)
    assert open_key(tmp_path / "locked", nobody)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o660])
def test_a_private_key_that_others_reach_is_not_used(key: Path, mode: int) -> None:
    """As ssh does: the message is the command that helps."""
    key.chmod(mode)
    with pytest.raises(BundleError, match=r"not used: chmod 600 .*release"):
        open_key(key)
    key.chmod(0o400)
    open_key(key)


def test_other_keys_are_refused(tmp_path: Path, key: Path) -> None:
    """RSA, elliptic curves, X25519, a public key, garbage, too much and nothing are no Ed25519 private key."""
    others = (
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        x25519.X25519PrivateKey.generate(),
    )
    contents = [other.private_bytes(PEM, PKCS8, PLAIN) for other in others]
    contents += [key.with_name("release.pub").read_bytes(), b"", b"\xff\0", key.read_bytes() * 200]
    contents += [key.read_bytes().replace(b"M", b"N", 1), b"-----BEGIN PRIVATE KEY-----\n" * 3]
    for content in contents:
        (tmp_path / "other").write_bytes(content)
        (tmp_path / "other").chmod(0o600)
        with pytest.raises(BundleError):
            open_key(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "none", "."):
        with pytest.raises(BundleError, match=r"is no plain file|cannot be read"):
            open_key(tmp_path / name)


def test_trusted_keys_lie_in_one_folder(tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ``*.pub`` files of the folder, by id, under their names; no folder is no trust."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("AUTOEDGE_TRUSTED", raising=False)
    assert trusted_folder() == tmp_path / "config" / "autoedge" / "trusted"
    monkeypatch.setenv("AUTOEDGE_TRUSTED", str(tmp_path / "mine"))
    assert trusted_folder() == tmp_path / "mine"
    assert trusted_keys(tmp_path / "mine") == {}
    (tmp_path / "mine").mkdir()
    key.with_name("release.pub").rename(tmp_path / "mine" / "our release.pub")
    make_key(tmp_path / "mine" / "second")
    found = trusted_keys(tmp_path / "mine")
    assert {one.name for one in found.values()} == {"our release", "second"}
    assert key_id(open_key(key).public_key()) in found


def test_a_wrong_file_among_the_trusted_is_named(tmp_path: Path) -> None:
    """A key of another kind or no key at all is an error and not passed over; so is a place that anybody may change."""
    public = rsa.generate_private_key(65537, 2048).public_key()
    pem = public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "trusted").mkdir()
    for content, message in ((pem, "is no Ed25519 key"), (b"ssh-ed25519 AAAA", "is no public key")):
        (tmp_path / "trusted" / "x.pub").write_bytes(content)
        with pytest.raises(BundleError, match=message):
            trusted_keys(tmp_path / "trusted")
    (tmp_path / "trusted" / "x.pub").unlink()
    make_key(tmp_path / "trusted" / "y")
    (tmp_path / "trusted" / "y.pub").chmod(0o646)
    with pytest.raises(BundleError, match=r"everybody may change it.*chmod o-w .*y\.pub"):
        trusted_keys(tmp_path / "trusted")
    (tmp_path / "trusted" / "y.pub").chmod(0o644)
    (tmp_path / "trusted").chmod(0o777)
    with pytest.raises(BundleError, match="everybody may change it"):
        trusted_keys(tmp_path / "trusted")


def test_without_the_package_the_message_says_what_to_install(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the command, wherever signatures are needed; nothing is written."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    before = sorted(tmp_path.iterdir())
    for call in (lambda: make_key(tmp_path / "x"), lambda: open_key(key), lambda: trusted_keys(tmp_path)):
        with pytest.raises(BundleError, match=r"pip install 'autoedge\[sign\]'"):
            call()
    assert sorted(tmp_path.iterdir()) == before
