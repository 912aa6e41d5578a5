"""The rule that holds a new figure against a recorded one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.deploy.compare import Kept, compare
from autoedge.measurement import Source, Value


def figure(value: float, low: float, high: float) -> Value:
    """A measured figure."""
    return Value(value, low, high, Source.MEASURED, "test", 6)


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        ((100, 99, 101), Kept.INSIDE),
        ((102, 101, 103), Kept.INSIDE),
        ((103.1, 101, 105), Kept.UNDECIDED),
        ((110, 103, 117), Kept.UNDECIDED),
        ((110, 104, 117), Kept.OUTSIDE),
        ((50, 49, 51), Kept.INSIDE),
        ((150, 90, 400), Kept.UNDECIDED),
    ],
)
def test_a_time_is_held_against_the_record(now: tuple[float, float, float], outcome: Kept) -> None:
    """Inside by its value, outside when the whole interval is worse, else undecided; better is inside."""
    assert compare("latency_p50_ms", figure(100, 97, 103), figure(*now)).outcome is outcome


def test_the_better_side_belongs_to_the_metric() -> None:
    """Half the throughput is outside, twice as much is inside and said to be better."""
    recorded = figure(100, 97, 103)
    assert compare("throughput_ips", recorded, figure(50, 49, 51)).outcome is Kept.OUTSIDE
    better = compare("throughput_ips", recorded, figure(200, 199, 201))
    assert (better.outcome, better.note) == (Kept.INSIDE, "better than recorded")


def test_less_than_two_percent_is_the_same() -> None:
    """Intervals of no width, such as memory in whole pages, do not make a trifle a broken promise."""
    assert compare("memory_peak_mib", figure(100, 100, 100), figure(101.9, 101.9, 101.9)).outcome is Kept.INSIDE
    assert compare("memory_peak_mib", figure(100, 100, 100), figure(102.1, 102.1, 102.1)).outcome is Kept.OUTSIDE


def test_quality_on_the_same_data_is_inside_or_outside() -> None:
    """Its own interval does not count: the samples are the same. A change within the record is said."""
    recorded = figure(0.95, 0.92, 0.97)
    assert compare("accuracy", recorded, figure(0.95, 0.92, 0.97)).note == ""
    assert compare("accuracy", recorded, figure(0.93, 0.90, 0.95)).note == "changed by -0.02 on the same data"
    assert compare("accuracy", recorded, figure(0.91, 0.88, 0.94)).outcome is Kept.OUTSIDE


@given(st.floats(0.1, 1e6), st.floats(0, 0.5), st.floats(0.3, 3), st.floats(0, 0.5))
def test_the_rule_is_the_same_for_either_direction(value: float, width: float, factor: float, new_width: float) -> None:
    """Throughput is judged as its reciprocal latency would be, as far as intervals decide."""
    recorded = figure(value, value / (1 + width), value * (1 + width))
    moved = value * factor
    now = figure(moved, moved / (1 + new_width), moved * (1 + new_width))
    latency = compare("latency_p50_ms", recorded, now).outcome
    flipped = compare(
        "throughput_ips",
        figure(1 / value, 1 / recorded.high, 1 / recorded.low),
        figure(1 / moved, 1 / now.high, 1 / now.low),
    ).outcome
    trifle = 0.97 < factor < 1.03
    near_an_end = any(
        abs(one / other - 1) < 1e-9
        for one in (now.value, now.low, now.high)
        for other in (recorded.low, recorded.high, recorded.value)
    )
    assert trifle or near_an_end or latency is flipped
