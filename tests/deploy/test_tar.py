"""The form of packs: what any tar can read, and one way to write it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.deploy import read
from autoedge.deploy.manifest import PLACE
from autoedge.deploy.tar import MOST_BYTES, MOST_BYTES_TOGETHER, MOST_FILES, TarReader, TarWriter, header
from autoedge.errors import BundleError

NAMES = st.from_regex(PLACE, fullmatch=True).filter(lambda name: name.isascii() and not name.endswith("\n"))


def packed(members: dict[str, bytes]) -> bytes:
    """A pack of these files in this order."""
    file = io.BytesIO()
    tar = TarWriter(file)
    for name, content in members.items():
        tar.add(name, len(content), [content])
    tar.end()
    return file.getvalue()


def taken(data: bytes, names: list[str], most: int = MOST_BYTES) -> list[bytes]:
    """The contents of a pack, when it has just these files in this order."""
    tar = TarReader(io.BytesIO(data), Path("x.tar"))
    found = [b"".join(tar.chunks(name, most)) for name in names]
    tar.end()
    return found


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5))
def test_any_tar_reads_it(members: dict[str, bytes]) -> None:
    """Names up to three levels deep and contents of any length come out of Python's tarfile and out of ours."""
    data = packed(members)
    assert taken(data, list(members)) == list(members.values())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {member.name: (tar.extractfile(member), member) for member in tar}
        assert {name: file.read() for name, (file, _) in found.items() if file} == members
        told = {(m.mode, m.uid, m.gid, m.mtime, m.uname, m.gname, m.isreg()) for _, m in found.values()}
    assert told <= {(0o644, 0, 0, 0, "", "", True)}


def test_long_names_and_large_files_fit() -> None:
    """The longest name of a manifest and the largest model need no extension of the form."""
    name = "/".join(["a" * 64] * 3)
    block = header(name, MOST_BYTES)
    assert len(block) == 512
    read = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert (read.name, read.size, read.type) == (name, MOST_BYTES, tarfile.REGTYPE)


def test_a_large_file_is_not_packed() -> None:
    """What could not be unpacked is not written."""
    with pytest.raises(BundleError, match="has at most 4294967296 bytes"):
        TarWriter(io.BytesIO()).add("model.onnx", MOST_BYTES + 1, [])


@pytest.mark.parametrize("content", [b"12345", b"123", b""])
def test_a_file_that_changes_is_not_packed(content: bytes) -> None:
    """Longer or shorter than it was said to be: the pack is given up."""
    with pytest.raises(BundleError, match="changed while it was packed"):
        TarWriter(io.BytesIO()).add("x", 4, iter([content]))


def test_limits_hold_for_one_file_and_for_all() -> None:
    """A header that claims too much is refused before anything is read."""
    with pytest.raises(BundleError, match="'a' may have 4 bytes, but has 5"):
        taken(packed({"a": b"12345"}), ["a"], most=4)
    tar = TarReader(io.BytesIO(header("a", MOST_BYTES + 1)), Path("x.tar"))
    with pytest.raises(BundleError, match="'a' may have 4294967296 bytes, but has 4294967297"):
        next(tar.chunks("a"))
    tar = TarReader(io.BytesIO(header("a", MOST_BYTES)), Path("x.tar"))
    tar._room = MOST_BYTES_TOGETHER - MOST_BYTES
    with pytest.raises(BundleError, match="'a' may have 1073741824 bytes"):
        next(tar.chunks("a"))


def test_the_page_states_the_limits() -> None:
    """What docs/bundles.md says of sizes and counts is what holds."""
    page = (Path(__file__).parents[2] / "docs" / "bundles.md").read_text(encoding="utf-8")
    assert f"above {read.MOST_BYTES // 2**20} MiB, a file above {MOST_BYTES // 2**30} GiB" in page
    assert f"more than {MOST_BYTES_TOGETHER // 2**30} GiB together, {MOST_FILES} files or more" in page
