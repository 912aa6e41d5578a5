"""Windows of work in a recorded trace, as files state them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.bench.tables import TABLES, read_json, read_table
from autoedge.errors import DataError
from autoedge.meters.spec import LARGEST

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Work:
    """A window of work in a trace.

    Attributes:
        start_s: On the trace's clock.
        end_s: Later than that.
        inferences: How many ran in it; None where nobody says.
    """

    start_s: float
    end_s: float
    inferences: int | None = None


def read_windows(path: Path) -> tuple[Work, ...]:
    """Windows of a CSV, Parquet or JSON file: ``start_s``, ``end_s`` (or ``stop_s``) and ``inferences``, if known.

    JSON is a list of such objects, or an object whose ``windows`` is one, such as a ``trace.json``.

    Raises:
        DataError: It holds none, or one that cannot be meant.
    """
    if path.suffix.lower() in TABLES:
        table = read_table(path, ("start_s",), ("end_s", "stop_s", "inferences"))
        form: Any = [dict(zip(table, row, strict=True)) for row in zip(*map(list, table.values()), strict=True)]
    else:
        form = read_json(path)
        form = form.get("windows") if isinstance(form, dict) else form
    windows = as_works(form, path)
    if not windows:
        raise DataError(f"{path}: holds no windows")
    return windows


def as_works(form: Any, path: Path) -> tuple[Work, ...]:
    """Windows of a list of JSON objects.

    Raises:
        DataError: It is none.
    """
    if not isinstance(form, list):
        raise DataError(f"{path}: 'windows' is a list of windows, but is {type(form).__name__}")
    return tuple(_window(one, f"{path}: windows[{place}]") for place, one in enumerate(form))


def _window(form: Any, where: str) -> Work:
    if not isinstance(form, dict):
        raise DataError(f"{where}: is no object with start_s and end_s")
    start, end = (_number(form, names, where) for names in (("start_s",), ("end_s", "stop_s")))
    if not start < end:
        raise DataError(f"{where}: ends after it started, but goes from {start} s to {end} s")
    count = form.get("inferences")
    if count is None or (isinstance(count, float) and count != count):  # noqa: PLR0124 - NaN: a table's empty cell
        return Work(start, end)
    if not _sane(count) or count < 1 or count != int(count):
        raise DataError(f"{where}: 'inferences' is a whole number from 1 to {LARGEST:g}, but is {count!r:.40}")
    return Work(start, end, int(count))


def _number(form: dict[str, Any], names: tuple[str, ...], where: str) -> float:
    found = [form[name] for name in names if name in form]
    if not found:
        raise DataError(f"{where}: has no '{names[0]}'")
    if not _sane(found[0]):
        raise DataError(f"{where}: '{names[0]}' is a number of seconds within +/- {LARGEST:g}, but is {found[0]!r:.40}")
    return float(found[0])


def _sane(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
