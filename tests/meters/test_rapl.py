"""RAPL counters in trees of files."""

from __future__ import annotations

import shutil
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoedge.errors import MeterError
from autoedge.meters import rapl
from autoedge.meters.rapl import Rapl, wrapped_difference, zones
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

    Plant = Callable[[dict[str, Any]], Path]

CAP = "sys/class/powercap"
RANGE = 262_143_328_850


def _zone(place: str, name: str, energy_uj: int) -> dict[str, object]:
    return {
        f"{CAP}/{place}/name": name,
        f"{CAP}/{place}/energy_uj": energy_uj,
        f"{CAP}/{place}/max_energy_range_uj": RANGE,
    }


@pytest.fixture
def server(plant: Plant) -> Path:
    """Two sockets with everything that they can show."""
    return plant(
        {
            **_zone("intel-rapl:0", "package-0", 1_000_000),
            **_zone("intel-rapl:0:0", "core", 500_000),
            **_zone("intel-rapl:0:1", "uncore", 200_000),
            **_zone("intel-rapl:0/intel-rapl:0:2", "dram", 300_000),
            **_zone("intel-rapl:1", "package-1", RANGE - 1_000_000),
            **_zone("intel-rapl:1:0", "dram", 400_000),
            **_zone("intel-rapl:2", "psys", 9_000_000),
            **_zone("intel-rapl-mmio:0", "package-0", 1_000_000),
            f"{CAP}/intel-rapl/enabled": 1,
        }
    )


def test_wrapped_counter_of_the_protocol() -> None:
    """Test value 6 of the measurement protocol."""
    assert wrapped_difference(262_143_000_000, 1_000_000, RANGE) == 1_328_850


@given(st.integers(1, 2**40), st.lists(st.integers(0, 2**40), max_size=20), st.integers(0, 2**40))
def test_a_wrapping_counter_loses_nothing(modulus: int, gains: list[int], start: int) -> None:
    """The differences of readings add up to what was consumed, as long as each is less than the counter's range."""
    gains = [gain % modulus for gain in gains]
    readings = [(start + sum(gains[:count])) % modulus for count in range(len(gains) + 1)]
    assert sum(wrapped_difference(before, after, modulus) for before, after in pairwise(readings)) == sum(gains)


def test_packages_and_memory_count_once(server: Path) -> None:
    """Packages and their memory are counted; cores, the uncore, psys and the second tree are not."""
    assert [zone.name for zone in zones(server)] == ["package-0", "package-1", "package-0 dram", "package-1 dram"]
    assert [zone.name for zone in zones(server, dram=False)] == ["package-0", "package-1"]


def test_sockets_are_summed_over_a_wrap(server: Path, plant: Plant) -> None:
    """Energy is the sum of all sockets, also when one of the counters starts again."""
    with Rapl(root=str(server)) as meter:
        assert meter.spec.scope == "package"
        meter._stream(on=True)
        assert meter._values() is None
        plant(
            {
                f"{CAP}/intel-rapl:0/energy_uj": 3_000_000,
                f"{CAP}/intel-rapl:1/energy_uj": 500_000,
                f"{CAP}/intel-rapl:1:0/energy_uj": 900_000,
                f"{CAP}/intel-rapl:2/energy_uj": 99_000_000,
            }
        )
        second = meter._values()
    assert second is not None
    assert second["energy_j"] == pytest.approx(2.0 + 1.5 + 0.5)
    assert second["power_w"] > 0


def test_a_recording_holds_the_counter(server: Path) -> None:
    """The energy counter of a recording never falls, and its times grow."""
    with Rapl(root=str(server)) as meter:
        trace = meter.read(0.5)
    assert not trace.lost
    assert trace.energy_j.size == trace.time_s.size > 0
    assert (trace.energy_j[1:] >= trace.energy_j[:-1]).all()
    assert (trace.time_s[1:] > trace.time_s[:-1]).all()


def test_permission_is_explained(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter for root alone is a sentence that names the file and what to do."""

    def forbidden(path: Path) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(rapl, "read_int", forbidden)
    with (
        pytest.raises(MeterError, match=r"intel-rapl:0/energy_uj: .*run as root, or as root `chmod"),
        Rapl(root=str(server)),
    ):
        pass


def test_nonsense_is_counted_and_then_fatal(
    server: Path, plant: Plant, seconds_until_lost: Callable[[Meter], float]
) -> None:
    """A counter that holds no number is counted, and the meter is lost when that lasts."""
    with Rapl(root=str(server)) as meter:
        meter.start()
        plant({f"{CAP}/intel-rapl:0/energy_uj": "what"})
        seconds_until_lost(meter)
        trace = meter.stop()
    assert "holds 'what' instead of a whole number" in trace.lost
    assert trace.counts.checksum_errors > 1


def test_a_counter_that_begins_anew_is_a_lost_meter(
    server: Path, plant: Plant, seconds_until_lost: Callable[[Meter], float]
) -> None:
    """A counter that falls back far from its end did not wrap: no energy is made of it, and the reason is told."""
    counter = f"{CAP}/intel-rapl:0/energy_uj"
    plant({counter: 200_000_000_000})
    with Rapl(root=str(server)) as meter:
        meter.start()
        while not meter.counts.samples and not meter.lost:
            time.sleep(0.01)
        plant({counter: 0})
        seconds_until_lost(meter)
        trace = meter.stop()
        assert "package-0: its energy counter went back from 200000 J to 0 J, and began anew" in trace.lost
        assert (trace.power_w == 0).all()
        assert (trace.energy_j == trace.energy_j[0]).all()
        assert not meter.read(0.3).lost
        plant({counter: 9_000_000_000})
        again = meter.read(0.3)
    assert not again.lost, "what happened before a recording does it no harm"
    assert again.power_w.size


def test_a_vanished_counter_is_a_lost_meter(server: Path, seconds_until_lost: Callable[[Meter], float]) -> None:
    """A tree that disappears while recording is reported."""
    with Rapl(root=str(server)) as meter:
        meter.start()
        shutil.rmtree(server)
        seconds_until_lost(meter)
        assert "the sensor is gone" in meter.stop().lost


def test_where_there_is_none(tmp_path: Path) -> None:
    """Without packages nothing is found, and opening says so."""
    assert Rapl.find(Surroundings(tmp_path)) == []
    with pytest.raises(MeterError, match="no processor package"), Rapl(root=str(tmp_path)):
        pass


def test_found_with_its_root(server: Path) -> None:
    """What is found opens."""
    (options,) = Rapl.find(Surroundings(server))
    with Rapl(**options) as meter:
        assert "package-1 dram" in meter.spec.model


def test_options_are_checked() -> None:
    """A value of the wrong sort is refused with the rule."""
    with pytest.raises(MeterError, match="'dram' is true or false, but got 'yes'"):
        Rapl(dram="yes")  # type: ignore[arg-type]
