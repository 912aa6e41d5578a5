"""Pairs of measured candidates that differ in one knob alone: what changing it did, without any model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Level = str | int | float | bool
MOST_ROWS = 400  # pairs grow with the square


@dataclass(frozen=True)
class Change:
    """A change of one knob from one level to another, with the pairs that show it.

    Attributes:
        knob: Its name.
        before: The level it is changed from: the reference's where that is one of the two.
        after: The level it is changed to.
        pairs: Row numbers, shape (pairs, 2): before, after.
    """

    knob: str
    before: Level
    after: Level
    pairs: NDArray[np.intp]


def changes(levels: Sequence[Mapping[str, Level]], reference: Mapping[str, Level]) -> list[Change]:
    """Every change of one knob that some pair of candidates shows, the most frequent first.

    A knob that applies to one of the two alone is no difference: it follows from the knobs that it hangs on (an int8
    file has a calibration, a float one has none).

    Args:
        levels: Of each candidate, by knob; those that do not apply are absent.
        reference: Levels of the reference.
    """
    levels = levels[:MOST_ROWS]
    names = list(dict.fromkeys(name for one in levels for name in one))
    known = {name: _ordered({one[name] for one in levels if name in one}, reference.get(name)) for name in names}
    codes = np.array([[known[name].index(one[name]) if name in one else -1 for name in names] for one in levels])
    found: dict[tuple[str, Level, Level], list[tuple[int, int]]] = {}
    for i in range(len(levels)):
        others = codes[i + 1 :]
        differs = (others != codes[i]) & (others >= 0) & (codes[i] >= 0)
        for j in np.flatnonzero(differs.sum(axis=1) == 1):
            column = int(np.argmax(differs[j]))
            one, other = sorted((i, i + 1 + int(j)), key=lambda row: codes[row, column])
            name = names[column]
            key = (name, known[name][codes[one, column]], known[name][codes[other, column]])
            found.setdefault(key, []).append((one, other))
    made = [Change(*key, np.array(pairs, dtype=np.intp)) for key, pairs in found.items()]
    return sorted(made, key=lambda one: (-len(one.pairs), one.knob, str(one.before), str(one.after)))


def _ordered(levels: set[Level], first: Level | None) -> list[Level]:
    """Numbers ascending, words by the alphabet; the reference's word first."""
    numbers = all(isinstance(level, int | float) for level in levels)
    ordered = sorted(levels) if numbers else sorted(levels, key=str)
    return ordered if numbers or first not in levels else [first, *(one for one in ordered if one != first)]


def seen(change: Change, values: Array) -> dict[str, Any] | None:
    """What a change did to a metric: median, least and greatest difference; None where no pair has the metric.

    Args:
        change: Of one knob.
        values: By row, on the scale on which differences count; NaN where unknown.
    """
    before, after = values[change.pairs.T]
    differences = (after - before)[np.isfinite(after - before)]
    if not len(differences):
        return None
    ends = {"low": float(differences.min()), "high": float(differences.max())}
    return {"pairs": len(differences), "median": float(np.median(differences)), **ends}
