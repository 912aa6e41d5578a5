"""The card of a campaign: what its columns mean, where the rows come from, and under which licence."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Direction = Literal["minimize", "maximize"]
Scale = Literal["log", "linear"]
MOST_NAME_BYTES = 200
"""Of the file with the rows: file systems know no names much longer."""
Column = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnobColumn(_Part):
    """A column that a strategy chooses; ``int`` and ``float`` are ordered."""

    type: Literal["categorical", "int", "float"]


class FeatureColumn(_Part):
    """A number known before measuring, which only a learned surrogate may use."""

    scale: Scale = "linear"


class ObjectiveColumn(_Part):
    """A measured number: which way is better, and on which scale differences count."""

    direction: Direction
    scale: Scale = "linear"


class Card(_Part):
    """``campaign.json``.

    Attributes:
        schema_version: Of this format.
        name: The campaign's.
        description: What was measured, in one or two sentences.
        source: Who measured it, where and when.
        licence: Of the rows.
        rows: File with the rows beside the card.
        target: The column that tells devices apart; None where there is one device.
        knobs: By column.
        features: By column.
        objectives: By column.
    """

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    description: str = Field(default="", max_length=10_000)
    source: str = Field(default="", max_length=10_000)
    licence: str = Field(default="", max_length=1_000)
    rows: str
    target: Column | None = None
    knobs: dict[Column, KnobColumn] = Field(min_length=1)
    features: dict[Column, FeatureColumn] = {}
    objectives: dict[Column, ObjectiveColumn] = Field(min_length=1)

    @field_validator("rows")
    @classmethod
    def _stays_in_its_folder(cls, rows: str) -> str:
        if PurePosixPath(rows).name != rows or "\\" in rows or rows.startswith("."):
            raise ValueError(f"rows is the name of a file beside the card, but got {rows!r}")
        if PurePosixPath(rows).suffix not in {".parquet", ".csv"}:
            raise ValueError(f"rows is a .parquet or .csv file, but got {rows!r}")
        if len(rows.encode()) > MOST_NAME_BYTES:
            raise ValueError(f"rows is a name of at most {MOST_NAME_BYTES} bytes, but got {len(rows.encode())}")
        return rows

    @model_validator(mode="after")
    def _one_role_a_column(self) -> Card:
        columns = [*self.knobs, *self.features, *self.objectives, *([self.target] if self.target else [])]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ValueError(f"a column is target, knob, feature or objective, but {', '.join(twice)} is two of them")
        return self
