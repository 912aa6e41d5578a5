"""The rows that surrogates are judged on, kept beside the champion: whoever comes later answers the same questions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoedge.surrogate.saved.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_ROWS = 4_000
Cell = Annotated[str, Field(max_length=1_000)] | float | None
Short = Annotated[str, Field(max_length=10_000)]


class Exam(BaseModel):
    """Rows column by column: what is known of each candidate, what was measured.

    Attributes:
        schema_version: Of this format.
        identity: One a row, ascending.
        target: Where it was measured.
        group: Its model.
        inputs: By column; None where it is not known.
        metrics: By metric; None where it was not measured.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1]
    identity: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], ...] = Field(max_length=MOST_ROWS)
    target: tuple[Short, ...]
    group: tuple[Short, ...]
    inputs: dict[Short, tuple[Cell, ...]] = Field(max_length=500)
    metrics: dict[Short, tuple[float | None, ...]] = Field(max_length=64)

    @model_validator(mode="after")
    def _one_length(self) -> Exam:
        columns = (self.identity, self.target, self.group, *self.inputs.values(), *self.metrics.values())
        if len({len(column) for column in columns}) > 1:
            raise ValueError("all columns have one length")
        return self

    def rows(self) -> Rows:
        """The rows, as a surrogate is asked them."""
        targets, groups, identities = (
            np.array(column, dtype=object) for column in (self.target, self.group, self.identity)
        )
        metrics = {name: np.array(values, dtype=float) for name, values in self.metrics.items()}
        return Rows(
            {name: _column(values) for name, values in self.inputs.items()}, metrics, targets, groups, identities
        )


def exam_of(rows: Rows) -> Exam:
    """An exam of held-out rows; of more than 4,000 those whose identities come first."""
    rows = rows.take(np.argsort(rows.identities.astype(str), kind="stable")[:MOST_ROWS])
    return Exam(
        schema_version=1,
        identity=tuple(rows.identities),
        target=tuple(rows.targets),
        group=tuple(rows.groups),
        inputs={name: tuple(map(_cell, rows.inputs[name])) for name in sorted(rows.inputs)},
        metrics={name: tuple(map(_cell, rows.metrics[name])) for name in sorted(rows.metrics)},
    )


def _cell(value: object) -> str | float | None:
    if isinstance(value, str):
        return value
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _column(values: Iterable[str | float | None]) -> NDArray[Any]:
    listed = list(values)
    if any(isinstance(value, str) for value in listed):
        return np.array(listed, dtype=object)
    return np.array([np.nan if value is None else value for value in listed], dtype=float)
