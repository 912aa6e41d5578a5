"""The run folder belongs to one process at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import StoreError
from autoedge.workflows.folder import RunFolder, cache_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_everything_lies_in_the_folder(tmp_path: Path) -> None:
    """Every path of a run is below its root, under the name that the documentation gives."""
    folder = RunFolder(tmp_path / "runs" / "name")
    names = {
        "intent": "intent.resolved.yaml",
        "database": "study.db",
        "history": "history.jsonl",
        "verdict": "verdict.json",
        "front_csv": "front.csv",
        "front_json": "front.json",
        "bundle": "bundle",
    }
    assert {name: getattr(folder, name) for name in names} == {k: folder.root / v for k, v in names.items()}
    assert folder.jobs("local").is_relative_to(folder.root / "raw")
    assert folder.jobs("local") != folder.jobs("pi")
    assert not folder.root.exists()


def test_the_folder_is_made_and_held(tmp_path: Path) -> None:
    """Locking makes missing folders; a second one is refused with what to do, and the lock ends with its block."""
    folder = RunFolder(tmp_path / "runs" / "deep" / "name")
    with folder.locked():
        assert folder.root.is_dir()
        with (
            pytest.raises(StoreError, match="another autoedge works in this folder; wait for it, or name another"),
            RunFolder(folder.root).locked(),
        ):
            pytest.fail("two at once")
        with RunFolder(tmp_path / "runs" / "other").locked():
            pass
    with folder.locked():
        pass


def test_the_lock_ends_with_an_error(tmp_path: Path) -> None:
    """Whatever ends the work inside, the folder is free again, and the error is the one that was raised."""
    folder = RunFolder(tmp_path)
    for error in (ValueError("inside"), OSError(28, "No space left on device"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, folder.locked():
            raise error
        assert caught.value is error
    with folder.locked():
        pass


_HOLDS = """
import sys
from pathlib import Path
from autoedge.workflows.folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_kept_out_until_it_dies(tmp_path: Path) -> None:
    """A lock of another process holds; killed without a chance to tidy up, it leaves the folder free."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="another autoedge works in this folder"), RunFolder(tmp_path).locked():
            pytest.fail("two at once")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with RunFolder(tmp_path).locked():
            pass


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    """A file where a folder should be cannot be written to."""
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with (
            pytest.raises(StoreError, match=r"cannot be written to .*name another with --out"),
            RunFolder(root).locked(),
        ):
            pytest.fail("no folder")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A file system that cannot be written; root ignores mode bits, so it is mounted so."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or os.geteuid() != 0:
        pytest.skip("mounting a file system takes root and mount")
    command = [mount, "-t", "tmpfs", "-o", "size=64k,ro", "tmpfs", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield tmp_path
    subprocess.run([unmount, "--lazy", str(tmp_path)], check=True)


def test_a_read_only_place_is_told(read_only: Path) -> None:
    """Neither a new folder nor a lock in an old one can be made: the message says so."""
    for root in (read_only, read_only / "new"):
        with (
            pytest.raises(StoreError, match=r"\(Read-only file system\); name another with --out"),
            RunFolder(root).locked(),
        ):
            pytest.fail("read-only")


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AUTOEDGE_CACHE names the cache; empty or unset it is the user's."""
    monkeypatch.setenv("AUTOEDGE_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("AUTOEDGE_CACHE")
        else:
            monkeypatch.setenv("AUTOEDGE_CACHE", value)
        assert cache_root() == tmp_path / "users" / "autoedge"
