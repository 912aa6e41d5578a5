"""Configurations in few words, and which knobs are worth a word."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.report.figures import NONE
from autoedge.report.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_WORD = 40
_USUAL = "onnxruntime"
_FIRST = ("batch", "threads")


def level(value: Any) -> str:
    """A knob's level; what does not apply is a dash (a table read from CSV holds NaN there, and 2 as 2.0)."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return printable(value, _WORD)


def recipe_words(recipe: Mapping[str, Any]) -> str:
    """How the model file is made: ``int8-static minmax/channel``."""
    words = {name: level(value) for name, value in sorted(recipe.items())}
    precision = words.pop("precision", "")
    return " ".join(part for part in (precision, "/".join(w for w in words.values() if w != NONE)) if part)


def knob_words(knobs: Mapping[str, Any], shown: Collection[str] | None = None) -> str:
    """Knobs with their levels, those ``shown`` only: ``batch=4 threads=2``."""
    named = [(name, level(knobs[name])) for name in ordered(knobs) if shown is None or name in shown]
    return " ".join(f"{printable(name, _WORD)}={value}" for name, value in named if value != NONE)


def ordered(names: Iterable[str]) -> list[str]:
    """Knob names, those that every reader looks for first in front."""
    return sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))


def words(configuration: Mapping[str, Any], shown: Collection[str] | None = None) -> str:
    """A configuration in canonical form: model, recipe, knobs, and the runtime unless it is the usual one."""
    runtime = level(configuration.get("runtime", _USUAL))
    parts = [
        level(configuration["model"]),
        recipe_words(configuration["recipe"]),
        "" if runtime == _USUAL else f"on {runtime}",
        knob_words(configuration["knobs"], shown),
    ]
    return " ".join(part for part in parts if part)


def varying(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the knobs that have several levels among the rows, in the order to show them.

    Where a knob does not apply is no level: it follows from the knobs that it depends on.
    """
    levels: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            levels.setdefault(name, set()).add(level(value))
    return ordered(name for name, known in levels.items() if len(known - {NONE}) > 1)


def identity(candidate_id: str) -> str:
    """A candidate's id without its target, enough for ``--candidate``."""
    return printable(candidate_id.partition("@")[0], _WORD)
