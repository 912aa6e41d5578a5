"""``autoedge campaign import``: a table of measurements as a campaign, with a drafted card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.campaign.drafting import MOST_OBJECTIVES, drafted, guess
from autoedge.campaign.new import check_free, write_new_campaign
from autoedge.campaign.plan import Plan, plan_as
from autoedge.campaign.reading import Read, read_rows
from autoedge.errors import DataError
from autoedge.intent.resolved import name_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    Ask = Callable[[pd.DataFrame, Plan], Plan]

ROWS = "rows.parquet"
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Told:
    """What the user says of the columns.

    Attributes:
        roles: By role (``target``, ``knob``, ``feature``, ``objective``, ``none``), columns with more words each:
            ``latency_ms:minimize:log``. Of a role that is named here nothing is guessed.
        units: By column.
        description: What was measured.
        source: Who measured it, where and when.
        licence: Of the rows.
    """

    roles: Mapping[str, Sequence[str]]
    units: Mapping[str, str]
    description: str = ""
    source: str = ""
    licence: str = ""


def import_campaign(rows: Path, folder: Path, told: Told, ask: Ask | None = None) -> dict[str, Any]:
    """Write a campaign folder from a table.

    Args:
        rows: A .csv or .parquet file, one row a result.
        folder: Where to; its name is the campaign's, and it may not hold one yet.
        told: What is known of the columns.
        ask: Given the table and what a column probably is, what it shall be; None to take the guesses.

    Returns:
        The document that the command prints as JSON: the folder, the card, and each column with its role and why.

    Raises:
        DataError: The table cannot be read, a role cannot be had, a unit is missing, or nothing is overwritten.
    """
    check_free(folder, ROWS)
    read = read_table(rows)
    frame = read.frame
    plans = _planned(frame, told)
    if ask is not None:
        said = _named(told, frame)
        plans = [plan if plan.column in said else ask(frame, plan) for plan in plans]
    objectives = [plan.column for plan in plans if plan.role == "objective"]
    if len(objectives) > MOST_OBJECTIVES and "objective" not in told.roles and ask is None:
        raise DataError(
            f"{rows}: {len(objectives)} columns could be objectives ({', '.join(objectives)}); "
            "name the ones that count with --objective"
        )
    texts = {"description": told.description, "source": told.source, "licence": told.licence}
    card, made = drafted(frame, plans, name=name_from(folder.resolve().name), rows=ROWS, **texts)
    write_new_campaign(folder, card, made)
    plans += [Plan(column, "none", "left out: neither numbers nor text") for column in read.left_out]
    return {
        "schema_version": 1,
        "folder": str(folder),
        "rows": len(made),
        "card": card.model_dump(),
        "columns": [{"column": plan.column, "name": plan.name, "role": plan.role, "why": plan.why} for plan in plans],
    }


def read_table(path: Path) -> Read:
    """The table of a .csv or .parquet file.

    Raises:
        DataError: It cannot be read, or its columns have no usable names.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise DataError(f"{path}: a table is a .csv or .parquet file")
    read = read_rows(path)
    frame = read.frame
    frame.columns = [str(column).strip() for column in frame.columns]
    _check_table(frame, path)
    for name in [name for name in frame if not _is_plain(frame[name])]:
        frame[name] = frame[name].map(str, na_action="ignore")
    return read


def _check_table(frame: pd.DataFrame, path: Path) -> None:
    if frame.empty:
        raise DataError(f"{path}: a table has a line of column names and at least one row")
    for column in frame.columns:
        if not (column and column.isprintable() and len(column) <= _LONGEST_NAME):
            raise DataError(
                f"{path}: names of columns are printable, up to {_LONGEST_NAME} characters: {column[:80]!r}"
            )
    if frame.columns.duplicated().any():
        raise DataError(f"{path}: two columns are named {frame.columns[frame.columns.duplicated()][0]}")


def _is_plain(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers, truth values or nothing but text."""
    import pandas as pd

    of_text = pd.api.types.is_string_dtype(column)
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column) or of_text)


def _planned(frame: pd.DataFrame, told: Told) -> list[Plan]:
    """What was told, and guesses for the rest."""
    plans = {plan.column: plan for plan in guess(frame)}
    for column, plan in plans.items():
        if told.roles.get(plan.role):  # who names one objective means these and no others
            plans[column] = Plan(column, "none", f"another {plan.role} is named")
    named: dict[str, str] = {}
    for role, entries in told.roles.items():
        for entry in entries:
            column, more = _entry(entry, frame)
            if column in named:
                raise DataError(f"column {column} has one role, but got {named[column]} and {role}")
            named[column] = role
            plans[column] = plan_as(frame, column, role, more)
    for column, unit in told.units.items():
        if column not in plans:
            raise DataError(f"--unit: no column {column!r}; the table has {', '.join(plans)}")
        plans[column] = plans[column].with_unit(unit)
    return list(plans.values())


def _named(told: Told, frame: pd.DataFrame) -> set[str]:
    """Columns of which enough was said that nobody need be asked."""
    return {_entry(entry, frame)[0] for entries in told.roles.values() for entry in entries}


def _entry(entry: str, frame: pd.DataFrame) -> tuple[str, list[str]]:
    """A column and what is said of it; the name of a column may hold a colon itself."""
    if entry in frame:
        return entry, []
    parts = entry.split(":")
    for end in range(len(parts) - 1, 0, -1):
        if (column := ":".join(parts[:end])) in frame:
            return column, parts[end:]
    return parts[0], parts[1:]
