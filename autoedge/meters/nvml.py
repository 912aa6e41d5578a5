"""Power of an NVIDIA GPU through its driver's management library, NVML."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError
from autoedge.meters.base import MeterLostError
from autoedge.meters.sensor import Sensor
from autoedge.meters.spec import MeterSpec

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

THROTTLING = {
    0x04: "sw_power_cap",
    0x08: "hw_slowdown",
    0x20: "sw_thermal_slowdown",
    0x40: "hw_thermal_slowdown",
    0x80: "hw_power_brake",
}
"""Bits of the reasons for a lowered clock that speak of heat or power; the others are settings and idling."""
_WATCH_S = 0.6
_USUAL_UPDATE_S = 0.1
_QUIET_S = 0.5
_AVERAGED_S = 1.0
"""``nvmlDeviceGetPowerUsage`` averages over it on Ampere (but GA100) and newer."""


def throttle_reasons(mask: int) -> tuple[str, ...]:
    """Names of the thermal and power reasons in a mask of ``nvmlDeviceGetCurrentClocksThrottleReasons``."""
    return tuple(name for bit, name in THROTTLING.items() if mask & bit)


class Nvml(Sensor):
    """A GPU's energy counter where it has one (Volta and newer), its power otherwise.

    A sample is taken whenever the counter has moved, so that its steps do no harm to short windows.

    Args:
        device: Which GPU, as ``nvidia-smi`` counts them.

    Raises:
        MeterError: An option cannot be meant.
    """

    def __init__(self, *, device: int = 0) -> None:
        super().__init__()
        if isinstance(device, bool) or not isinstance(device, int) or device < 0:
            raise MeterError(f"'device' is the number of a GPU, from 0, but got {device!r}")
        self._device = device
        self._nvml: Any = None
        self._handle: Any = None
        self._instant = False
        self._counter = False
        self._energy_mj = 0
        self._moved_at = 0.0

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Every GPU of a loaded NVIDIA driver; one that cannot be opened where its library or package is missing."""
        if not (around.root / "proc/driver/nvidia/version").exists():
            return []
        try:
            nvml = _library()
            nvml.nvmlInit()
        except Exception:  # noqa: BLE001 - whatever it is, opening says it
            return [{}]
        try:
            return [{"device": number} for number in range(nvml.nvmlDeviceGetCount())]
        finally:
            nvml.nvmlShutdown()

    def throttled(self) -> tuple[str, ...]:
        """Why heat or power hold the GPU's clock down at this moment; empty when they do not."""
        nvml = self._nvml
        ask = getattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", None)
        ask = ask or nvml.nvmlDeviceGetCurrentClocksThrottleReasons
        try:
            return throttle_reasons(int(ask(self._handle)))
        except nvml.NVMLError:
            return ()

    def _open(self) -> MeterSpec:
        nvml = _library()
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            raise MeterError(f"NVML does not start: {error}; is the NVIDIA driver loaded?") from error
        self._nvml = nvml
        try:
            self._handle = nvml.nvmlDeviceGetHandleByIndex(self._device)
            name = f"{_text(nvml.nvmlDeviceGetName(self._handle))} {_text(nvml.nvmlDeviceGetUUID(self._handle))}"
        except nvml.NVMLError as error:
            count = nvml.nvmlDeviceGetCount()
            raise MeterError(f"GPU {self._device} cannot be opened: {error}; the driver shows {count}") from error
        self._counter = self._total_mj() is not None
        self._instant = self._instant_w() is not None
        if self._power_w() is None:
            raise MeterError(f"GPU {self._device} ({name}) tells no power: NVML does not support it here")
        update_s = self._counter_period() if self._counter else _USUAL_UPDATE_S
        self.poll_period_s = min(0.02, update_s / 2) if self._counter else update_s
        averaged = not self._instant and not self._counter
        return MeterSpec(
            name="nvml",
            scope="gpu",
            update_period_s=update_s,
            settling_s=_AVERAGED_S if averaged else update_s,
            resolution_w=0.001,
            gain=0.05,
            offset_w=1.0,
            energy_resolution_j=0.001 if self._counter else None,
            model=f"{name}, {'energy counter' if self._counter else 'power'}",
            accuracy_from="UNCONFIRMED: NVIDIA states +/-5 % for Fermi and Kepler only; 5 % + 1 W taken",
        )

    def _close(self) -> None:
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            try:
                nvml.nvmlShutdown()
            except nvml.NVMLError:
                return  # it is down already

    def _stream(self, *, on: bool) -> None:
        super()._stream(on=on)
        self._energy_mj, self._moved_at = 0, 0.0

    def _values(self) -> dict[str, float] | None:
        try:
            if not self._counter:
                return {"power_w": self._power()}
            energy_mj = self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)
            now = time.monotonic()
            if energy_mj == self._energy_mj and now - self._moved_at < _QUIET_S:
                return None
            if energy_mj < self._energy_mj:
                raise MeterLostError(f"GPU {self._device}: its energy counter went back: the driver was loaded anew")
            self._energy_mj, self._moved_at = energy_mj, now
            return {"power_w": self._power(), "energy_j": energy_mj * 1e-3}
        except self._nvml.NVMLError as error:
            raise MeterLostError(f"GPU {self._device} is gone: {error}") from error

    def _power(self) -> float:
        power_w = self._power_w()
        if power_w is None:
            raise MeterLostError(f"GPU {self._device} tells no power any more")
        return power_w

    def _power_w(self) -> float | None:
        power_w = self._instant_w() if self._instant else None
        if power_w is not None:
            return power_w
        try:
            return float(self._nvml.nvmlDeviceGetPowerUsage(self._handle)) * 1e-3
        except self._nvml.NVMLError:
            return None

    def _instant_w(self) -> float | None:
        """Power without an average, where driver and GPU tell it."""
        nvml = self._nvml
        field = getattr(nvml, "NVML_FI_DEV_POWER_INSTANT", None)
        if field is None:
            return None
        try:
            (answer,) = nvml.nvmlDeviceGetFieldValues(self._handle, [field])
        except nvml.NVMLError:
            return None
        return float(answer.value.uiVal) * 1e-3 if answer.nvmlReturn == nvml.NVML_SUCCESS else None

    def _total_mj(self) -> int | None:
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        except self._nvml.NVMLError:
            return None

    def _counter_period(self) -> float:
        """Time between two steps of the energy counter, watched for a moment; it differs from GPU to GPU."""
        steps: list[float] = []
        before, end = self._total_mj(), time.perf_counter() + _WATCH_S
        while time.perf_counter() < end:
            time.sleep(0.005)
            now = self._total_mj()
            if now != before:
                steps.append(time.perf_counter())
                before = now
        if len(steps) < 3:  # noqa: PLR2004 - two whole periods
            return _USUAL_UPDATE_S
        return max(0.01, (steps[-1] - steps[0]) / (len(steps) - 1))


def _library() -> Any:
    try:
        import pynvml
    except ImportError as error:
        raise MeterError('NVML needs the package nvidia-ml-py; pip install "autoedge[nvidia]"') from error
    return pynvml


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
