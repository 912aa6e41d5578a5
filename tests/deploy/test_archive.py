"""Bundles as one file: equal bytes for equal bundles, and back again whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.deploy import in_place
from autoedge.deploy.archive import check_archive, pack_bundle, unpack_archive
from autoedge.deploy.bundle import build_bundle
from autoedge.deploy.opened import beside, looked_into, opened
from autoedge.deploy.read import read_bundle
from autoedge.errors import BundleError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec

PARTS = st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,20}", fullmatch=True).filter(str.isascii)
CONTENTS = st.binary(max_size=700)


@pytest.fixture
def archive(built: Path, tmp_path: Path) -> Path:
    """A sound bundle's archive."""
    pack_bundle(built, tmp_path / "v1.bundle.tar")
    return tmp_path / "v1.bundle.tar"


def test_equal_bundles_give_equal_bytes(spec: BundleSpec, built: Path, archive: Path, tmp_path: Path) -> None:
    """Another place, umask, time and mode, and Python's caches, leave no trace in the archive."""
    before = os.umask(0o077)
    try:
        build_bundle(spec, tmp_path / "other")
        (tmp_path / "other" / "model.onnx").chmod(0o700)
        os.utime(tmp_path / "other" / "run.py", (0, 1_234_567))
        (tmp_path / "other" / "__pycache__").mkdir()
        (tmp_path / "other" / "__pycache__" / "run.cpython-311.pyc").write_bytes(b"stale")
        pack_bundle(tmp_path / "other", tmp_path / "other.bundle.tar")
    finally:
        os.umask(before)
    assert (tmp_path / "other.bundle.tar").read_bytes() == archive.read_bytes()
    assert (tmp_path / "other.bundle.tar").stat().st_mode & 0o777 == 0o644
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names == ["bundle.json", *sorted(read_bundle(built).files)]


def test_what_was_packed_is_unpacked(
    built: Path, archive: Path, tmp_path: Path, contents: Callable[[Path], Any]
) -> None:
    """Every file and mode is back, under a strict umask too, and the bundle is one again."""
    before = os.umask(0o077)
    try:
        bundle = unpack_archive(archive, tmp_path / "back")
    finally:
        os.umask(before)
    assert contents(tmp_path / "back") == contents(built)
    assert bundle == read_bundle(tmp_path / "back")
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "back", tmp_path / "back" / "bundle_parts")} == {0o755}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(st.lists(PARTS, min_size=1, max_size=2).map("/".join), CONTENTS, max_size=4))
def test_any_bundle_makes_the_round_trip(
    built: Path, another: Callable[..., Path], contents: Callable[[Path], Any], files: dict[str, bytes]
) -> None:
    """Files of any content under any name that a manifest allows are packed and unpacked, or not packed at all."""
    root = built.parent / "round"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    folders = {"more/" + place.rpartition("/")[0] for place in files}
    given = {f"more/{place}": content for place, content in files.items() if f"more/{place}" not in folders}
    other = another(built, root / "other", {**given, "model.onnx": b"".join(given.values())})
    pack_bundle(other, root / "other.tar")
    bundle = unpack_archive(root / "other.tar", root / "back")
    assert contents(root / "back") == contents(other)
    pack_bundle(root / "back", root / "again.tar")
    assert (root / "again.tar").read_bytes() == (root / "other.tar").read_bytes()
    found, sizes = looked_into(root / "other.tar")
    assert (found.sha256, found.files) == (bundle.sha256, bundle.files)
    assert sizes == {place: len(content) for place, (_, content) in contents(other).items()}


def test_a_harmed_bundle_is_not_packed(built: Path, tmp_path: Path) -> None:
    """The folder is checked first; an earlier archive stays."""
    (tmp_path / "v1.bundle.tar").write_bytes(b"earlier")
    (built / "run.py").write_text("other")
    with pytest.raises(BundleError, match=r"run\.py: is not the file that was bundled"):
        pack_bundle(built, tmp_path / "v1.bundle.tar")
    assert (tmp_path / "v1.bundle.tar").read_bytes() == b"earlier"


def test_a_bundle_is_not_packed_into_itself(built: Path, tmp_path: Path) -> None:
    """The archive would be part of what it is made of; a link makes no difference, and a folder is no file."""
    (tmp_path / "link").symlink_to(built)
    for out in (built / "x.tar", tmp_path / "link" / "x.tar"):
        with pytest.raises(BundleError, match="lies in the bundle"):
            pack_bundle(built, out)
    with pytest.raises(BundleError, match="is a folder; name a file"):
        pack_bundle(built, tmp_path)
    read_bundle(built)


CLASHES = {
    "case": ({"Model.onnx": b"x"}, "'Model.onnx' stands for two things"),
    "record": ({"BUNDLE.JSON": b"x"}, "'BUNDLE.JSON' stands for two things"),
    "folders": ({"Bundle_parts/x.py": b"x"}, "'bundle_parts' stands for two things"),
    "file and folder": ({"RUN.PY/x": b"x"}, "stands for two things"),
    "many": ({f"more/f{number}": b"" for number in range(1000)}, "has less than 1000 files"),
}


@pytest.mark.parametrize("clash", CLASHES)
def test_files_that_cannot_lie_beside_one_another(
    built: Path, tmp_path: Path, another: Callable[..., Path], clash: str
) -> None:
    """A bundle that another file system would lose a file of is not packed, and neither is one of a thousand files."""
    files, message = CLASHES[clash]
    with pytest.raises(BundleError, match=message):
        pack_bundle(another(built, tmp_path / "other", files), tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()


def test_nothing_is_overwritten(archive: Path, tmp_path: Path) -> None:
    """Whatever lies where the bundle should go stays, a dangling link too; a missing folder is not made."""
    (tmp_path / "full").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("full", "empty", "dangling", "v1.bundle.tar"):
        with pytest.raises(BundleError, match="lies there already"):
            unpack_archive(archive, tmp_path / name)
    with pytest.raises(BundleError, match="is no folder; make it first"):
        unpack_archive(archive, tmp_path / "no" / "folder")
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "no").exists()


def test_a_full_disk_leaves_nothing(
    built: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing fails on the way, there is neither half a folder nor half an archive, and the machine is blamed."""

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(in_place.os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            unpack_archive(archive, tmp_path / "back")
        with pytest.raises(StoreError, match="No space left"):
            pack_bundle(built, tmp_path / "x.tar")
    assert sorted(tmp_path.iterdir()) == before


def test_an_archive_is_opened_for_a_while(archive: Path, built: Path) -> None:
    """Its files can be opened inside the block and are gone behind it; a folder is taken as it is."""
    with opened(archive) as bundle:
        assert bundle.model.read_bytes() == (built / "model.onnx").read_bytes()
        assert bundle.folder.name == "v1.bundle.tar"
    assert not bundle.folder.exists()
    with opened(built) as bundle:
        assert bundle == read_bundle(built)


def test_a_bundle_is_named_by_its_record(built: Path, archive: Path) -> None:
    """Folder and archive have one identity: the hash of ``bundle.json``."""
    expected = hashlib.sha256((built / "bundle.json").read_bytes()).hexdigest()
    assert read_bundle(built).sha256 == check_archive(archive)[0].sha256 == expected


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    """Nothing, a pipe, and a folder without a record each have their sentence; nobody waits for the pipe."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, message in (("none", "is neither"), ("pipe", "is no plain file"), ("folder", "holds no bundle.json")):
        with pytest.raises(BundleError, match=message):
            looked_into(tmp_path / name)


def test_files_beside_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folder, archive and delta pack of one name share the files beside them."""
    for name in ("v2", "v2.bundle.tar", "v2.delta.tar", "v2/"):
        assert beside(tmp_path / name, ".sig") == tmp_path / "v2.sig"
    (tmp_path / "v2").mkdir()
    monkeypatch.chdir(tmp_path / "v2")
    from pathlib import Path as Here

    assert beside(Here(), ".sig") == tmp_path / "v2.sig"
    with pytest.raises(BundleError, match="has no name"):
        beside(Here("/"), ".sig")
