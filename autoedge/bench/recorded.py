"""Recorded traces from anywhere: folders with energy bins, CSV and Parquet files with time and power."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.tables import TABLES, column, read_json, read_table
from autoedge.bench.works import as_works
from autoedge.errors import DataError
from autoedge.meters.spec import MeterSpec
from autoedge.meters.trace import Trace

if TYPE_CHECKING:
    from autoedge.bench.works import Work

MARKER = "trace.json"
_MICRO = 1e-6


def read_trace(path: Path, meter: MeterSpec | None = None) -> tuple[Trace, tuple[Work, ...]]:
    """A recorded trace and the windows that its folder states.

    A folder holds ``trace.json``, whose ``trace`` names a table beside it and whose ``bin_s`` is the width of a bin;
    the table's column ``energy_uj`` holds the energy of each bin in microjoule. A file is a CSV or Parquet table with
    the columns ``time_s`` and ``power_w``.

    Args:
        path: Folder or file.
        meter: What recorded it; None leaves the instrument's own errors out of the uncertainty.

    Raises:
        DataError: It is no trace; says what and where.
    """
    if path.name == MARKER:
        path = path.parent
    if path.is_dir():
        return _read_folder(path, meter)
    if path.suffix.lower() not in TABLES:
        raise DataError(f"{path}: a trace is a folder with {MARKER}, or a .csv or .parquet file")
    table = read_table(path)
    time, power = column(table, "time_s", path), column(table, "power_w", path)
    if time.size < 2:  # noqa: PLR2004 - the integral takes two
        raise DataError(f"{path}: a trace has two samples at least, but this one has {time.size}")
    back = np.flatnonzero(np.diff(time) < 0)
    if back.size:
        raise DataError(f"{path}: time_s goes backwards in row {int(back[0]) + 2}; sort the samples by time")
    if time[-1] == time[0]:
        raise DataError(f"{path}: all samples have the same time_s")
    steps = np.diff(time)
    return Trace(time, power, spec=_spec(meter, float(np.median(steps[steps > 0])))), ()


def read_meter(path: Path) -> MeterSpec:
    """What a meter publishes, from a JSON file: the object itself, or one whose ``spec`` it is.

    Raises:
        DataError: It holds none.
    """
    form = read_json(path)
    form = form.get("spec", form) if isinstance(form, dict) else form
    try:
        return MeterSpec.from_json(form)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: describes no meter: {error}") from error


def _read_folder(folder: Path, meter: MeterSpec | None) -> tuple[Trace, tuple[Work, ...]]:
    marker = folder / MARKER
    form = read_json(marker)
    if not isinstance(form, dict) or form.get("schema_version") != 1:
        raise DataError(f"{marker}: is no description of a trace of schema_version 1")
    name, width = form.get("trace"), form.get("bin_s")
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise DataError(f"{marker}: 'trace' names a file beside it, but is {name!r}")
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width < math.inf:
        raise DataError(f"{marker}: 'bin_s' is the width of a bin in seconds, but is {width!r}")
    table = folder / name
    energy = column(read_table(table), "energy_uj", table) * _MICRO
    edges = width * np.arange(energy.size + 1)
    # The bins are an energy counter that is read at every edge.
    counter = np.concatenate([[0.0], np.cumsum(energy)])
    power = np.concatenate([energy[:1], energy]) / width
    spec = _spec(meter, float(width))
    spec = replace(spec, energy_resolution_j=spec.energy_resolution_j or 0.0)
    return Trace(edges, power, energy_j=counter, spec=spec), as_works(form.get("windows", []), marker)


def _spec(meter: MeterSpec | None, period_s: float) -> MeterSpec:
    if meter is not None:
        return replace(meter, update_period_s=max(meter.update_period_s, period_s))
    unknown = "unknown: the meter's own errors are not in the uncertainty"
    return MeterSpec("the meter", "board-input", period_s, 0.0, 0.0, 0.0, 0.0, accuracy_from=unknown)
