"""NVML's logic, against a library that answers as the real one does."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from autoedge.errors import MeterError
from autoedge.meters.nvml import Nvml, throttle_reasons
from autoedge.meters.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.meters.base import Meter

    Plant = Callable[[dict[str, Any]], Path]


class _NvmlError(Exception):
    """As ``pynvml.NVMLError``."""


class _FakeNvml:
    """The part of ``pynvml`` that is used: one GPU whose counter steps every 50 ms at a constant power."""

    NVMLError = _NvmlError
    NVML_SUCCESS = 0
    NVML_FI_DEV_POWER_INSTANT = 186

    def __init__(self, *, counter: bool = True, instant: bool = True, power: bool = True, watts: float = 40.0) -> None:
        self.counter, self.instant, self.power, self.watts = counter, instant, power, watts
        self.users = 0
        self.gone = False
        self.reset = False
        self.reasons = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's name
        self.users += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.users -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        if index:
            raise _NvmlError("Invalid Argument")
        return "handle"

    def nvmlDeviceGetName(self, _: str) -> bytes:  # noqa: N802
        return b"NVIDIA Test GPU"

    def nvmlDeviceGetUUID(self, _: str) -> str:  # noqa: N802
        return "GPU-1234"

    def nvmlDeviceGetPowerUsage(self, _: str) -> int:  # noqa: N802
        if self.gone or not self.power:
            raise _NvmlError("Not Supported")
        return round(self.watts * 500)  # half, so that a test can tell which one was taken

    def nvmlDeviceGetTotalEnergyConsumption(self, _: str) -> int:  # noqa: N802
        if not self.counter:
            raise _NvmlError("Not Supported")
        if self.gone:
            raise _NvmlError("GPU is lost")
        steps = int(time.perf_counter() / 0.05)
        return 0 if self.reset else round(steps * 0.05 * self.watts * 1000)

    def nvmlDeviceGetFieldValues(self, _: str, fields: list[int]) -> list[Any]:  # noqa: N802
        assert fields == [186]
        value = SimpleNamespace(uiVal=round(self.watts * 1000))
        return [SimpleNamespace(nvmlReturn=0 if self.instant else 3, value=value)]

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _: str) -> int:  # noqa: N802
        return self.reasons


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., _FakeNvml]:
    """Puts a fake library where ``import pynvml`` finds it."""

    def made(**options: Any) -> _FakeNvml:
        library = _FakeNvml(**options)
        monkeypatch.setitem(__import__("sys").modules, "pynvml", library)
        return library

    return made


def test_energy_counter_and_instant_power(install: Callable[..., _FakeNvml]) -> None:
    """Samples come with the counter's steps, and its differences are the energy."""
    library = install()
    with Nvml() as meter:
        assert meter.spec.scope == "gpu"
        assert meter.spec.energy_resolution_j == 0.001
        assert "NVIDIA Test GPU GPU-1234" in meter.spec.model
        trace = meter.read(1.0)
    assert not trace.lost
    assert trace.power_w == pytest.approx(40.0)
    steps = trace.energy_j[1:] - trace.energy_j[:-1]
    assert (steps > 0).all()
    assert steps / 2.0 == pytest.approx((steps / 2.0).round(), abs=1e-6), "each sample is a step of 50 ms x 40 W"
    assert library.users == 0


def test_the_counters_period_is_watched(install: Callable[..., _FakeNvml]) -> None:
    """The update period that is published is that of the GPU."""
    install()
    with Nvml() as meter:
        assert 0.02 < meter.spec.update_period_s < 0.35, "50 ms, unless this machine stalls"


def test_an_unmoving_counter_is_published_all_the_same(install: Callable[..., _FakeNvml]) -> None:
    """A GPU that draws nothing still gives samples, so that idling is not mistaken for a loss."""
    install(watts=0.0)
    with Nvml() as meter:
        trace = meter.read(1.3)
    assert not trace.lost
    assert trace.counts.samples >= 2
    assert trace.energy_j[-1] == trace.energy_j[0]


@pytest.mark.parametrize(("instant", "watts", "settling"), [(True, 40.0, 0.1), (False, 20.0, 1.0)])
def test_power_without_a_counter(
    install: Callable[..., _FakeNvml],
    instant: bool,  # noqa: FBT001 - a table's column
    watts: float,
    settling: float,
) -> None:
    """Without a counter power is sampled; the averaged one takes a second to settle."""
    install(counter=False, instant=instant)
    with Nvml() as meter:
        assert meter.spec.energy_resolution_j is None
        assert meter.spec.settling_s == settling
        trace = meter.read(0.5)
    assert trace.power_w == pytest.approx(watts)
    assert not trace.energy_j.size


def test_a_library_that_knows_no_fields(install: Callable[..., _FakeNvml], monkeypatch: pytest.MonkeyPatch) -> None:
    """An old library without the instant power falls back to the plain one."""
    monkeypatch.delattr(_FakeNvml, "NVML_FI_DEV_POWER_INSTANT")
    install(counter=False)
    with Nvml() as meter:
        assert meter._values() == {"power_w": 20.0}


def test_a_lost_gpu_is_reported(
    install: Callable[..., _FakeNvml], seconds_until_lost: Callable[[Meter], float]
) -> None:
    """A GPU that falls off the bus, or whose driver is loaded anew, ends the recording with the reason."""
    library = install()
    with Nvml() as meter:
        meter.start()
        library.gone = True
        seconds_until_lost(meter)
        assert "GPU 0 is gone: GPU is lost" in meter.stop().lost
        library.gone = False
        meter.start()
        while not meter.counts.samples and not meter.lost:
            time.sleep(0.01)
        library.reset = True
        seconds_until_lost(meter)
        assert "its energy counter went back" in meter.stop().lost


def test_what_cannot_be_opened(install: Callable[..., _FakeNvml]) -> None:
    """A GPU that is not there, or tells no power, is explained, and the library is given back."""
    library = install()
    with pytest.raises(MeterError, match="GPU 3 cannot be opened: Invalid Argument; the driver shows 1"):
        Nvml(device=3).__enter__()
    assert library.users == 0
    install(counter=False, instant=False, power=False)
    with pytest.raises(MeterError, match="tells no power"):
        Nvml().__enter__()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    """A missing package is named with the command that installs it, also by what was found beside a driver."""
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    with pytest.raises(MeterError, match=r'pip install "autoedge\[nvidia\]"'):
        Nvml().__enter__()
    assert Nvml.find(Surroundings(plant({"proc/driver/nvidia/version": "NVRM"}))) == [{}]


def test_found_where_the_driver_is(install: Callable[..., _FakeNvml], plant: Plant, tmp_path: Path) -> None:
    """GPUs are looked for where the kernel has the driver, and nowhere else."""
    library = install()
    assert Nvml.find(Surroundings(tmp_path / "elsewhere")) == []
    assert Nvml.find(Surroundings(plant({"proc/driver/nvidia/version": "NVRM"}))) == [{"device": 0}]
    assert library.users == 0


def test_throttle_reasons(install: Callable[..., _FakeNvml]) -> None:
    """Heat and power count, idling and settings do not."""
    assert throttle_reasons(0x1 | 0x2 | 0x10 | 0x100) == ()
    assert throttle_reasons(0x4 | 0x40 | 0x1) == ("sw_power_cap", "hw_thermal_slowdown")
    library = install()
    with Nvml() as meter:
        assert meter.throttled() == ()
        library.reasons = 0x20
        assert meter.throttled() == ("sw_thermal_slowdown",)


@pytest.mark.parametrize("device", [-1, True, "0", 1.0])
def test_options_are_checked(device: Any) -> None:
    """A number that cannot be meant is refused with the rule."""
    with pytest.raises(MeterError, match="'device' is the number of a GPU"):
        Nvml(device=device)
