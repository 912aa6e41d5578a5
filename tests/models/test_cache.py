"""The variant cache: whole files or none, and nothing damaged is handed out."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import ModelError, StoreError
from autoedge.models.cache import VariantCache

if TYPE_CHECKING:
    from pathlib import Path

KEY = "k" * 64


@pytest.fixture
def sha256(cache: VariantCache, tmp_path: Path) -> str:
    """A file that the cache holds under ``KEY``."""
    (tmp_path / "file").write_bytes(b"content")
    sha256 = cache.add_file(tmp_path / "file")
    cache.put(KEY, sha256, {"recipe": {"precision": "fp16"}})
    return sha256


def test_files_are_found_by_content_and_by_key(cache: VariantCache, sha256: str) -> None:
    """What was added is there under its hash and under its key, and cannot be written to by accident."""
    assert sha256 == hashlib.sha256(b"content").hexdigest()
    assert cache.get(KEY) == cache.blob(sha256) == cache.root / "blobs" / sha256
    assert cache.blob(sha256).read_bytes() == b"content"
    assert not cache.blob(sha256).stat().st_mode & 0o222


def test_adding_twice_is_harmless(cache: VariantCache, sha256: str, tmp_path: Path) -> None:
    """The same content is one file."""
    assert cache.add_file(tmp_path / "file") == sha256
    assert [path.name for path in (cache.root / "blobs").iterdir()] == [sha256]


def test_nothing_is_there_at_first(cache: VariantCache) -> None:
    """An empty cache has neither keys nor files, and asking makes no folder."""
    assert cache.get(KEY) is None
    with pytest.raises(ModelError, match="holds no file"):
        cache.blob("0" * 64)
    assert not cache.root.exists()


@pytest.mark.parametrize("name", ["../variants/x", "x", "", "0" * 63 + "/"])
def test_only_hashes_name_files(cache: VariantCache, sha256: str, name: str) -> None:
    """A name that is no hash reaches no file."""
    assert sha256
    with pytest.raises(ModelError, match="holds no file"):
        cache.blob(name)


@pytest.mark.parametrize("damage", [b"contenu", b"", b"content and more"])
def test_damaged_file_is_dropped(cache: VariantCache, sha256: str, damage: bytes) -> None:
    """A file whose content is not what its name says is never handed out, and is gone afterwards."""
    path = cache.blob(sha256)
    path.chmod(0o644)
    path.write_bytes(damage)
    assert cache.get(KEY) is None
    assert not path.exists()
    assert not list((cache.root / "variants").iterdir())


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        b'{"schema_version": 1}',
        json.dumps({"schema_version": 1, "key": KEY, "blob": "../../etc/passwd"}).encode(),
        json.dumps({"schema_version": 1, "key": KEY, "blob": None}).encode(),
        json.dumps({"schema_version": 99, "key": KEY, "blob": hashlib.sha256(b"content").hexdigest()}).encode(),
        json.dumps({"schema_version": 1, "key": "other", "blob": hashlib.sha256(b"content").hexdigest()}).encode(),
    ],
)
def test_damaged_entry_is_dropped(cache: VariantCache, sha256: str, entry: bytes) -> None:
    """An entry that is not what was written counts as none, and is gone afterwards."""
    path = cache.root / "variants" / f"{KEY}.json"
    path.write_bytes(entry)
    assert cache.get(KEY) is None
    assert not path.exists()
    assert cache.blob(sha256)


def test_work_folder_is_gone_afterwards(cache: VariantCache) -> None:
    """Files on the way vanish with the making, also when it fails."""
    with cache.making(KEY) as work:
        (work / "half").write_bytes(b"x")
    with pytest.raises(UnicodeDecodeError), cache.making(KEY) as work:
        (work / "half").write_bytes(b"x") and b"\xff".decode()
    assert not list((cache.root / "work").iterdir())


def test_remains_of_killed_processes_are_swept(cache: VariantCache, sha256: str) -> None:
    """What a killed process left unfinished is removed after a day; what may be in use stays."""
    left = [cache.root / "blobs" / ".new-old", cache.root / "variants" / ".new-old", cache.root / "work" / ".new-old"]
    left[2].mkdir(parents=True)
    (left[2] / "half").write_bytes(b"x")
    for path in left[:2]:
        path.write_bytes(b"x")
    fresh = cache.root / "blobs" / ".new-fresh"
    fresh.write_bytes(b"x")
    for path in left:
        os.utime(path, (0, 0))
    with cache.making(KEY):
        assert not any(path.exists() for path in left)
        assert fresh.exists()
    assert cache.blob(sha256)


def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A cache that cannot be written is a fault of this machine, not of the model."""
    (tmp_path / "cache").write_bytes(b"a file in the way")
    cache = VariantCache(tmp_path / "cache")
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(StoreError, match="cannot be used: Not a directory"):
        cache.add_file(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot be used"), cache.making(KEY):
        pass
