"""Joulescope's logic, against a driver object that publishes as the maker's does."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

from autoedge.errors import MeterError
from autoedge.meters.joulescope import JoulescopeMeter
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

JS220, JS110, JS320 = "u/js220/000123", "u/js110/000456", "u/js320/000789"
WATTS = 2.5


def message(first: int, end: int, *, frequency: float = 1e6) -> dict[str, Any]:
    """A statistics message: a block of samples at 5 V and 0.5 A."""
    values = {"current": 0.5, "voltage": 5.0, "power": WATTS}
    return {
        "time": {"samples": {"value": [first, end]}, "sample_freq": {"value": frequency}},
        "signals": {name: {"avg": {"value": value}} for name, value in values.items()},
        "accumulators": {"energy": {"value": end / frequency * WATTS}},
    }


class _FakeDriver:
    """The maker's driver with one instrument that sends blocks from a thread of its own."""

    def __init__(self, library: _FakeLibrary) -> None:
        self.library = library
        self.settings: dict[str, Any] = {}
        self.sinks: list[tuple[str, Any]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        library.drivers.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finalize()

    def device_paths(self) -> list[str]:
        return self.library.paths

    def open(self, path: str) -> None:
        if self.library.busy:
            raise TimeoutError(f"jsdrv_open timed out | {path}")
        self._thread.start()

    def close(self, path: str) -> None:
        assert path in self.library.paths

    def publish(self, topic: str, value: Any) -> None:
        if self.library.unplugged:
            raise TimeoutError(f"jsdrv_publish timed out | {topic}")
        self.settings[topic.split("/s/")[1]] = value

    def subscribe(self, topic: str, flags: str, sink: Any) -> None:
        assert flags == "pub"
        self.sinks.append((topic, sink))

    def unsubscribe(self, topic: str, sink: Any) -> None:
        self.sinks.remove((topic, sink))

    def finalize(self) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self.library.drivers.remove(self)

    def _send(self) -> None:
        number = 0
        while not self._ending.wait(0.01):
            block = self.settings.get("stats/scnt", 500_000)
            number += 1
            if self.library.unplugged or number in self.library.dropped:
                continue
            value = (
                {"broken": True} if number in self.library.damaged else message((number - 1) * block, number * block)
            )
            for topic, sink in list(self.sinks):
                sink(topic, value)


class _FakeLibrary:
    """The module ``pyjoulescope_driver``."""

    def __init__(self, *paths: str) -> None:
        self.paths = list(paths)
        self.drivers: list[_FakeDriver] = []
        self.dropped: set[int] = set()
        self.damaged: set[int] = set()
        self.unplugged = False
        self.busy = False

    def Driver(self) -> _FakeDriver:  # noqa: N802 - the library's name
        return _FakeDriver(self)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _FakeLibrary]:
    """Puts a fake library where ``import pyjoulescope_driver`` finds it."""

    def made(*paths: str) -> _FakeLibrary:
        library = _FakeLibrary(*paths)
        monkeypatch.setitem(__import__("sys").modules, "pyjoulescope_driver", library)
        return library

    return made


def test_a_js220_is_set_up_and_read(install: Callable[..., _FakeLibrary]) -> None:
    """The instrument is told its range and rate; energy is its own counter; nothing stays open."""
    library = install(JS220)
    with JoulescopeMeter() as meter:
        assert meter.spec.update_period_s == pytest.approx(0.05)
        trace = meter.read(1.0)
        (driver,) = library.drivers
        assert driver.settings == {"i/range/mode": "auto", "stats/scnt": 50_000, "stats/ctrl": 0}
        assert driver.sinks == []
    assert library.drivers == []
    assert not trace.lost
    assert trace.counts.missing == 0
    assert trace.power_w == pytest.approx(WATTS)
    assert trace.volts * trace.amps == pytest.approx(WATTS)
    time_s, energy = trace.time_s - trace.time_s[0], trace.energy_j - trace.energy_j[0]
    assert energy[-1] == pytest.approx(WATTS * 0.05 * (trace.counts.samples - 1))
    assert (time_s[1:] > time_s[:-1]).all()


def test_a_js110_sends_at_its_own_pace(install: Callable[..., _FakeLibrary]) -> None:
    """A JS110 has another range topic, sends statistics of its own and takes no rate."""
    library = install(JS110)
    with JoulescopeMeter(rate_hz=100) as meter:
        assert meter.spec.update_period_s == 0.5
        meter.start()
        (driver,) = library.drivers
        assert [topic for topic, _ in driver.sinks] == [f"{JS110}/s/sstats/value"]
        assert driver.settings == {"i/range/select": "auto"}
        meter.stop()


def test_lost_and_damaged_blocks_are_counted(install: Callable[..., _FakeLibrary]) -> None:
    """Blocks that did not come are missing, and those that make no sense are counted as such."""
    library = install(JS220)
    with JoulescopeMeter() as meter:
        library.dropped = set(range(20, 1000, 10))
        library.damaged = {25, 26}
        meter.start()
        deadline = time.monotonic() + 30
        while meter.counts.samples < 40 and time.monotonic() < deadline:
            time.sleep(0.01)
        trace = meter.stop()
    assert trace.counts.checksum_errors in (0, 2)  # 0 where this machine was slow to begin
    assert trace.counts.missing >= 2
    assert not trace.lost


def test_unplugged_is_lost(install: Callable[..., _FakeLibrary], seconds_until_lost: Callable[[Meter], float]) -> None:
    """An instrument that falls silent is lost, and so is one that is gone at the start of a recording."""
    library = install(JS220)
    with JoulescopeMeter() as meter:
        meter.start()
        library.unplugged = True
        seconds_until_lost(meter)
        assert "fell silent" in meter.stop().lost
        meter.start()
        assert "is gone" in meter.stop().lost
    assert library.drivers == []


def test_which_instrument(install: Callable[..., _FakeLibrary]) -> None:
    """Of several one must be chosen, by the end of its path; unknown ones are refused."""
    library = install(JS110, JS220, JS320)
    with pytest.raises(MeterError, match=f"choose with 'device'; there is: {JS110}, {JS220}, {JS320}"):
        JoulescopeMeter().__enter__()
    with pytest.raises(MeterError, match="only the JS110 and the JS220"):
        JoulescopeMeter(device="000789").__enter__()
    with pytest.raises(MeterError, match="no such Joulescope"):
        JoulescopeMeter(device="000000").__enter__()
    with JoulescopeMeter(device="000123") as meter:
        assert meter.spec.model == f"Joulescope {JS220}"
    assert JoulescopeMeter.find(Surroundings()) == [{"device": JS110}, {"device": JS220}]
    assert library.drivers == []


def test_an_instrument_in_use_is_explained(install: Callable[..., _FakeLibrary]) -> None:
    """A driver that does not answer says what may be the matter, and is closed."""
    library = install(JS220)
    library.busy = True
    with pytest.raises(MeterError, match=r"timed out.*another program.*udev rule"):
        JoulescopeMeter().__enter__()
    assert library.drivers == []


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing package is named with the command that installs it; nothing is found without it or in another tree."""
    monkeypatch.setitem(__import__("sys").modules, "pyjoulescope_driver", None)
    with pytest.raises(MeterError, match=r'pip install "autoedge\[joulescope\]"'):
        JoulescopeMeter().__enter__()
    assert JoulescopeMeter.find(Surroundings()) == []
    assert JoulescopeMeter.find(Surroundings(tmp_path)) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"rate_hz": 0}, "'rate_hz' is a number from 1 to 1000"), ({"scope": ""}, "'scope' is one of")],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """A value that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match=message):
        JoulescopeMeter(**options)
