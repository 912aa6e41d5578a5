"""How long an answer is waited for, with a clock that is set by hand."""

from __future__ import annotations

import pytest

from autoedge.agent.frames import WAITING
from autoedge.targets.deadline import SLOWEST, Allowed, Deadline


class Clock:
    """Reads what it was set to."""

    time_s = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.time_s


@pytest.fixture
def clock() -> Clock:
    """Stands at 100 s."""
    return Clock()


def test_a_silence_counts_from_the_last_byte(clock: Clock) -> None:
    """What was heard before the question is no news; what is heard after it renews the patience."""
    deadline = Deadline(5.0, Allowed(50.0), clock)
    assert deadline.left(heard=20.0) == (5.0, "no answer within 5 s")
    clock.time_s = 104.0
    assert deadline.left(heard=103.0)[0] == 4.0


def test_what_is_heard_does_not_renew_the_whole(clock: Clock) -> None:
    """After the time that a command may take it is too late, however lively the target is."""
    deadline = Deadline(5.0, Allowed(50.0), clock)
    clock.time_s = 148.0
    assert deadline.left(heard=148.0) == (2.0, "no answer within 50 s, though it goes on talking")


def test_the_turn_does_not_count(clock: Clock) -> None:
    """Waiting for the turn comes on top, at first and up to a limit; once the job began, it may say what it likes."""
    deadline = Deadline(5.0, Allowed(10.0, turn_s=30.0), clock)
    clock.time_s = 120.0
    deadline.hear(WAITING)
    assert deadline.left(heard=200.0)[0] == 10.0
    deadline.hear("cold start")
    clock.time_s = 125.0
    deadline.hear(WAITING)
    assert deadline.left(heard=200.0)[0] == 5.0
    patient = Deadline(5.0, Allowed(10.0, turn_s=30.0), clock)
    clock.time_s = 200.0
    patient.hear(WAITING)
    assert patient.left(heard=200.0)[0] < 0
    short = Deadline(5.0, Allowed(10.0), clock)
    clock.time_s = 215.0
    short.hear(WAITING)
    assert short.left(heard=215.0)[0] == -5.0


def test_a_long_answer_takes_its_time(clock: Clock) -> None:
    """Bytes of what is arriving buy time at the pace of the slowest line, up to what was allowed."""
    deadline = Deadline(5.0, Allowed(10.0, transfer_s=20.0), clock)
    clock.time_s = 110.0
    assert deadline.left(heard=110.0, pending=3 * SLOWEST)[0] == 3.0
    assert deadline.left(heard=500.0, pending=10**9)[0] == 20.0
    assert Deadline(5.0, Allowed(4.0), clock).left(heard=110.0, pending=10**9)[0] == 4.0
