"""A recorded trace played again as if it were measured now."""

from __future__ import annotations

import json
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from autoedge.errors import MeterError
from autoedge.meters import checked
from autoedge.meters.base import Meter, MeterLostError
from autoedge.meters.columns import check_numbers, check_times, read_csv, usual_step_s
from autoedge.meters.spec import SCOPES, UNSTATED, MeterSpec
from autoedge.meters.trace import Block

_SERIES = ("time_s", "power_w", "volts", "amps", "energy_j")
# What reading a damaged file may raise; a wrong shape in an npz asks for any amount of memory.
_DAMAGE = (
    *(OSError, ValueError, TypeError, OverflowError, EOFError, MemoryError, RecursionError),
    *(zipfile.BadZipFile, zlib.error),
)


def load(path: Path) -> Block:
    """A recorded trace: columns ``time_s`` and ``power_w``, perhaps ``volts``, ``amps`` and ``energy_j``.

    Args:
        path: ``.npz`` of arrays, ``.csv`` with a line of names, or ``.json`` with an object of lists.

    Raises:
        MeterError: It cannot be read, lacks a column, or holds what no meter gives; says in which row.
    """
    readers = {".npz": _npz, ".csv": _csv, ".json": _json}
    if path.suffix.lower() not in readers:
        raise MeterError(f"{path}: a trace is a file with the ending {', '.join(readers)}")
    try:
        columns = readers[path.suffix.lower()](path)
        there = [name for name in _SERIES if name in columns or name in _SERIES[:2]]
        block = Block(**{name: np.asarray(columns[name], np.float64) for name in there})
        check_times(block.time_s)
        for name in there:
            check_numbers(name, getattr(block, name), gaps=True)
    except KeyError as error:
        raise MeterError(f"{path}: a trace has columns time_s and power_w, but {error} is missing") from error
    except _DAMAGE as error:
        raise MeterError(f"{path}: no trace can be read: {error}") from error
    return block


def _npz(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name in _SERIES}


def _csv(path: Path) -> dict[str, Any]:
    return read_csv(path, _SERIES[:2], _SERIES[2:])


def _json(path: Path) -> dict[str, Any]:
    columns = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(columns, dict):
        raise TypeError("a trace in JSON is an object of lists")
    return columns


class Replay(Meter):
    """Plays a trace from its beginning in each recording.

    Args:
        file: The trace: npz, CSV or JSON.
        speed: How many times faster than it was recorded; the watts stay, so that the joules shrink by as much.
        repeat: Begin again at the end, without the energy counter; otherwise the meter is lost there.
        scope: Where the recording meter sat.
        gain: Its gain error, as a fraction.
        offset_w: Its error that does not depend on the reading, in W.
        settling_s: Its settling time.
        resolution_w: Its smallest step.

    Raises:
        MeterError: An option cannot be meant.
    """

    def __init__(
        self,
        *,
        file: str,
        speed: float = 1.0,
        repeat: bool = False,
        scope: str = "board-input",
        gain: float = 0.0,
        offset_w: float = 0.0,
        settling_s: float = 0.0,
        resolution_w: float = 0.0,
    ) -> None:
        super().__init__()
        self._file = Path(checked.word("file", file))
        self._speed = checked.number("speed", speed, 1e-3, 1e6)
        self._repeat = checked.flag("repeat", repeat)
        self._scope = checked.choice("scope", scope, SCOPES)
        self._gain = checked.number("gain", gain, 0.0, 1.0)
        self._offset_w = checked.number("offset_w", offset_w, 0.0, 1000.0)
        self._settling_s = checked.number("settling_s", settling_s, 0.0, 600.0)
        self._resolution_w = checked.number("resolution_w", resolution_w, 0.0, 1000.0)
        self._trace: Block | None = None
        self._began = 0.0
        self._played = 0

    def _open(self) -> MeterSpec:
        trace = load(self._file)
        time_s = (trace.time_s - trace.time_s[0]) / self._speed
        period_s = usual_step_s(time_s)
        self._trace = Block(
            time_s,
            trace.power_w,
            trace.volts,
            trace.amps,
            trace.energy_j[: 0 if self._repeat else None] / self._speed,
        )
        self.poll_period_s = min(0.05, max(0.002, period_s))
        return MeterSpec(
            name="replay",
            scope=self._scope,
            update_period_s=period_s,
            settling_s=self._settling_s,
            resolution_w=self._resolution_w,
            gain=self._gain,
            offset_w=self._offset_w,
            energy_resolution_j=0.0 if self._trace.energy_j.size else None,
            model=f"{self._file.name}, {self._speed:g} times as fast",
            accuracy_from="as stated for the recording" if self._gain or self._offset_w else UNSTATED,
        )

    def _stream(self, *, on: bool) -> None:
        if on:
            self._began, self._played = time.perf_counter(), 0

    def _close(self) -> None:
        self._trace = None

    def _read(self) -> Block | None:
        trace = self._trace
        if trace is None:
            raise MeterError("replay: the meter is not open")
        length = len(trace.time_s)
        if self._played == length:
            if not self._repeat:
                raise MeterLostError(f"replay: {self._file.name} ended after {trace.time_s[-1]:g} s")
            self._began += float(trace.time_s[-1]) + self.spec.update_period_s
            self._played = 0
        due = int(np.searchsorted(trace.time_s, time.perf_counter() - self._began, "right"))
        start, self._played = self._played, max(due, self._played)
        if start == self._played:
            return None
        part = slice(start, self._played)
        return Block(
            self._began + trace.time_s[part],
            *(s[part] if s.size else s for s in (trace.power_w, trace.volts, trace.amps, trace.energy_j)),
        )
