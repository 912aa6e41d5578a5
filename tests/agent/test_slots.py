"""Two slots on a device: what serves is always whole, wherever a deployment is cut off."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.agent.blobs import Blobs
from autoedge.agent.slots import Slots
from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable

    Files = dict[str, str]

KILLS = 30
# Deploys versions for ever, as an agent does; killed from outside. Its state before the kill is told on a line each.
ENDLESS = """
import json, sys
from pathlib import Path
from autoedge.agent.blobs import Blobs
from autoedge.agent.slots import Slots
place, versions = Path(sys.argv[1]), json.loads(sys.argv[2])
slots, blobs = Slots(str(place / "deployed"), "net"), Blobs(place / "blobs")
while True:
    for files in versions:
        state = slots.state()
        serving = state["slots"][state["current"]]["bundle"] if state["current"] else ""
        slots.switch(slots.fill(files, {"signed_at": 1}, blobs), files["bundle.json"], serving)
        print("switched", flush=True)
"""


@pytest.fixture
def version(tmp_path: Path) -> Callable[..., Files]:
    """Puts the files of a bundle among the blobs; gives places and hashes."""
    blobs = tmp_path / "blobs"
    blobs.mkdir(exist_ok=True)

    def store(data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        (blobs / sha256).write_bytes(data)
        return sha256

    def put(word: str, size: int = 100) -> Files:
        inner = {"model.onnx": store(word.encode() * size), "bundle_parts/run/feed.py": store(b"# " + word.encode())}
        manifest = json.dumps({"version": word, "files": inner}).encode()
        return {**inner, "bundle.json": store(manifest)}

    return put


@pytest.fixture
def slots(tmp_path: Path) -> Slots:
    """The slots of one deployment."""
    return Slots(str(tmp_path / "deployed"), "net")


def serving(place: Path) -> str:
    """The version that the link leads to, its files read through it and held against the manifest."""
    current = place / "deployed" / "net" / "current"
    manifest = json.loads((current / "bundle.json").read_text())
    for inner, sha256 in manifest["files"].items():
        assert hashlib.sha256((current / inner).read_bytes()).hexdigest() == sha256
    return str(manifest["version"])


def test_versions_take_turns(slots: Slots, version: Callable[..., Files], tmp_path: Path) -> None:
    """Each version goes to the slot that does not serve; the other serves until the switch, and can be gone back to."""
    blobs = Blobs(tmp_path / "blobs")
    assert slots.state()["current"] is None
    one, two, three = (version(word) for word in ("one", "two", "three"))
    assert slots.fill(one, {"signed_at": 1}, blobs) == "a"
    assert slots.state()["current"] is None
    slots.switch("a", one["bundle.json"], "")
    assert serving(tmp_path) == "one"
    assert slots.fill(two, {"signed_at": 2}, blobs) == "b"
    assert serving(tmp_path) == "one"
    with pytest.raises(BundleError, match="another deployment came between"):
        slots.switch("b", one["bundle.json"], one["bundle.json"])
    with pytest.raises(BundleError, match="another deployment came between"):
        slots.switch("b", two["bundle.json"], "")
    slots.switch("b", two["bundle.json"], one["bundle.json"])
    assert serving(tmp_path) == "two"
    state = slots.state()
    assert state["current"] == "b"
    assert state["slots"]["a"] == {
        "bundle": one["bundle.json"],
        "whole": True,
        "said": {"signed_at": 1, "bundle": one["bundle.json"]},
    }
    slots.say("a", {"bundle": one["bundle.json"], "proven": True})
    slots.say("a", {"bundle": two["bundle.json"], "proven": False})  # of another bundle: not kept
    assert slots.state()["slots"]["a"]["said"]["proven"]
    slots.switch("a", one["bundle.json"], two["bundle.json"])
    assert serving(tmp_path) == "one"
    assert slots.fill(three, {}, blobs) == "b"
    slots.switch("b", three["bundle.json"], one["bundle.json"])
    assert serving(tmp_path) == "three"


def test_what_is_damaged_never_serves(slots: Slots, version: Callable[..., Files], tmp_path: Path) -> None:
    """A slot whose files are no longer what was bundled is not switched to, and is told to be damaged."""
    blobs = Blobs(tmp_path / "blobs")
    one, two = version("one"), version("two")
    slots.switch(slots.fill(one, {}, blobs), one["bundle.json"], "")
    name = slots.fill(two, {}, blobs)
    (tmp_path / "deployed" / "net" / name / "model.onnx").write_bytes(b"rotten")
    with pytest.raises(BundleError, match="is not whole; deploy it again"):
        slots.switch(name, two["bundle.json"], one["bundle.json"])
    assert serving(tmp_path) == "one"
    assert not slots.state()["slots"][name]["whole"]
    with pytest.raises(BundleError, match="has nothing in slot"):
        slots.switch("c", "", "")


@pytest.mark.parametrize("place", ["../x", "/etc/x", "a/../../x", "a//b", ".hidden", "a/b/c/d", "", "a\\b\n"])
def test_no_file_leaves_its_slot(slots: Slots, version: Callable[..., Files], tmp_path: Path, place: str) -> None:
    """Places that lead out of the bundle, or are no plain names, are refused before anything is written."""
    files = version("one")
    with pytest.raises(BundleError, match="plain name"):
        slots.fill({**files, place: files["model.onnx"]}, {}, Blobs(tmp_path / "blobs"))
    assert not (tmp_path / "deployed").exists()


def test_what_was_not_sent(slots: Slots, version: Callable[..., Files], tmp_path: Path) -> None:
    """A file that is not among the blobs, and a bundle without its manifest, are refused."""
    files = version("one")
    with pytest.raises(BundleError, match="was not sent"):
        slots.fill({**files, "more.bin": "0" * 64}, {}, Blobs(tmp_path / "blobs"))
    del files["bundle.json"]
    with pytest.raises(BundleError, match=r"a bundle has a bundle\.json"):
        slots.fill(files, {}, Blobs(tmp_path / "blobs"))
    for name in ("", "..", "a/b", "A", "-x"):
        with pytest.raises(BundleError, match="a deployment's name"):
            Slots(str(tmp_path), name)


def test_killed_at_any_moment_the_old_or_the_new_one_serves(version: Callable[..., Files], tmp_path: Path) -> None:
    """Killed again and again while versions take turns, the link leads to a whole version each time."""
    versions = [version(word, 20_000) for word in ("one", "two", "three")]
    generator = np.random.default_rng(5)
    command = [sys.executable, "-c", ENDLESS, str(tmp_path), json.dumps(versions)]
    seen: set[str] = set()
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment()) as process:
            assert process.stdout is not None
            assert process.stdout.readline()  # it is at work
            time.sleep(generator.uniform(0, 0.05))
            process.kill()
        seen.add(serving(tmp_path))
        state = Slots(str(tmp_path / "deployed"), "net").state()
        assert state["slots"][state["current"]]["whole"]
    assert len(seen) > 1  # the kills did not all fall on one version


def _environment() -> dict[str, Any]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
