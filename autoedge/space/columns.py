"""Enumerate combinations of knobs as columns of level numbers, never as objects: a million take less than a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoedge.candidate import Scalar

INACTIVE = "none"
MODEL = "model"
TARGET = "target"
"""The knob that tells targets apart, where there are several."""
RUNTIME = "runtime"
"""The knob that tells runtimes apart, where there are several."""
MOST = 5_000_000
"""Candidates of one model beyond which a space is refused before it fills the memory."""


@dataclass(frozen=True)
class Knob:
    """One column of the space.

    Attributes:
        name: The knob's.
        levels: What the column's numbers stand for; a knob that may not apply has ``none`` as its first level.
        ordered: Whether the levels are ascending numbers.
    """

    name: str
    levels: tuple[Scalar, ...]
    ordered: bool


@dataclass(frozen=True)
class Axis:
    """A knob before enumeration: its column, and the condition under which it applies; None where it never does."""

    knob: Knob
    when: Mapping[str, Any] | None


def enumerate_columns(axes: Sequence[Axis], allowed: Mapping[str, np.ndarray]) -> np.ndarray:
    """All combinations that the conditions allow.

    Args:
        axes: In the order of their conditions.
        allowed: By knob, the level numbers to use for this part of the space; a missing knob may take all.

    Returns:
        int32 of shape (combinations, axes): level numbers. A knob that does not apply stands at level 0.

    Raises:
        SpaceError: There are too many to look at.
    """
    names = [axis.knob.name for axis in axes]
    columns: list[np.ndarray] = []
    active: list[np.ndarray] = []
    length = 1
    for axis in axes:
        conditional = axis.knob.levels[0] == INACTIVE
        levels = allowed.get(axis.knob.name, np.arange(int(conditional), len(axis.knob.levels)))
        applies = np.full(length, axis.when is not None)
        for name, condition in (axis.when or {}).items():
            index = names.index(name)
            fits = np.array([holds(condition, level) for level in axes[index].knob.levels])
            applies &= active[index] & fits[columns[index]]
        repeats = np.where(applies, len(levels), 1)
        length = int(repeats.sum())
        if length > MOST:
            raise SpaceError(f"the space has more than {MOST:,} candidates; fix or limit knobs with search.knobs")
        columns, active = ([np.repeat(column, repeats) for column in each] for each in (columns, active))
        starts = np.cumsum(repeats) - repeats
        position = np.arange(length) - np.repeat(starts, repeats)
        active.append(np.repeat(applies, repeats))
        values = np.where(active[-1], levels[np.minimum(position, len(levels) - 1)], 0)
        columns.append(values.astype(np.int32))
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.int32)


def holds(condition: Any, level: Scalar) -> bool:
    """Whether a knob at ``level`` meets a condition: one of a list, or ``{"min": number}``."""
    if isinstance(condition, list | tuple):
        return level in condition
    return level != INACTIVE and float(level) >= float(condition["min"])
