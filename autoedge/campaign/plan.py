"""What a column of a table is to be in a campaign."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from autoedge.campaign.card import Direction, Scale
from autoedge.campaign.conventions import metric_direction, quantity_of
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

Role = Literal["target", "knob", "feature", "objective", "none"]
KnobType = Literal["categorical", "int", "float"]
_UNIT = re.compile(r"[A-Za-z%][A-Za-z0-9_/%]{0,11}")
_SPAN = 30.0


@dataclass(frozen=True)
class Plan:
    """What a column is to be.

    Attributes:
        column: Its name in the table.
        role: ``none`` for a column that is kept without a role.
        why: In a few words, where it was guessed.
        type: Of a knob.
        direction: Of an objective.
        scale: Of an objective or a feature.
        unit: Added to the name of an objective that does not say its own; ``1`` for one that has none.
        needs_unit: Whether the figure has a unit that nothing tells.
        needs_direction: Whether its direction is a mere guess.
    """

    column: str
    role: Role
    why: str = ""
    type: KnobType = "categorical"
    direction: Direction = "minimize"
    scale: Scale = "linear"
    unit: str = ""
    needs_unit: bool = False
    needs_direction: bool = False

    @property
    def name(self) -> str:
        """Of the column in the campaign: with its unit."""
        if self.role != "objective" or self.unit in {"", "1"}:
            return self.column
        return f"{self.column}_{'pct' if self.unit == '%' else self.unit.lower().replace('/', '_per_')}"

    def with_unit(self, unit: str) -> Plan:
        """The same with a unit that somebody told.

        Raises:
            DataError: It is none.
        """
        if unit != "1" and not _UNIT.fullmatch(unit):
            raise DataError(f"column {self.column}: a unit is such as ms, mJ or MiB, or 1 for none, but got {unit!r}")
        return replace(self, unit=unit, needs_unit=False)


def plan_as(frame: pd.DataFrame, column: str, role: str, more: Sequence[str] = ()) -> Plan:
    """A column in a given role; what is not said of it is guessed.

    Args:
        frame: The table.
        column: One of its columns.
        role: As in ``Plan``.
        more: Direction, scale or type, in any order.

    Raises:
        DataError: There is no such column, it cannot have that role, or a word fits nothing.
    """
    if column not in frame:
        raise DataError(f"no column {column!r}; the table has {', '.join(map(str, frame.columns))}")
    numeric = is_number(frame[column])
    plan = {
        "target": lambda: Plan(column, "target"),
        "knob": lambda: Plan(column, "knob", type=knob_type(frame[column])),
        "feature": lambda: Plan(column, "feature", scale=spread_scale(frame[column])),
        "objective": lambda: objective_plan(frame, column),
        "none": lambda: Plan(column, "none"),
    }[role]()
    if role in {"feature", "objective"} and not numeric:
        raise DataError(f"column {column} holds numbers where it is {role}, but some are not")
    for word in more:
        key = next((key for key, words in _SAYS[role].items() if word in words), None)
        if key is None:
            known = "; ".join(f"{key} {', '.join(words)}" for key, words in _SAYS[role].items()) or "nothing more"
            raise DataError(f"column {column} as {role}: one may say {known}, but got {word!r}")
        told: dict[str, Any] = {key: word}
        plan = replace(plan, **told, needs_direction=plan.needs_direction and key != "direction")
    return plan


_SAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "target": {},
    "knob": {"type": get_args(KnobType)},
    "feature": {"scale": get_args(Scale)},
    "objective": {"direction": get_args(Direction), "scale": get_args(Scale)},
    "none": {},
}


def objective_plan(frame: pd.DataFrame, column: str) -> Plan:
    """A column as an objective: direction, scale and unit as its name and values tell."""
    values = frame[column]
    numeric = is_number(values)
    positive = numeric and bool((values.dropna() > 0).all())
    own = metric_direction(column)
    if own is not None:
        return Plan(column, "objective", direction=own[0], scale=own[1] if positive else "linear")
    found = quantity_of(column)
    if found is None:
        return Plan(column, "objective", needs_direction=True)
    quantity, unit = found.quantity, found.unit
    plan = Plan(
        column,
        "objective",
        direction=quantity.direction,
        scale=quantity.scale if positive else "linear",
        needs_unit=not unit,
        needs_direction=not found.sure,
    )
    share = numeric and bool(values.dropna().between(0, 1).all())
    if quantity.name == "quality":  # a share, or percent: which one its values tell
        return replace(plan, needs_unit=False, unit="" if unit or share else "pct")
    return replace(plan, needs_unit=not (unit or share)) if quantity.name == "error" else plan


def knob_type(values: pd.Series[Any]) -> KnobType:
    """Ordered where every row has a number."""
    if not is_number(values) or values.isna().any():
        return "categorical"
    return "int" if pd.api.types.is_integer_dtype(values) else "float"


def spread_scale(values: pd.Series[Any]) -> Scale:
    """Logarithmic where positive numbers span more than a factor of thirty."""
    if not is_number(values):
        return "linear"
    known = values.dropna().to_numpy(dtype=float)
    low, high = (known.min(), known.max()) if len(known) else (math.nan, math.nan)
    return "log" if low > 0 and high > _SPAN * low else "linear"


def is_number(values: pd.Series[Any]) -> bool:
    """Whether all that is known of a column is numbers."""
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))
