"""Delta packs: what changed and nothing else, applied to the right base or not at all."""

from __future__ import annotations

import io
import json
import random
import shutil
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoedge.deploy import delta as delta_module
from autoedge.deploy.archive import check_archive, pack_bundle
from autoedge.deploy.delta import apply_delta, is_delta, pack_delta
from autoedge.deploy.read import read_bundle
from autoedge.deploy.tar import TarWriter
from autoedge.errors import BundleError
from autoedge.workflows.bundle_pack import pack_bundle as pack
from autoedge.workflows.bundle_unpack import unpack_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEW = st.sampled_from([b"", b"one", b"two", b"three" * 300])


@pytest.fixture
def newer(built: Path, another: Callable[..., Path]) -> Path:
    """A bundle with another model, a file moved to another name, and one gone."""
    moved = (built / "bundle_parts" / "errors.py").read_bytes()
    files = {"model.onnx": b"another model", "more/errors.py": moved, "bundle_parts/errors.py": None}
    return another(built, built.with_name("v2"), files)


@pytest.fixture
def delta(built: Path, newer: Path, tmp_path: Path) -> Path:
    """What the newer bundle has and the older one lacks."""
    pack_delta(newer, read_bundle(built), tmp_path / "v2.delta.tar")
    return tmp_path / "v2.delta.tar"


def test_only_what_changed_travels(built: Path, newer: Path, delta: Path) -> None:
    """Both records' hashes, the new record, and the one new content under its hash: nothing that only moved."""
    with tarfile.open(delta) as tar:
        assert tar.getnames() == ["delta.json", "bundle.json", f"blobs/{read_bundle(newer).model_hash}"]
        told = json.load(tar.extractfile("delta.json") or io.BytesIO())
    assert told == {"schema_version": 1, "base": read_bundle(built).sha256, "bundle": read_bundle(newer).sha256}


def test_applied_to_its_base_it_is_the_new_bundle(
    built: Path, newer: Path, delta: Path, tmp_path: Path, contents: Callable[[Path], Any]
) -> None:
    """Every byte and mode of the new bundle; the base may be a folder or an archive, and stays."""
    before = contents(built)
    assert apply_delta(delta, read_bundle(built), tmp_path / "one") == read_bundle(tmp_path / "one")
    pack_bundle(built, tmp_path / "v1.bundle.tar")
    unpack_bundle(delta, tmp_path / "two", base=tmp_path / "v1.bundle.tar")
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == contents(newer)
    assert contents(built) == before


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.dictionaries(st.sampled_from(["a", "b", "c", "d/e"]), FEW),
    new=st.dictionaries(st.sampled_from(["a", "b", "c", "d/e"]), FEW),
)
def test_any_two_bundles(
    built: Path,
    another: Callable[..., Path],
    contents: Callable[[Path], Any],
    old: dict[str, bytes],
    new: dict[str, bytes],
) -> None:
    """Contents that move, repeat, come and go: the delta of any two bundles applied to the one gives the other."""
    root = built.parent / "any"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    one, other = (another(built, root / name, files) for name, files in (("one", old), ("other", new)))
    pack(other, root / "x.tar", base=one)
    unpack_bundle(root / "x.tar", root / "back", base=one)
    assert contents(root / "back") == contents(other)


def test_equal_bundles_give_equal_bytes(built: Path, newer: Path, delta: Path, tmp_path: Path) -> None:
    """The same two bundles elsewhere, the base as an archive: the same delta pack."""
    shutil.copytree(newer, tmp_path / "copy" / "other-name")
    pack_bundle(built, tmp_path / "v1.bundle.tar")
    written = pack(tmp_path / "copy" / "other-name", base=tmp_path / "v1.bundle.tar")
    assert written == tmp_path / "copy" / "other-name.delta.tar"
    assert written.read_bytes() == delta.read_bytes()


def test_another_base_is_refused(newer: Path, delta: Path, tmp_path: Path) -> None:
    """The message names both bundles; nothing is written."""
    with pytest.raises(BundleError, match=r"was made against bundle [0-9a-f]{16}, but .*v2 is [0-9a-f]{16}"):
        apply_delta(delta, read_bundle(newer), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_base_that_changes_is_noticed(built: Path, delta: Path, tmp_path: Path) -> None:
    """What comes from the base is held against the new record while it is copied, whatever was checked before."""
    base = read_bundle(built)
    (built / "run.py").write_text("other")
    with pytest.raises(BundleError, match=r"run\.py: is not the file that was bundled"):
        apply_delta(delta, base, tmp_path / "out")
    (built / "run.py").unlink()
    (built / "run.py").symlink_to(built / "README.md")
    with pytest.raises(BundleError, match=r"run\.py: cannot be read"):
        apply_delta(delta, base, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_two_kinds_of_pack_are_told_apart(built: Path, newer: Path, delta: Path, tmp_path: Path) -> None:
    """By what is in them: a delta needs a base, an archive takes none, and a delta alone is no bundle."""
    pack_bundle(newer, tmp_path / "v2.bundle.tar")
    assert (is_delta(delta), is_delta(tmp_path / "v2.bundle.tar")) == (True, False)
    with pytest.raises(BundleError, match="name that one with --base"):
        unpack_bundle(delta, tmp_path / "out")
    with pytest.raises(BundleError, match="leave --base out"):
        unpack_bundle(tmp_path / "v2.bundle.tar", tmp_path / "out", base=built)
    with pytest.raises(BundleError, match="holds only what another bundle lacks"):
        check_archive(delta)


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "newer": ({"schema_version": 2}, "is of version 2, but this AutoEdge reads 1; update AutoEdge"),
    "more": ({"run": "x"}, "run: Extra inputs"),
    "no hash": ({"base": "../x"}, "base: String should match"),
    "other bundle": ({"bundle": "0" * 64}, "holds another bundle than it says"),
    "other base": ({"base": "0" * 64}, "was made against bundle 0000000000000000"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_delta_is_refused(built: Path, newer: Path, tmp_path: Path, lie: str) -> None:
    """Newer forms, unknown keys, and hashes that are not those of the two bundles."""
    change, message = LIES[lie]
    told = {"base": read_bundle(built).sha256, "bundle": read_bundle(newer).sha256, "schema_version": 1, **change}
    record, model = (newer / "bundle.json").read_bytes(), (newer / "model.onnx").read_bytes()
    text = json.dumps(told, indent=2, sort_keys=True).encode() + b"\n"
    with (tmp_path / "x.tar").open("wb") as file:
        tar = TarWriter(file)
        for name, content in (("delta.json", text), ("bundle.json", record), ("blobs/" + "0" * 64, model)):
            tar.add(name, len(content), [content])
        tar.end()
    with pytest.raises(BundleError) as caught:
        apply_delta(tmp_path / "x.tar", read_bundle(built), tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_large_content_that_both_have_stays_at_home(
    built: Path, tmp_path: Path, another: Callable[..., Path]
) -> None:
    """A new README beside an old model makes a pack that is much smaller than the model."""
    model = random.Random(0).randbytes(2_000_000)  # noqa: S311 - the same each time
    one = another(built, tmp_path / "one", {"model.onnx": model})
    other = another(one, tmp_path / "other", {"README.md": b"new"})
    assert pack(other, base=one).stat().st_size < 20_000 < len(model) < pack(other).stat().st_size


def test_contents_are_not_multiplied(
    built: Path, tmp_path: Path, another: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small delta pack that names one content a hundred times may not fill the disk: all copies count."""
    files = {f"more/f{number}": b"x" * 10_000 for number in range(100)}
    pack_delta(another(built, tmp_path / "new", files), read_bundle(built), tmp_path / "x.delta.tar")
    assert (tmp_path / "x.delta.tar").stat().st_size < 60_000
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(delta_module, "MOST_BYTES_TOGETHER", 500_000)
    with pytest.raises(BundleError, match="at most 500000 bytes together"):
        apply_delta(tmp_path / "x.delta.tar", read_bundle(built), tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before
