"""A real agent whose answers are changed on the way: its target's error, whatever they are changed to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import TargetError
from autoedge.registry import places
from autoedge.targets.link import LostTargetError
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Hostile = Callable[[str], LocalTarget]

SCRIPT = Path(__file__).parents[1] / "hostile.py"


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    """Makes targets on this machine behind some code that changes their answers; see ``tests/hostile.py``."""
    made = []

    def one(code: str) -> LocalTarget:
        wrap = [sys.executable, str(SCRIPT), code]
        places_ = {"blobs": tmp_path / "blobs", "jobs": tmp_path / "jobs"}
        made.append(LocalTarget(places("autoedge.runtimes"), **places_, name="evil", wrap=wrap))
        return made[-1]

    yield one
    for target in made:
        target.close()


@pytest.mark.parametrize("listed", ["{'nothing': 1}", "{'waiting': 5}", "{'waiting': ['../../x']}"])
def test_replies_that_wait(hostile: Hostile, listed: str) -> None:
    """A list of replies that is none is an error of the target."""
    target = hostile(f"if do == 'waiting': body = {listed}")
    with pytest.raises(TargetError, match="target 'evil': does not say which replies wait: waiting: "):
        list(target.unclaimed())


def test_a_clock_without_sense(hostile: Hostile) -> None:
    """A reading that no clock shows is an error of the target."""
    target = hostile("if do == 'clock': body = {'perf_ns': 10**400}")
    with pytest.raises(TargetError, match="target 'evil': does not tell its clock"):
        target._clock()


def test_a_reply_without_sense(hostile: Hostile, job: dict[str, Any], files: dict[str, Path]) -> None:
    """It loses the job, and the agent; the same reply found again later is dropped."""
    target = hostile("if 'done' in body: body['started'] = 'yesterday'")
    target.send_files(files)
    with pytest.raises(LostTargetError, match="target 'evil': sent a reply that makes no sense: started is a number"):
        target.run(job, {})
    assert list(target.unclaimed()) == []
    assert list(hostile("").unclaimed()) == []


def test_nobody_cancelled(hostile: Hostile, job: dict[str, Any], files: dict[str, Path]) -> None:
    """A job counts as cancelled only where somebody did that here."""
    target = hostile("if 'done' in body: body = {'cancelled': True}")
    target.send_files(files)
    with pytest.raises(LostTargetError, match="makes no sense"):
        target.run(job, {})
