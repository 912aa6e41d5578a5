"""Signatures: of this bundle, by a trusted key, unaltered; anything else is refused with what to do."""

from __future__ import annotations

import base64
import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.deploy.archive import pack_bundle
from autoedge.deploy.delta import pack_delta
from autoedge.deploy.keys import key_id, make_key, open_key
from autoedge.deploy.read import read_bundle
from autoedge.deploy.signature import Signed, check_signature, sign, signature_of
from autoedge.errors import BundleError, StoreError
from autoedge.workflows.bundle_sign import sign_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUNDLE = "ab" * 32
AT = 1_800_000_000


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The private key of a pair."""
    (tmp_path / "keys").mkdir()
    make_key(tmp_path / "keys" / "release")
    return tmp_path / "keys" / "release"


@pytest.fixture
def trusted(tmp_path: Path, key: Path) -> Path:
    """A folder in which the pair's public key is trusted."""
    (tmp_path / "trusted").mkdir()
    shutil.copy(key.with_name("release.pub"), tmp_path / "trusted" / "us.pub")
    return tmp_path / "trusted"


@pytest.fixture
def signature(tmp_path: Path, key: Path) -> Path:
    """A signature of the bundle ``BUNDLE``."""
    (tmp_path / "v1.sig").write_text(sign(BUNDLE, open_key(key), AT))
    return tmp_path / "v1.sig"


def test_a_signature_tells_who_and_when(signature: Path, trusted: Path, key: Path) -> None:
    """The trusted key by its id and the name of its file, and the time of signing."""
    found = check_signature(BUNDLE, signature, trusted)
    assert found == Signed(key_id(open_key(key).public_key()), "us", AT)


def test_signing_again_gives_the_same_text(signature: Path, key: Path) -> None:
    """The same bundle, key and time: the same bytes; the statement is JSON that people can read."""
    assert sign(BUNDLE, open_key(key), AT) == signature.read_text()
    statement = json.loads(json.loads(signature.read_text())["statement"])
    assert statement == {
        "schema_version": 1,
        "kind": "autoedge-bundle",
        "bundle": BUNDLE,
        "signed_at": AT,
        "key": key_id(open_key(key).public_key()),
    }


def test_the_key_of_a_stranger_is_not_believed(signature: Path, trusted: Path, tmp_path: Path) -> None:
    """Neither an empty folder nor a missing one nor other keys will do; the message names key and folder."""
    (trusted / "us.pub").unlink()
    for folder in (trusted, tmp_path / "none"):
        with pytest.raises(BundleError, match=r"key [0-9a-f]{16}, which you do not trust; .* copy its \.pub file"):
            check_signature(BUNDLE, signature, folder)
    make_key(trusted / "others")
    with pytest.raises(BundleError, match="which you do not trust"):
        check_signature(BUNDLE, signature, trusted)


def test_the_signature_of_another_bundle(signature: Path, trusted: Path) -> None:
    """A sound signature beside the wrong bundle is told as just that."""
    with pytest.raises(BundleError, match="is of bundle abababababababab, but this one is cdcdcdcdcdcdcdcd"):
        check_signature("cd" * 32, signature, trusted)


def restated(text: str, **changes: Any) -> str:
    """The signature with another statement."""
    document = json.loads(text)
    statement = {**json.loads(document["statement"]), **changes}
    return json.dumps({**document, "statement": json.dumps(statement, sort_keys=True, separators=(",", ":"))})


def recoded(text: str, code: Callable[[str], Any]) -> str:
    """The signature with its base64 written otherwise."""
    document = json.loads(text)
    return json.dumps({**document, "signature": code(document["signature"])})


def loose(text: str) -> str:
    """Base64 whose last character carries bits that nobody reads."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text[:85] + alphabet[alphabet.index(text[85]) + 1] + "=="


FORGED: dict[str, tuple[Callable[[str], str | bytes], str]] = {
    "other bundle": (lambda s: restated(s, bundle="cd" * 32), "is forged or damaged"),
    "later": (lambda s: restated(s, signed_at=AT + 1), "is forged or damaged"),
    "other key": (lambda s: restated(s, key="0" * 16), "which you do not trust"),
    "other kind": (lambda s: restated(s, kind="autoedge-agent"), "kind: Input should be 'autoedge-bundle'"),
    "newer statement": (lambda s: restated(s, schema_version=2), "is of version 2, but this AutoEdge reads 1"),
    "newer": (lambda s: json.dumps({**json.loads(s), "schema_version": 2}), "update AutoEdge"),
    "version as truth": (lambda s: json.dumps({**json.loads(s), "schema_version": True}), "schema_version"),
    "time as text": (lambda s: restated(s, signed_at="now"), "signed_at"),
    "before all time": (lambda s: restated(s, signed_at=-1), "signed_at"),
    "end of time": (lambda s: restated(s, signed_at=10**30), "signed_at"),
    "more said": (lambda s: restated(s, trust="me"), "trust: Extra inputs"),
    "key inside": (lambda s: json.dumps({**json.loads(s), "public_key": "x"}), "public_key: Extra inputs"),
    "no base64": (lambda s: recoded(s, lambda _: "!" * 88), "signature: String should match"),
    "short": (lambda s: recoded(s, lambda c: c[4:]), "signature: String should match"),
    "url base64": (lambda s: recoded(s, lambda c: "-_" + c[2:]), "signature: String should match"),
    "loose base64": (lambda s: recoded(s, loose), "is forged or damaged"),
    "zeros": (lambda s: recoded(s, lambda _: base64.b64encode(bytes(64)).decode()), "is forged or damaged"),
    "no text": (lambda s: recoded(s, lambda _: 7), "signature: Input should be a valid string"),
    "statement no JSON": (lambda s: json.dumps({**json.loads(s), "statement": "yes"}), "Invalid JSON"),
    "huge statement": (lambda s: json.dumps({**json.loads(s), "statement": " " * 2000}), "statement"),
    "huge": (lambda s: s + " " * 5000, "at most 4096 bytes"),
    "empty": (lambda _: "", "Invalid JSON"),
    "list": (lambda _: "[]", "the file"),
    "deep": (lambda _: "[" * 4000, "Invalid JSON"),
    "bytes": (lambda _: b"\xff\xfe\0", "Invalid JSON"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_signature_is_refused(signature: Path, trusted: Path, kind: str) -> None:
    """Changed, rewritten, of another version or no signature at all; the message says what to do next."""
    change, message = FORGED[kind]
    altered = change(signature.read_text())
    signature.write_bytes(altered if isinstance(altered, bytes) else altered.encode())
    with pytest.raises(BundleError) as caught:
        check_signature(BUNDLE, signature, trusted)
    assert message in str(caught.value)
    assert any(advice in str(caught.value) for advice in ("again", "update AutoEdge", "copy its .pub"))


def test_signatures_with_other_bits_are_refused(signature: Path, trusted: Path) -> None:
    """300 signatures with a few bytes changed: what is taken says exactly what the sound one says."""
    sound, text = check_signature(BUNDLE, signature, trusted), signature.read_bytes()
    refused = 0
    for seed in range(300):
        rng = random.Random(seed)  # noqa: S311 - the same each time
        data = bytearray(text)
        for _ in range(rng.choice([1, 1, 3])):
            data[rng.randrange(len(data))] = rng.choice([rng.randrange(256), 0x20, 0x22, 0x30])
        signature.write_bytes(data)
        try:
            assert check_signature(BUNDLE, signature, trusted) == sound
        except BundleError:
            refused += 1
    assert refused > 250


def test_a_link_or_a_pipe_is_no_signature(signature: Path, trusted: Path, tmp_path: Path) -> None:
    """A file from outside cannot be made to stand beside a bundle."""
    (tmp_path / "link.sig").symlink_to(signature)
    (tmp_path / "folder.sig").mkdir()
    for name in ("link.sig", "folder.sig", "none.sig"):
        with pytest.raises(BundleError, match=r"cannot be read|is no plain file"):
            check_signature(BUNDLE, tmp_path / name, trusted)


def test_a_key_signs_bundles_and_nothing_else(signature: Path, trusted: Path, key: Path) -> None:
    """A signature over the bare statement, as another program might be made to give, is none of a bundle."""
    document = json.loads(signature.read_text())
    bare = base64.b64encode(open_key(key).sign(document["statement"].encode())).decode()
    signature.write_text(json.dumps({**document, "signature": bare}))
    with pytest.raises(BundleError, match="is forged or damaged"):
        check_signature(BUNDLE, signature, trusted)


def test_one_signature_serves_folder_archive_and_delta(
    built: Path, key: Path, trusted: Path, tmp_path: Path, another: Callable[..., Path]
) -> None:
    """Signed once, as a folder or as an archive, the file beside them holds for all three."""
    old = another(built, tmp_path / "old", {"README.md": b"old"})
    pack_bundle(built, built.with_name("v1.bundle.tar"))
    pack_delta(built, read_bundle(old), built.with_name("v1.delta.tar"))
    for signed in (built, built.with_name("v1.bundle.tar")):
        assert sign_bundle(signed, key) == built.with_name("v1.sig")
        for name in ("v1", "v1.bundle.tar", "v1.delta.tar"):
            found = signature_of(built.with_name(name), read_bundle(built).sha256, trusted=trusted)
            assert found is not None
            assert found.key_name == "us"
    assert signature_of(old, read_bundle(old).sha256, trusted=trusted) is None
    with pytest.raises(BundleError, match="is of bundle"):
        signature_of(old, read_bundle(old).sha256, built.with_name("v1.sig"), trusted)


def test_only_a_sound_bundle_is_signed(built: Path, key: Path, tmp_path: Path) -> None:
    """An altered one is refused, the signature never lies inside, and the key stays where it is."""
    for out in (built / "v1.sig", tmp_path / "keys"):
        with pytest.raises(BundleError, match=r"lies in the bundle|is a folder"):
            sign_bundle(built, key, out)
    with pytest.raises(StoreError, match="cannot be written"):
        sign_bundle(built, key, tmp_path / "no" / "v1.sig")
    (built / "run.py").write_text("other")
    with pytest.raises(BundleError, match=r"run\.py: is not the file"):
        sign_bundle(built, key)
    assert not built.with_name("v1.sig").exists()
