"""Recorded traces from anywhere: folders with energy bins, CSV and Parquet files with time and power."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.tables import TABLES, read_json, read_table, sound
from autoedge.bench.works import as_works
from autoedge.errors import DataError
from autoedge.meters.columns import check_times, usual_step_s
from autoedge.meters.spec import LARGEST, SHORTEST_S, UNSTATED, MeterSpec
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
    table = read_table(path, ("time_s", "power_w"))
    time, power = sound(table, "time_s", path), sound(table, "power_w", path)
    try:
        check_times(time)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return Trace(time, power, spec=_spec(meter, usual_step_s(time))), ()


def read_meter(path: Path) -> MeterSpec:
    """What a meter publishes, from a JSON file: the object itself, or one whose ``spec`` or ``meter`` it is.

    Raises:
        DataError: It holds none.
    """
    form = read_json(path)
    if isinstance(form, dict):
        form = form.get("spec", form.get("meter", form))
    try:
        return MeterSpec.from_json(form)
    except ValueError as error:
        raise DataError(f"{path}: describes no meter: {error}") from error


def _read_folder(folder: Path, meter: MeterSpec | None) -> tuple[Trace, tuple[Work, ...]]:
    marker = folder / MARKER
    form = read_json(marker)
    if not isinstance(form, dict) or form.get("schema_version") != 1:
        raise DataError(f"{marker}: is no description of a trace of schema_version 1")
    name, width = form.get("trace"), form.get("bin_s")
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):
        raise DataError(f"{marker}: 'trace' names a file beside it, but is {name!r}")
    if isinstance(width, bool) or not isinstance(width, int | float) or not SHORTEST_S <= width <= LARGEST:
        span = f"from {SHORTEST_S:g} to {LARGEST:g}"
        raise DataError(f"{marker}: 'bin_s' is the width of a bin in seconds, {span}, but is {width!r:.40}")
    table = folder / name
    energy = _MICRO * sound(read_table(table, ("energy_uj",)), "energy_uj", table, LARGEST / _MICRO)
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
    return MeterSpec("the meter", "board-input", period_s, 0.0, 0.0, 0.0, 0.0, accuracy_from=UNSTATED)
