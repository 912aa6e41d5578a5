"""The machine's lock, among users who do not know each other."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from autoedge.agent.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _private() -> Iterator[None]:
    """Whatever a user makes is for that user alone, unless something else is said."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_user_can_wait_for_the_turn(tmp_path: Path) -> None:
    """The lock can be read, which is enough to take it, by other users than the one who made it, whatever the umask."""
    turn = Turn(tmp_path / "lock")
    assert turn.take()
    assert _mode(tmp_path / "lock") == 0o644


def test_what_lies_there_is_left_alone(tmp_path: Path) -> None:
    """A file that is there already serves as it is: whoever put it there cannot have rights of another file changed."""
    path = tmp_path / "lock"
    path.write_text("mine")
    assert Turn(path).take()
    assert _mode(path) == 0o600
    assert path.read_text() == "mine"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in place of the lock is refused, and what it points to is neither made nor opened to others."""
    path, other = tmp_path / "lock", tmp_path / "other"
    path.symlink_to(other)
    for _ in ("nothing behind it", "a file behind it"):
        with pytest.raises(OSError, match=r"lock"):
            Turn(path).take()
        other.touch()
    assert _mode(other) == 0o600


def test_a_pipe_does_not_hold_anybody_up(tmp_path: Path) -> None:
    """A pipe in place of the lock, which would make an opening wait for its other end for ever, does not."""
    os.mkfifo(tmp_path / "lock")
    turn = Turn(tmp_path / "lock")
    assert turn.take()
    turn.leave()


def test_two_who_make_the_lock_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another one makes the file between looking and making, both use that one file."""
    path, real, tried = tmp_path / "lock", os.open, []

    def slow(name: Path, flags: int, mode: int = 0o777) -> int:
        tried.append(flags)
        if flags & os.O_CREAT:
            os.close(real(path, flags, 0o644))  # the other one was faster
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", slow)
    one, other = Turn(path), Turn(path)
    assert one.take()
    assert len(tried) == 3
    assert not other.take()
    one.leave()
