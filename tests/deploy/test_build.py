"""Building bundles: what lies in them, that it is always the same, and that it is whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import build_bundle
from autoedge.errors import BundleError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and bytes of every file by its place."""
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_specs_give_equal_bytes(spec: BundleSpec, tmp_path: Path) -> None:
    """Built twice, in two places and under another umask: the same files, bytes and modes."""
    build_bundle(spec, tmp_path / "one")
    before = os.umask(0o077)
    try:
        shuffled = replace(spec, result=replace(spec.result, metrics=dict(reversed(spec.result.metrics.items()))))
        build_bundle(shuffled, tmp_path / "deep" / "down" / "other")
    finally:
        os.umask(before)
    assert contents(tmp_path / "one") == contents(tmp_path / "deep" / "down" / "other")


def test_what_lies_in_a_bundle(spec: BundleSpec, tmp_path: Path) -> None:
    """Model, record, program, requirements and README; every file but the record has its hash there."""
    folder = tmp_path / "bundle"
    build_bundle(spec, folder)
    record = json.loads((folder / "bundle.json").read_text())
    names = set(contents(folder)) - {"bundle.json"}
    assert {"model.onnx", "run.py", "requirements.txt", "README.md", "bundle_parts/preprocessing/fit.py"} <= names
    assert record["files"] == {
        place: hashlib.sha256((folder / place).read_bytes()).hexdigest() for place in sorted(names)
    }
    assert (folder / "requirements.txt").read_text() == f"onnxruntime=={spec.runtime_version}\nnumpy>=1.26\n"
    assert record["schema_version"] == 1
    assert record["configuration"] == spec.candidate.configuration.canonical
    assert record["result"]["metrics"]["energy_mj"]["source"] == "estimated"
    assert record["result"]["metrics"]["latency_p50_ms"]["low"] == 1.4
    assert record["target"]["fingerprint"] == spec.device.fingerprint


def test_nothing_personal_leaves_the_machine(spec: BundleSpec, tmp_path: Path) -> None:
    """Neither folders of the user or of the build nor the machine's id are in any file."""
    build_bundle(spec, tmp_path / "bundle")
    for _, data in contents(tmp_path / "bundle").values():
        for secret in (b"alice", b"secret", str(tmp_path).encode(), os.uname().nodename.encode()):
            assert secret not in data
    intent = json.loads((tmp_path / "bundle" / "bundle.json").read_text())["intent"]
    assert "path: toy.onnx" in intent
    assert "rate: 2 / s" in intent


def test_the_program_is_the_agents_code(spec: BundleSpec, tmp_path: Path) -> None:
    """Parts differ from the installed AutoEdge in nothing but the package's name, and parse as Python 3.9."""
    import ast
    from pathlib import Path as RealPath

    import autoedge

    build_bundle(spec, tmp_path / "bundle")
    root = RealPath(autoedge.__file__).parent
    for path in (tmp_path / "bundle").rglob("*.py"):
        source = path.read_text()
        ast.parse(source, feature_version=(3, 9))
        place = path.relative_to(tmp_path / "bundle")
        if path.name == "run.py" or len(place.parts) > 2 or place.name == "errors.py":
            original = root / ("deploy/template_run.py" if path.name == "run.py" else place.relative_to("bundle_parts"))
            assert source.replace("from bundle_parts", "from autoedge") == original.read_text()
            assert "from autoedge" not in source
            assert "import autoedge" not in source


def test_a_bundle_replaces_a_bundle_and_nothing_else(spec: BundleSpec, tmp_path: Path) -> None:
    """An earlier bundle makes room; a folder of something else, a file and a link stay as they are."""
    build_bundle(spec, tmp_path / "bundle")
    (tmp_path / "bundle" / "stray").touch()
    build_bundle(spec, tmp_path / "bundle")
    assert not (tmp_path / "bundle" / "stray").exists()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "bundle")
    for name in ("photos", "file", "link"):
        with pytest.raises(BundleError, match="is no bundle; move it away"):
            build_bundle(spec, tmp_path / name)
    assert (tmp_path / "photos" / "cat.png").exists()
    assert (tmp_path / "link").is_symlink()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_changed_model_is_not_bundled(spec: BundleSpec, tmp_path: Path) -> None:
    """The model must be the file that was measured; the earlier bundle stays."""
    build_bundle(spec, tmp_path / "bundle")
    before = contents(tmp_path / "bundle")
    spec.model_file.write_bytes(b"other")
    with pytest.raises(BundleError, match="changed since it was measured"):
        build_bundle(spec, tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == before
    assert {path.name for path in tmp_path.iterdir()} == {"variant", "bundle"}


def test_a_full_disk_leaves_the_earlier_bundle(
    spec: BundleSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the file system is a StoreError that says which; nothing half is left."""
    build_bundle(spec, tmp_path / "bundle")
    before = contents(tmp_path / "bundle")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="cannot be written: No space left"):
        build_bundle(spec, tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == before
    assert {path.name for path in tmp_path.iterdir()} == {"variant", "bundle"}


def test_a_killed_build_is_made_good(spec: BundleSpec, tmp_path: Path) -> None:
    """A build killed between its renames leaves the earlier bundle aside; the next build finds and replaces it."""
    build_bundle(spec, tmp_path / "bundle")
    whole = contents(tmp_path / "bundle")
    (tmp_path / "bundle").rename(tmp_path / ".bundle.old")
    (tmp_path / ".bundle.new").mkdir()
    (tmp_path / ".bundle.new" / "model.onnx").write_bytes(b"half")
    broken = replace(spec, model_hash="0" * 64)
    with pytest.raises(BundleError):
        build_bundle(broken, tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == whole
    build_bundle(spec, tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == whole
    assert {path.name for path in tmp_path.iterdir()} == {"variant", "bundle"}


@pytest.mark.parametrize(
    ("outcome", "beginning"),
    [("met", "It meets every"), ("not met", "**It does not meet"), ("undecided", "**It is undecided")],
)
def test_the_readme_begins_with_the_verdict(
    spec_of: Callable[..., BundleSpec], tmp_path: Path, outcome: str, beginning: str
) -> None:
    """A bundle that does not meet its intent says so before anything else."""
    verdict = {"outcome": outcome, "decisions": [{"constraint": "accuracy >= 0.9", "outcome": outcome}]}
    build_bundle(spec_of(verdict=verdict), tmp_path / "bundle")
    lines = (tmp_path / "bundle" / "README.md").read_text().splitlines()
    assert lines[2].startswith(beginning)


def test_the_readme_tells_estimates_from_measurements(spec: BundleSpec, tmp_path: Path) -> None:
    """Each figure has its interval and its source; an estimate stands out and is explained."""
    build_bundle(spec, tmp_path / "bundle")
    text = (tmp_path / "bundle" / "README.md").read_text()
    assert "| energy | 8 mJ | 4 to 12 | **estimated** | software estimate |" in text
    assert "| latency\\_p50 | 1.5 ms | 1.4 to 1.6 | measured |" in text
    assert "Estimates are no measurements" in text
    assert "From 6 fresh processes" in text


def test_text_from_outside_is_escaped(spec_of: Callable[..., BundleSpec], spec: BundleSpec, tmp_path: Path) -> None:
    """A processor or a note that holds Markdown, HTML or line breaks is shown as it is."""
    device = replace(spec.device, cpu="<script>x</script>\n# [a](http://b)")
    decision: dict[str, Any] = {"constraint": "a | b", "outcome": "met", "note": "`rm` \x1b[2J"}
    build_bundle(spec_of(device=device, verdict={"outcome": "met", "decisions": [decision]}), tmp_path / "bundle")
    text = (tmp_path / "bundle" / "README.md").read_text()
    assert "\\<script\\>x\\</script\\> \\# \\[a\\](http://b)" in text
    assert "| a \\| b | met |  | \\`rm\\`  \\[2J |" in text
    assert "\x1b" not in text


def test_other_runtimes_are_refused_by_name(spec: BundleSpec) -> None:
    """A candidate that run.py could not start is no bundle."""
    other = Candidate(Configuration("toy", {}, "engine-of-a-plugin", {}), "local")
    with pytest.raises(BundleError, match=r"built for .*onnxruntime.*, but the candidate runs on engine-of-a-plugin"):
        replace(spec, candidate=other)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"scores": "nothing"}, "scores are one of the outputs"),
        ({"scores": None}, "has an output with scores"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(
    spec_of: Callable[..., BundleSpec], changes: dict[str, Any], rule: str
) -> None:
    """What could not be read back is not written."""
    with pytest.raises(ValueError, match=rule):
        spec_of(**changes)
