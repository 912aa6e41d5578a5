"""Clocks that are compared by round trips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from autoedge.targets.clock import SAME_CLOCK, clock_offset
from autoedge.targets.local import LocalTarget

if TYPE_CHECKING:
    from pathlib import Path

NS = st.integers(0, 10**9)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(NS, NS), min_size=1, max_size=20))
def test_the_bound_holds(offset: int, ways: list[tuple[int, int]]) -> None:
    """However long each way takes, the true offset lies within the bound, which is half the fastest round trip."""
    host = 10**16
    left = iter(ways)

    def now() -> int:
        return host

    def ask() -> int:
        nonlocal host
        there, back = next(left)
        reading = host + there + offset
        host += there + back
        return reading

    found = clock_offset(ask, len(ways), now)
    assert abs(found.offset_s - offset / 1e9) <= found.bound_s + 1e-8
    assert found.bound_s == min(there + back for there, back in ways) / 2e9


def test_a_local_agent_reads_the_same_clock(tmp_path: Path) -> None:
    """Nothing has to be found out, and no agent is asked."""
    clock = LocalTarget({}, blobs=tmp_path, jobs=tmp_path).clock_offset()
    assert clock == SAME_CLOCK
    assert (clock.offset_s, clock.bound_s, clock.host_time(5.0)) == (0.0, 0.0, 5.0)
