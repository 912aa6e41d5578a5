"""Joulescope JS110 and JS220 through their maker's driver, which integrates the energy at full rate."""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.spec import SCOPES, MeterSpec
from autoedge.meters.trace import Block

if TYPE_CHECKING:
    from autoedge.meters.surroundings import Surroundings

_SAMPLES_S = 1_000_000
_JS110_RATE = 2.0
_WAIT_S = 0.2
_SILENCE_S = 1.6
_ARRIVALS = 600
_ENERGY_STEP_J = 2.0**-27
_FAILURES = (RuntimeError, OSError)
"""What the driver raises; TimeoutError is one of the latter."""


class JoulescopeMeter(Meter):
    """The statistics blocks of a Joulescope: mean power of each block, and the instrument's own energy counter.

    Args:
        device: End of the device path, such as its serial number, where several are connected.
        rate_hz: Blocks a second; a JS110 always sends 2.
        scope: Where it is wired in.

    Raises:
        MeterError: An option cannot be meant.
    """

    def __init__(self, *, device: str = "", rate_hz: float = 20.0, scope: str = "board-input") -> None:
        super().__init__()
        self._asked = checked.word("device", device)
        self._rate = checked.number("rate_hz", rate_hz, 1.0, 1000.0)
        self._scope = checked.choice("scope", scope, SCOPES)
        self._driver: Any = None
        self._path = ""
        self._messages: queue.SimpleQueue[tuple[float, dict[str, Any]]] = queue.SimpleQueue()
        self._sink: Any = None
        self._heard = 0.0
        self._next_sample = -1
        self._delays: deque[float] = deque(maxlen=_ARRIVALS)

    @classmethod
    def find(cls, around: Surroundings) -> list[dict[str, Any]]:
        """Every Joulescope on this machine's USB; none for a tree that is not this machine's."""
        if str(around.root) != "/":
            return []
        try:
            with _library().Driver() as driver:
                return [{"device": path} for path in driver.device_paths() if _known(path)]
        except (MeterError, *_FAILURES):
            return []

    def _open(self) -> MeterSpec:
        library = _library()
        try:
            self._driver = library.Driver()
            there = list(self._driver.device_paths())
            self._path = self._chosen(there)
            self._driver.open(self._path)
            if self._js110:
                self._rate = _JS110_RATE
                self._driver.publish(f"{self._path}/s/i/range/select", "auto")
            else:
                self._driver.publish(f"{self._path}/s/i/range/mode", "auto")
                self._driver.publish(f"{self._path}/s/stats/scnt", round(_SAMPLES_S / self._rate))
        except _FAILURES as error:
            raise MeterError(
                f"the Joulescope cannot be opened: {error}; is another program using it, and is its udev rule there?"
            ) from error
        return MeterSpec(
            name="joulescope",
            scope=self._scope,
            update_period_s=1 / self._rate,
            settling_s=1 / self._rate,  # a block's mean, stamped at its end
            resolution_w=1e-6,
            gain=0.01,
            offset_w=0.001,
            energy_resolution_j=_ENERGY_STEP_J,
            model=f"Joulescope {self._path}",
            accuracy_from="UNCONFIRMED: no data sheet read; 1 % + 1 mW taken",
        )

    def _chosen(self, there: list[str]) -> str:
        fits = [path for path in there if path.endswith(self._asked)]
        listed = ", ".join(there) or "none"
        if len(fits) != 1:
            problem = "several Joulescopes could be meant: choose with 'device'" if fits else "no such Joulescope"
            raise MeterError(f"{problem}; there is: {listed}")
        if not _known(fits[0]):
            raise MeterError(f"{fits[0]}: only the JS110 and the JS220 are known here")
        return fits[0]

    @property
    def _js110(self) -> bool:
        return "js110" in self._path

    @property
    def _topic(self) -> str:
        # A JS110 sends statistics of its own at 2 Hz, a JS220 at the rate that it is told.
        return f"{self._path}/s/{'sstats' if self._js110 else 'stats'}/value"

    def _stream(self, *, on: bool) -> None:
        try:
            if on:
                self._messages, self._heard, self._next_sample = queue.SimpleQueue(), time.monotonic(), -1
                self._delays.clear()
                messages = self._messages
                # The driver compares functions by identity, so that the very same one must be handed back later.
                self._sink = lambda _, value: messages.put((time.perf_counter(), value))
                self._driver.subscribe(self._topic, "pub", self._sink)
            if not self._js110:
                self._driver.publish(f"{self._path}/s/stats/ctrl", 1 if on else 0)
            if not on:
                self._unsubscribe()
        except _FAILURES as error:
            raise MeterLostError(f"{self._path}: the Joulescope is gone: {error}") from error

    def _unsubscribe(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            self._driver.unsubscribe(self._topic, sink)

    def _read(self) -> Block | None:
        try:
            arrived, value = self._messages.get(timeout=_WAIT_S)
        except queue.Empty:
            if time.monotonic() - self._heard > _SILENCE_S:
                raise MeterLostError(f"{self._path}: the Joulescope fell silent") from None
            return None
        self._heard = time.monotonic()
        try:
            return self._block(arrived, value)
        except (KeyError, TypeError, ValueError, IndexError):
            self.counts.checksum_errors += 1
            return None

    def _block(self, arrived: float, value: dict[str, Any]) -> Block:
        """One statistics message as a sample at the end of its block, on the instrument's own sample count."""
        first, end = (int(number) for number in value["time"]["samples"]["value"])
        ended = end / float(value["time"]["sample_freq"]["value"])
        if end <= first:
            raise ValueError(f"a block of samples {first} to {end}")
        if 0 <= self._next_sample < first:
            self.counts.missing += max(1, round((first - self._next_sample) / (end - first)))
        self._next_sample = end
        self._delays.append(arrived - ended)
        mean = {name: float(signal["avg"]["value"]) for name, signal in value["signals"].items()}
        return Block.one(
            ended + min(self._delays),  # transport only delays: the quickest message tells the clocks' offset
            mean["power"],
            volts=mean["voltage"],
            amps=mean["current"],
            energy_j=float(value["accumulators"]["energy"]["value"]),
        )

    def _close(self) -> None:
        driver, self._driver = self._driver, None
        if driver is None:
            return
        for step in (lambda: driver.close(self._path) if self._path else None, driver.finalize):
            with contextlib.suppress(*_FAILURES):
                step()
        self._path = ""


def _known(path: str) -> bool:
    return "js110" in path or "js220" in path


def _library() -> Any:
    try:
        import pyjoulescope_driver
    except ImportError as error:
        raise MeterError(
            "a Joulescope needs the package pyjoulescope-driver on the machine that it is plugged into; "
            'pip install "autoedge[joulescope]"'
        ) from error
    return pyjoulescope_driver
