"""The inputs of a saved surrogate: which columns it knows, and how a candidate becomes a row of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.rows import Rows

    Array = NDArray[np.float64]

UNKNOWN = 0
"""Code of a category that the surrogate never saw; the others count from 1."""
MOST_LEVELS = 100_000
Name = Annotated[str, Field(min_length=1, max_length=200)]
Level = Annotated[str, Field(max_length=2_000)]


class Column(BaseModel):
    """One input.

    Attributes:
        name: Of the knob or feature.
        scale: ``linear`` or ``log`` numbers, or ``category``.
        levels: Of a category, in the order of their codes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    scale: Literal["linear", "log", "category"]
    levels: tuple[Level, ...] = Field(default=(), max_length=MOST_LEVELS)

    def codes(self, values: Any) -> Array:
        """Values as numbers, shape (n,): NaN where a number is not known, ``UNKNOWN`` where a level is not."""
        if self.scale == "category":
            code_of = {level: code for code, level in enumerate(self.levels, start=UNKNOWN + 1)}
            return np.array([code_of.get(str(value), UNKNOWN) for value in values], dtype=float)
        if np.asarray(values).dtype == object:
            values = pd.to_numeric(pd.Series(values), errors="coerce")
        numbers = np.asarray(values, dtype=float)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        return np.log(np.where(numbers > 0, numbers, np.nan)) if self.scale == "log" else numbers

    def known(self, codes: Array) -> NDArray[np.bool_]:
        """Where ``codes`` say something."""
        return codes != UNKNOWN if self.scale == "category" else np.isfinite(codes)


def columns_of(rows: Rows) -> tuple[Column, ...]:
    """The columns that tell rows apart, by name."""
    made = []
    for name in sorted(rows.inputs):
        column = rows.inputs[name]
        levels = sorted({level for level in column.tolist() if level is not None and level == level})  # noqa: PLR0124
        if len(levels) < 2:  # noqa: PLR2004 - one value tells nothing
            continue
        if column.dtype == object:
            made.append(Column(name=name, scale="category", levels=tuple(levels)))
        else:
            made.append(Column(name=name, scale="log" if name in rows.logarithmic else "linear"))
    return tuple(made)


def matrix_of(columns: Sequence[Column], inputs: Mapping[str, Any], size: int) -> Array:
    """One row a candidate, shape (size, columns), from inputs by name; a column that is not there is unknown."""
    matrix = np.empty((size, len(columns)))
    for place, column in enumerate(columns):
        missing = float(UNKNOWN) if column.scale == "category" else np.nan
        matrix[:, place] = column.codes(inputs[column.name]) if column.name in inputs else missing
    return matrix
