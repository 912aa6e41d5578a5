"""Bundles from anywhere: a sound one is read back in full, any other is refused with a reason."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.deploy.bundle import build_bundle
from autoedge.deploy.read import read_bundle
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.deploy.bundle import BundleSpec


@pytest.fixture
def bundle(spec: BundleSpec, tmp_path: Path) -> Path:
    """A sound bundle."""
    build_bundle(spec, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_what_was_built_is_read_back(spec: BundleSpec, bundle: Path) -> None:
    """Candidate, figures, protocol, verdict and hashes survive the round trip."""
    read = read_bundle(bundle)
    assert read.candidate == spec.candidate
    assert read.result == spec.result
    assert read.protocol == spec.protocol
    assert read.protocol.protocol_id == spec.protocol.protocol_id
    assert (read.inputs, read.outputs, read.scores) == (spec.inputs, spec.outputs, spec.scores)
    assert read.verdict == spec.verdict
    assert read.fingerprint == spec.device.fingerprint
    assert (read.runtime_version, read.data_hash) == (spec.runtime_version, spec.data_hash)
    assert read.model.read_bytes() == spec.model_file.read_bytes()
    assert read.model_hash == spec.model_hash


def test_pythons_caches_are_no_surprise(bundle: Path) -> None:
    """Whoever ran the bundle has left compiled files, which AutoEdge never runs."""
    (bundle / "__pycache__").mkdir()
    (bundle / "__pycache__" / "run.cpython-311.pyc").touch()
    (bundle / "bundle_parts" / "__pycache__").mkdir()
    read_bundle(bundle)


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def link_out(path: Path) -> None:
    """Put a link to an equal file outside in its place."""
    outside = path.parent.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)


HARM: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no folder": (lambda folder: folder.rename(folder.with_name("gone")), "there is none"),
    "no record": (lambda folder: (folder / "bundle.json").unlink(), "no bundle.json, so it is no bundle"),
    "changed model": (lambda folder: flip(folder / "model.onnx"), "model.onnx: is not the file that was bundled"),
    "changed program": (lambda folder: flip(folder / "run.py"), "run.py: is not the file that was bundled"),
    "changed part": (lambda folder: flip(folder / "bundle_parts/preprocessing/fit.py"), "fit.py: is not the file"),
    "missing model": (lambda folder: (folder / "model.onnx").unlink(), "model.onnx: is missing"),
    "missing part": (lambda folder: (folder / "bundle_parts/errors.py").unlink(), "errors.py: is missing"),
    "extra file": (
        lambda folder: (folder / "sitecustomize.py").touch(),
        "'sitecustomize.py' is not part of the bundle",
    ),
    "extra folder": (lambda folder: (folder / "more").mkdir(), "'more' is not part of the bundle"),
    "extra part": (lambda folder: (folder / "bundle_parts/x.py").touch(), "'bundle_parts/x.py' is not part"),
    "linked model": (lambda folder: link_out(folder / "model.onnx"), "'model.onnx' is a link or no plain file"),
    "linked folder": (lambda folder: link_out(folder / "bundle_parts"), "'bundle_parts' is a link or no plain file"),
    "linked cache": (lambda folder: (folder / "__pycache__").symlink_to("/"), "'__pycache__' is a link"),
    "linked record": (lambda folder: link_out(folder / "bundle.json"), "bundle.json: cannot be read"),
    "folder for a record": (
        lambda folder: ((folder / "bundle.json").unlink(), (folder / "bundle.json").mkdir()),
        "bundle.json: is no plain file",
    ),
    "pipe": (lambda folder: os.mkfifo(folder / "pipe"), "'pipe' is a link or no plain file"),
    "huge record": (lambda folder: os.truncate(folder / "bundle.json", 5 * 2**20), "has at most 4194304 bytes"),
    "cut record": (lambda folder: os.truncate(folder / "bundle.json", 500), "Invalid JSON"),
    "deep record": (lambda folder: (folder / "bundle.json").write_text("[" * 100_000), "Invalid JSON"),
    "no mapping": (lambda folder: (folder / "bundle.json").write_text("[]"), "the file"),
    "bytes": (lambda folder: (folder / "bundle.json").write_bytes(b"\xff\xfe\x00"), "Invalid JSON"),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_folder_is_refused(bundle: Path, harm: str) -> None:
    """Each change of any file, link or addition is found and named, in one message that says what to do."""
    do, message = HARM[harm]
    do(bundle)
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    assert message in str(caught.value)
    assert any(advice in str(caught.value) for advice in ("again", "name the folder", "move it away"))


LIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "newer": (lambda r: r.update(schema_version=2), "is of version 2, but this AutoEdge reads 1; update AutoEdge"),
    "version as truth": (lambda r: r.update(schema_version=True), "schema_version"),
    "version as text": (lambda r: r.update(schema_version="1"), "schema_version"),
    "no version": (lambda r: r.pop("schema_version"), "schema_version: Field required"),
    "way up": (lambda r: r["files"].update({"bundle_parts/../../x": "0" * 64}), "files"),
    "absolute": (lambda r: r["files"].update({"/etc/passwd": "0" * 64}), "files"),
    "backslash": (lambda r: r["files"].update({"..\\x": "0" * 64}), "files"),
    "hidden": (lambda r: r["files"].update({".bashrc": "0" * 64}), "files"),
    "short hash": (lambda r: r["files"].update({"model.onnx": "00"}), "files.model.onnx"),
    "no model": (lambda r: r["files"].pop("model.onnx"), "files lists no model.onnx"),
    "unknown key": (lambda r: r.update(execute="rm"), "execute: Extra inputs are not permitted"),
    "text for a number": (lambda r: r["result"]["metrics"]["accuracy"].update(value="0.9"), "accuracy.value"),
    "number for text": (lambda r: r.update(intent=1), "intent"),
    "list for a mapping": (lambda r: r.update(configuration=[]), "configuration"),
    "unknown source": (lambda r: r["result"]["metrics"]["accuracy"].update(source="oracle"), "accuracy.source"),
    "unknown metric": (lambda r: r["result"]["metrics"].update(beauty=r["result"]["metrics"]["accuracy"]), "beauty"),
    "value outside": (lambda r: r["result"]["metrics"]["accuracy"].update(low=0.99), "an interval holds its value"),
    "NaN": (lambda r: r["result"]["metrics"]["accuracy"].update(value=float("nan")), "accuracy.value"),
    "other knobs": (lambda r: r["configuration"]["knobs"].update(threads=2), "candidate_id is"),
    "nested knob": (lambda r: r["configuration"]["knobs"].update(threads={}), "configuration.knobs.threads"),
    "huge knob": (lambda r: r["configuration"]["knobs"].update(threads=10**9), "configuration.knobs.threads"),
    "no processes": (lambda r: r["result"].update(processes=0), "result.processes"),
    "version to install": (lambda r: r["runtime"].update(version="1\n--index-url evil"), "runtime.version"),
    "other runtime": (lambda r: r["runtime"].update(name="other"), "runtime and configuration.runtime are one"),
    "scores nowhere": (lambda r: r.update(scores="x"), "scores are one of the outputs"),
    "unknown outcome": (lambda r: r["verdict"].update(outcome="perfect"), "verdict.outcome"),
    "fingerprint": (lambda r: r["target"].update(fingerprint="../.."), "target.fingerprint"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_record_of_another_form_is_refused(bundle: Path, lie: str) -> None:
    """Unknown keys, wrong types, paths that leave the folder and contradictions are named by their place."""
    tell, message = LIES[lie]
    record = json.loads((bundle / "bundle.json").read_text())
    tell(record)
    (bundle / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    assert message in str(caught.value)
    assert "again" in str(caught.value) or "update AutoEdge" in str(caught.value)


def test_a_message_never_carries_control_characters(bundle: Path) -> None:
    """A hostile name cannot drive the terminal of whoever reads the message."""
    (bundle / "a\x1b[2Jb").touch()
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    assert str(caught.value).isprintable()
    (bundle / "a\x1b[2Jb").unlink()
    record = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps({**record, "x\x1b[2J\ny": 1}))
    with pytest.raises(BundleError) as caught:
        read_bundle(bundle)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
