"""Power and temperature over time, as far as a run recorded any, coarse enough to draw."""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.measurement import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoedge.measurement import Measurement

    Array = NDArray[np.float64]
    Arrays = Mapping[str, NDArray[Any]]

MOST_POINTS = 300
MOST_SOAKS = 4
_UNREADABLE = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


def traces(root: Path, rows: Sequence[Measurement], shown: Sequence[str]) -> list[dict[str, Any]]:
    """What can be drawn over time: power of single processes, soaks, temperatures over the run.

    A file of raw samples that is gone or damaged leaves its picture out.

    Args:
        root: The run folder.
        rows: The run's measurements in their order.
        shown: Candidates whose power is drawn, one process each.

    Returns:
        For each ``title``, ``candidate_id`` (empty for the whole run), ``source`` and ``series``: ``name``, ``unit``,
        ``x`` (in s), ``y``.
    """
    soaks = [row for row in rows if row.phase is Phase.SOAK and row.ok][-MOST_SOAKS:]
    drawn = [
        *(partial(_power, root, rows, name) for name in dict.fromkeys(shown)),
        *(partial(_soak, root, row) for row in soaks),
        *(partial(_temperatures, [row for row in rows if row.target == name]) for name in _targets(rows)),
    ]
    return [one for draw in drawn if (one := _sound(draw)) is not None]


def _sound(draw: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """A picture, or nothing where its samples can be read but make no sense."""
    try:
        return draw()
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _targets(rows: Sequence[Measurement]) -> list[str]:
    return list(dict.fromkeys(row.target for row in rows))


def _power(root: Path, rows: Sequence[Measurement], candidate_id: str) -> dict[str, Any] | None:
    """The last process of a candidate whose power was recorded."""
    mine = [row for row in rows if row.candidate_id == candidate_id and row.ok and row.details.get("power")]
    for row in reversed(mine):
        pieces = list(_pieces(_arrays(root, row)))
        if not pieces:
            continue
        scope = str(row.details["power"]["meter"].get("scope", ""))
        start = min(time[0] for time, _ in pieces)
        x, y = _thinned([(time - start, power) for time, power in pieces])
        return {
            "title": f"Power during one process ({row.phase})",
            "candidate_id": candidate_id,
            "source": "estimated" if scope == "estimate" else "measured",
            "series": [{"name": "power", "unit": "W", "x": x, "y": y}],
        }
    return None


def _pieces(arrays: Arrays) -> Iterator[tuple[Array, Array]]:
    """Stretches of a recording: times and watts."""
    for index in range(sum(name.startswith("power") for name in arrays)):
        time, power = arrays.get(f"power{index}_time_s"), arrays.get(f"power{index}_power_w")
        if time is not None and power is not None and time.shape == power.shape and time.ndim == 1:
            known = np.isfinite(time) & np.isfinite(power)
            if known.any():
                yield time[known].astype(np.float64), power[known].astype(np.float64)


def _soak(root: Path, row: Measurement) -> dict[str, Any] | None:
    """Latency, power, temperature and clock of a soak, whatever was seen."""
    arrays = _arrays(root, row)
    if "end_s" not in arrays or "duration_ns" not in arrays:
        return None
    looks = arrays.get("look_s", np.empty(0)).astype(np.float64)
    zones = arrays.get("look_temp_c", np.empty((len(looks), 0)))
    hottest = np.where(np.isfinite(zones), zones, -np.inf).max(axis=1, initial=-np.inf)
    told = [
        ("latency", "ms", [(arrays["end_s"], arrays["duration_ns"] / 1e6)]),
        ("power", "W", list(_pieces(arrays))),
        ("temperature", "°C", [(looks, hottest)]),
        ("clock", "MHz", [(looks, arrays.get("look_clock_khz", np.full(len(looks), np.nan)) / 1e3)]),
    ]
    series = []
    for name, unit, pieces in told:
        x, y = _thinned(pieces)
        if any(value is not None for value in y):
            series.append({"name": name, "unit": unit, "x": x, "y": y})
    estimated = any(str(arrays[name]) == "estimated" for name in arrays if name.endswith("_source"))
    source = "estimated" if estimated else "measured"
    about = {"title": "Soak: without a pause", "candidate_id": row.candidate_id, "source": source}
    return {**about, "series": series} if series else None


def _temperatures(rows: Sequence[Measurement]) -> dict[str, Any] | None:
    """The hottest zone before and after each measurement of a target; None where the machine does not tell."""
    seen = []
    for row in rows:
        looks = row.details.get("conditions", {})
        ends = (("before", row.started), ("after", row.started + row.duration_s))
        seen += [(at, hot) for name, at in ends if (hot := _hottest(looks.get(name, {}))) is not None]
    if not seen:
        return None
    begun = min(at for at, _ in seen)
    ordered = sorted((at - begun, hot) for at, hot in seen)
    x, y = _thinned([(np.array([at for at, _ in ordered]), np.array([hot for _, hot in ordered]))])
    return {
        "title": f"Hottest zone of {rows[0].target} over the run, before and after each measurement",
        "candidate_id": "",
        "source": "measured",
        "series": [{"name": "temperature", "unit": "°C", "x": x, "y": y}],
    }


def _hottest(look: Mapping[str, Any]) -> float | None:
    zones = [zone.get("temp_c") for zone in look.get("thermal", {}).get("zones", ())]
    numbers = [float(zone) for zone in zones if isinstance(zone, int | float) and np.isfinite(zone)]
    return max(numbers, default=None)


def _arrays(root: Path, row: Measurement) -> dict[str, NDArray[Any]]:
    """A measurement's raw series; nothing where its file is gone, damaged or outside the run."""
    path = (root / row.raw).resolve()
    if not row.raw or not path.is_relative_to(root.resolve()):
        return {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _UNREADABLE:
        return {}


def _thinned(pieces: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[list[float], list[float | None]]:
    """Means of equal stretches of time, about as many as can be drawn; None where nothing was seen."""
    if not pieces or not sum(len(x) for x, _ in pieces):
        return [], []
    x, y = (np.concatenate([part[axis] for part in pieces]).astype(np.float64) for axis in (0, 1))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) <= MOST_POINTS:
        order = np.argsort(x, kind="stable")
        return [_short(at) for at in x[order]], [_short(value) for value in y[order]]
    edges = np.linspace(x.min(), x.max(), MOST_POINTS + 1)
    block = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, MOST_POINTS - 1)
    counts = np.bincount(block, minlength=MOST_POINTS)
    sums = np.bincount(block, weights=y, minlength=MOST_POINTS)
    means = [_short(total / count) if count else None for total, count in zip(sums, counts, strict=True)]
    return [_short(at) for at in (edges[1:] + edges[:-1]) / 2], means


def _short(number: float) -> float:
    return float(f"{number:.5g}")
