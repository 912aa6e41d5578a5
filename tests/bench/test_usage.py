"""How a stretch used a device, from counters that came from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.bench.usage import Usage

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def test_by_hand() -> None:
    """10 s of four cores: 20 of 40 s busy, 10 of them the candidate's, clocks at 0.8 of their highest on average."""
    counters = {"cpu_s": 10.0, "machine_busy_s": 20.0, "machine_total_s": 40.0, "machine_clock_s": 32.0}
    assert Usage.of(counters, 10.0, 4) == Usage(10.0, own_cores=1.0, busy=0.5, own=0.25, clock=0.8)


def test_a_device_that_tells_little() -> None:
    """Without the machine's own book only the candidate is seen, on the cores of the device, at full clock."""
    assert Usage.of({"cpu_s": 10.0}, 10.0, 4) == Usage(10.0, own_cores=1.0, busy=0.25, own=0.25, clock=1.0)


def test_idle_is_the_same_stretch_with_nothing_to_do() -> None:
    """Nothing is busy any more; length and clock stay."""
    assert Usage(10.0, 1.0, 0.5, 0.25, 0.8).idle == Usage(10.0, 0.0, 0.0, 0.0, 0.8)


@given(st.fixed_dictionaries(dict.fromkeys(("cpu_s", "machine_busy_s", "machine_total_s", "machine_clock_s"), NUMBERS)))
def test_whatever_a_device_says(counters: dict[str, float]) -> None:
    """Shares lie in 0 to 1, or the counters are refused as no numbers."""
    try:
        usage = Usage.of(counters, 1.0, 2)
    except ValueError:
        return
    assert all(0 <= share <= 1 for share in (usage.busy, usage.own, usage.clock))
    assert usage.own_cores >= 0


@pytest.mark.parametrize("counters", [{}, {"cpu_s": "much"}, {"cpu_s": None}])
def test_nonsense_is_refused(counters: dict[str, Any]) -> None:
    """What is no number is an error of the kind that the bench expects from a device."""
    with pytest.raises((KeyError, ValueError, TypeError)):
        Usage.of(counters, 1.0, 2)


def test_a_stretch_has_a_length() -> None:
    """No time, no shares of it."""
    with pytest.raises(ValueError, match="a stretch has a length"):
        Usage.of({"cpu_s": 1.0}, 0.0, 2)
