"""Files are there whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None or os.geteuid() != 0:
        pytest.skip("mounting a file system takes root and mount")
    command = [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield tmp_path
    subprocess.run([unmount, "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_leaves_the_old_file(tiny_disk: Path) -> None:
    """Text that does not fit is an OSError that says so; what was there is untouched."""
    path = tiny_disk / "verdict.json"
    write_whole(path, "old")
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(path, "x" * 100_000)
    assert path.read_text() == "old"
    write_whole(path, "new")
    assert [entry.name for entry in tiny_disk.iterdir()] == ["verdict.json"]


def test_line_ends_are_written_as_given(tmp_path: Path) -> None:
    """No text mode changes what is written."""
    write_whole(tmp_path / "file", "a\nb\r\n\u20ac")
    assert (tmp_path / "file").read_bytes() == b"a\nb\r\n\xe2\x82\xac"
