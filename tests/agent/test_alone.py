"""One agent in a jobs folder: a new one ends the one before, however stuck that is."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CODE = (
    "import sys, time; from pathlib import Path; from autoedge.agent.alone import be_alone; "
    "be_alone(Path(sys.argv[1])); print('alone', flush=True); time.sleep(600)"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a process that holds a folder and says so."""
    started = []

    def one(name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", CODE, str(tmp_path / name)], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"alone\n"
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_the_new_one_ends_the_old_one(holder: Callable[[str], subprocess.Popen[bytes]]) -> None:
    """Even one that is stopped, as by a debugger, is ended."""
    first = holder("jobs")
    psutil.Process(first.pid).suspend()
    second = holder("jobs")
    assert first.wait(60) == -9
    assert second.poll() is None


def test_other_folders_are_left_alone(holder: Callable[[str], subprocess.Popen[bytes]]) -> None:
    """Agents of other runs go on."""
    first, second = holder("jobs"), holder("other")
    assert first.poll() is None
    assert second.poll() is None


def test_a_folder_that_goes_while_it_is_waited_for(tmp_path: Path) -> None:
    """Where the one before takes the folder along at its end, the new one makes it anew and holds that."""
    lock = tmp_path / "jobs" / "agent.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        new = subprocess.Popen([sys.executable, "-c", CODE, str(lock.parent)], stdout=subprocess.PIPE)
        while not any(file.path == str(lock) for file in psutil.Process(new.pid).open_files()):
            assert new.poll() is None
        lock.unlink()
        lock.parent.rmdir()
    try:
        assert new.stdout is not None
        assert new.stdout.readline() == b"alone\n"
        assert lock.read_text() == str(new.pid)
    finally:
        new.kill()
        new.communicate()
