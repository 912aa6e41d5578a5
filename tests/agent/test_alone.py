"""One agent in a jobs folder: a new one ends the one before, however stuck that is."""

from __future__ import annotations

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
