"""Draft the card of a campaign from a table: what each column probably is, from its name and its values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from autoedge.campaign.card import Card, FeatureColumn, KnobColumn, ObjectiveColumn
from autoedge.campaign.conventions import (
    COMPANIONS,
    FEATURE_WORDS,
    NO_ROLE_WORDS,
    PERCENT,
    TARGET_WORDS,
    metric_direction,
    quantity_of,
    words_of,
)
from autoedge.campaign.levels import as_word
from autoedge.campaign.plan import Plan, Role, is_number, knob_type, objective_plan, spread_scale
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

MOST_OBJECTIVES = 4
"""More are not guessed at: nothing dominates anything any more."""
_MOST_LEVELS = 64
_SHARES = [[unit] for unit in PERCENT]


def guess(frame: pd.DataFrame) -> list[Plan]:
    """What each column probably is, by its name and its values, in the order of the columns."""
    target = _target(frame)
    return [
        Plan(column, "target", "its name") if column == target else _guess(frame, str(column))
        for column in frame.columns
    ]


def drafted(
    frame: pd.DataFrame, plans: Sequence[Plan], *, name: str, rows: str, **told: str
) -> tuple[Card, pd.DataFrame]:
    """The card that plans come to, and the table with units in its names.

    Args:
        frame: The table.
        plans: One for each column.
        name: Of the campaign.
        rows: Name of the file with the rows.
        told: ``description``, ``source``, ``licence``.

    Raises:
        DataError: A direction or a unit is missing, or the roles make no campaign.
    """
    guessed = [plan.column for plan in plans if plan.role == "objective" and plan.needs_direction]
    if guessed:
        raise DataError(
            f"which way is better of {', '.join(guessed)} is not sure from the name; say it with "
            f"--objective {guessed[0]}:minimize or :maximize and name the other objectives too, "
            f"or leave it out with --no-role {guessed[0]}"
        )
    unknown = [plan.column for plan in plans if plan.role == "objective" and plan.needs_unit]
    if unknown:
        raise DataError(
            f"the unit of {', '.join(unknown)} is not in the name; "
            f"say it with --unit {unknown[0]}=UNIT (ms, mJ, MiB; 1 for none)"
        )
    by_role: dict[str, list[Plan]] = {role: [plan for plan in plans if plan.role == role] for role in get_args(Role)}
    for role, option in (("knob", "--knob"), ("objective", "--objective")):
        if not by_role[role]:
            raise DataError(f"a campaign has at least one {role}, but no column looks like one; name it with {option}")
    renamed = frame.rename(columns={plan.column: plan.name for plan in plans})
    if renamed.columns.duplicated().any():
        raise DataError(f"two columns are named {renamed.columns[renamed.columns.duplicated()][0]}; rename one")
    categories = [
        plan.name for plan in plans if plan.role == "target" or (plan.role == "knob" and plan.type == "categorical")
    ]
    texts = [str(column) for column in renamed if column in categories or renamed[column].dtype == object]
    renamed = renamed.assign(**{column: _as_text(renamed[column]) for column in texts})
    card = Card(
        schema_version=1,
        name=name,
        rows=rows,
        target=by_role["target"][0].name if by_role["target"] else None,
        knobs={plan.name: KnobColumn(type=plan.type) for plan in by_role["knob"]},
        features={plan.name: FeatureColumn(scale=plan.scale) for plan in by_role["feature"]},
        objectives={
            plan.name: ObjectiveColumn(direction=plan.direction, scale=plan.scale) for plan in by_role["objective"]
        },
        **{key: text for key, text in told.items() if text},
    )
    return card, renamed


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """One type a column, as its file needs; what is missing stays missing."""
    return column if column.dtype == bool else column.map(as_word, na_action="ignore").astype("string")


def _target(frame: pd.DataFrame) -> str | None:
    named = [
        str(column)
        for word in TARGET_WORDS
        for column in frame
        if word in words_of(str(column)) and not is_number(frame[column]) and not _is_companion(frame, str(column))
    ]
    return named[0] if named else None


def _guess(frame: pd.DataFrame, column: str) -> Plan:
    values = frame[column]
    if _is_companion(frame, column) or column == "n_processes":
        return Plan(column, "none", "tells more of another column")
    if len(values.unique()) == 1:
        return Plan(column, "none", "the same in every row")
    return _guess_number(frame, column) if is_number(values) else _guess_text(column)


def _guess_text(column: str) -> Plan:
    if NO_ROLE_WORDS & set(words_of(column)):
        return Plan(column, "none", "its name")
    return Plan(column, "knob", "text")


def _guess_number(frame: pd.DataFrame, column: str) -> Plan:
    values, words = frame[column], set(words_of(column))
    if metric_direction(column) or quantity_of(column):
        return replace(objective_plan(frame, column), why="its name")
    if words & FEATURE_WORDS or column.startswith(("log_", "device_")):
        counts = "log" not in words and bool(words & FEATURE_WORDS) and bool((values.dropna() > 0).all())
        return Plan(column, "feature", "its name", scale="log" if counts else spread_scale(values))
    if words & NO_ROLE_WORDS:
        return Plan(column, "none", "its name")
    if words_of(column)[-1:] in _SHARES and 2 * values.nunique() > len(values):
        return Plan(column, "none", "percent of what nothing tells")
    if values.nunique() <= _MOST_LEVELS and np.isfinite(values.to_numpy(dtype=float)).all():
        return Plan(column, "knob", f"{values.nunique()} different numbers", type=knob_type(values))
    return Plan(column, "none", "numbers that nothing tells the meaning of")


def _is_companion(frame: pd.DataFrame, column: str) -> bool:
    return any(column.endswith(end) and column.removesuffix(end) in frame for end in COMPANIONS)
