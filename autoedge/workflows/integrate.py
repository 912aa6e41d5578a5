"""``autoedge power integrate``: energy and power of the windows of a recorded trace."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

from autoedge.bench.energy import WindowEnergy, window_energy
from autoedge.bench.recorded import read_trace
from autoedge.bench.works import Work, read_windows
from autoedge.errors import DataError
from autoedge.meters.spec import UNSTATED

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.meters.spec import MeterSpec
    from autoedge.meters.trace import Trace


def integrate(trace: Path, windows: Path | None = None, meter: MeterSpec | None = None) -> dict[str, Any]:
    """Energy, mean power and energy per inference of each window of a trace, and the median over them.

    Args:
        trace: A folder with energy bins, or a CSV or Parquet file with ``time_s`` and ``power_w``.
        windows: A JSON, CSV or Parquet file with windows; by default those of the folder, else the whole trace is one.
        meter: What recorded the trace; None leaves the instrument's own errors out of the uncertainty.

    Returns:
        The document that the command prints as JSON; energies in mJ.

    Raises:
        DataError: The trace or the windows cannot be meant; says what and where.
    """
    recording, stated = read_trace(trace, meter)
    first, last = float(recording.time_s[0]), float(recording.time_s[-1])
    works = stated if windows is None else read_windows(windows)
    works = works or (Work(first, last),)
    _check_inside(works, recording, windows or trace)
    results = [_shown(work, window_energy(recording, work.start_s, work.end_s)) for work in works]
    spec = recording.spec
    return {
        "schema_version": 1,
        "trace": str(trace),
        "source": "estimated" if spec.scope == "estimate" else "measured",
        "meter": None if meter is None else spec.to_json(),
        "accuracy_from": spec.accuracy_from if spec.states_errors else UNSTATED,
        "median_mj_per_inference": _median(results),
        "median_fit_mj_per_inference": _median([one for one in results if not one["refused"]]),
        "refused": sum(bool(one["refused"]) for one in results),
        "windows": results,
    }


def _median(results: list[dict[str, Any]]) -> float | None:
    counted = [one["mj_per_inference"] for one in results if one["mj_per_inference"] is not None]
    return median(counted) if counted else None


def _check_inside(works: tuple[Work, ...], recording: Trace, path: Path) -> None:
    first, last = float(recording.time_s[0]), float(recording.time_s[-1])
    slack = recording.spec.update_period_s
    for place, work in enumerate(works):
        if work.start_s < first - slack or work.end_s > last + slack:
            raise DataError(
                f"{path}: windows[{place}] goes from {work.start_s} s to {work.end_s} s, "
                f"but the trace from {first:.6g} s to {last:.6g} s"
            )


def _shown(work: Work, energy: WindowEnergy) -> dict[str, Any]:
    count = work.inferences
    uncertainty = _milli(energy.uncertainty_j)
    return {
        "start_s": work.start_s,
        "end_s": work.end_s,
        "inferences": count,
        "energy_mj": _milli(energy.energy_j),
        "energy_uncertainty_mj": uncertainty,
        "mj_per_inference": None if count is None else _milli(energy.energy_j / count),
        "uncertainty_mj": None if count is None or uncertainty is None else uncertainty / count,
        "mean_power_w": _known(energy.mean_power_w),
        "parts_mj": {name: _milli(part) for name, part in energy.parts.items()},
        "n": energy.n,
        "n_eff": energy.n_eff,
        "method": energy.method,
        "refused": energy.refused,
    }


def _milli(joules: float) -> float | None:
    return _known(joules * 1e3)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
