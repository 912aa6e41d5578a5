"""The estimate from processor time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters.estimate import Estimate, Ticks, power, ticks
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[[dict[str, Any]], Path]


def test_ticks_of_a_machine() -> None:
    """Idle and waiting are not busy; time of guests is part of the user's and does not count twice."""
    stat = "cpu  100 5 30 800 40 3 2 20 50 0\ncpu0 1 2 3 4\n"
    assert ticks(stat) == Ticks(busy=160, total=1000)


@given(st.text(max_size=80))
def test_another_file_is_refused(text: str) -> None:
    """Anything but a first line of /proc/stat is a ValueError or counts."""
    try:
        read = ticks(text)
    except ValueError:
        return
    assert text.split(maxsplit=1)[0] == "cpu"
    assert read.total >= 0 or "-" in text


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 50), st.floats(0, 50), st.floats(0.1, 10))
def test_power_lies_between_and_grows(low: float, high: float, idle_w: float, more_w: float, gamma: float) -> None:
    """Power lies between idle and full, and never falls with the utilisation."""
    lesser, greater = (power(u, idle_w, idle_w + more_w, gamma) for u in sorted((low, high)))
    assert idle_w <= lesser <= greater <= idle_w + more_w + 1e-9


def test_half_busy_is_half_way(plant: Plant) -> None:
    """A machine that is busy half of the time draws half of the difference."""
    root = plant({"proc/stat": "cpu  100 0 0 100 0 0 0 0 0 0"})
    with Estimate(idle_w=2.0, max_w=6.0, root=str(root)) as meter:
        meter._stream(on=True)
        assert meter._values() is None
        plant({"proc/stat": "cpu  150 0 0 150 0 0 0 0 0 0"})
        assert meter._values() == {"power_w": 4.0}
        assert meter._values() is None, "no time has passed"
        plant({"proc/stat": "cpu  250 0 0 150 0 0 0 0 0 0"})
        assert meter._values() == {"power_w": 6.0}


def test_the_exponent_bends_it(plant: Plant) -> None:
    """With gamma 2 a quarter of the difference is drawn at half utilisation."""
    root = plant({"proc/stat": "cpu 0 0 0 0 0"})
    with Estimate(idle_w=2.0, max_w=6.0, gamma=2.0, root=str(root)) as meter:
        plant({"proc/stat": "cpu 50 0 0 50 0"})
        assert meter._values() == {"power_w": 3.0}


def test_it_says_what_it_is() -> None:
    """The spec says that it is an estimate and carries its band; nothing offers it by itself."""
    with Estimate(idle_w=2.0, max_w=6.0, band=0.3) as meter:
        assert meter.spec.scope == "estimate"
        assert meter.spec.gain == 0.3
        assert "estimate" in meter.spec.accuracy_from
        trace = meter.read(0.8)
    assert not trace.lost
    assert ((trace.power_w >= 2.0) & (trace.power_w <= 6.0)).all()
    assert Estimate.find(Surroundings()) == []


def test_without_processor_times(tmp_path: Path) -> None:
    """A system without /proc/stat is told when it is opened."""
    with pytest.raises(MeterError, match=r"Estimate cannot be read: .*proc/stat"):
        Estimate(idle_w=1, max_w=2, root=str(tmp_path)).__enter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"idle_w": -1, "max_w": 2}, "'idle_w' is a number from 0"),
        ({"idle_w": 3, "max_w": 2}, "'max_w' is at least 'idle_w', but got 2 and 3"),
        ({"idle_w": 1, "max_w": 2, "gamma": 0}, "'gamma' is a number"),
        ({"idle_w": 1, "max_w": 2, "band": "wide"}, "'band' is a number from 0 to 1, but got 'wide'"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """A value that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match=message):
        Estimate(**options)
