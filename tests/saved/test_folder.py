"""Files that are replaced all at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from autoedge.errors import SurrogateError
from autoedge.surrogate.saved.folder import current, held, replace_files, settle

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("CARD.md", "card.json", "exam.json", "model.txt")

# Ends itself, as if it were killed, just before or after the n-th change to the folder.
KILLED = """
import os, pathlib, sys
from autoedge.surrogate.saved.folder import replace_files

folder, left, before = pathlib.Path(sys.argv[1]), [int(sys.argv[2])], sys.argv[3] == "before"

def counted(change):
    def counting(*arguments, **options):
        left[0] -= 1
        if left[0] == 0 and before:
            os._exit(9)
        done = change(*arguments, **options)
        if left[0] == 0:
            os._exit(9)
        return done
    return counting

for name in ("replace", "rename", "rmdir", "mkdir"):
    setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))
replace_files(folder, dict.fromkeys(sys.argv[4:], "new"))
"""


def _read(folder: Path) -> set[str]:
    return {current(folder, name).read_text() for name in NAMES}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 13))
def test_killed_at_any_moment_the_files_are_of_one_kind(tmp_path: Path, step: int, when: str) -> None:
    """Whoever reads finds all the old files or all the new ones; the next to write brings it to an end."""
    folder = tmp_path / "surrogate"
    replace_files(folder, dict.fromkeys(NAMES, "old"))
    ended = subprocess.run([sys.executable, "-c", KILLED, folder, str(step), when, *NAMES], check=False)
    assert ended.returncode in (0, 9)
    assert _read(folder) in ({"old"}, {"new"})
    before = _read(folder)
    settle(folder)
    assert _read(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    replace_files(folder, dict.fromkeys(NAMES, "newer"))
    assert _read(folder) == {"newer"}


def test_both_kinds_of_end_are_reached(tmp_path: Path) -> None:
    """The steps above span the moment from which the new files count."""
    kinds = []
    for step in (1, 6, 7, 11):
        folder = tmp_path / str(step)
        replace_files(folder, dict.fromkeys(NAMES, "old"))
        ended = subprocess.run([sys.executable, "-c", KILLED, folder, str(step), "after", *NAMES], check=False)
        assert ended.returncode == 9
        kinds.append(_read(folder))
    assert {"old"} in kinds
    assert {"new"} in kinds


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    """A folder is held by one process at a time, and the other is told so."""
    with held(tmp_path):
        code = (
            f"import pathlib, autoedge.surrogate.saved.folder as f\nwith f.held(pathlib.Path({str(tmp_path)!r})): pass"
        )
        other = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
        assert other.returncode == 1
        assert "another retraining writes to it" in other.stderr
    with held(tmp_path):
        pass
    with pytest.raises(SurrogateError, match="another"), held(tmp_path), held(tmp_path):
        pass
