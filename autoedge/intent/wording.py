"""What pydantic found, in the words of an intent's problems: the place, the rule, the value, the nearest known word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from autoedge.intent.problem import Loc, nearest, shown, suggestion
from autoedge.intent.resolved import NAME
from autoedge.intent.schema import IntentFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

    from autoedge.intent.tree import Node

_RULES: Mapping[str, str] = {
    "string_type": "takes text",
    "bool_type": "takes true or false",
    "int_type": "takes a whole number",
    "int_from_float": "takes a whole number",
    "float_type": "takes a number",
    "finite_number": "takes a finite number",
    "list_type": "takes a list",
    "dict_type": "takes a mapping",
    "model_type": "takes a mapping",
    "model_attributes_type": "takes a mapping",
    "string_pattern_mismatch": f"takes a name that matches {NAME}",
    "string_too_short": "takes text of at least one character",
    "string_too_long": "takes text of at most %(max_length)d characters",
    "too_short": "takes at least one entry",
    "too_long": "takes at most %(max_length)d entries",
    "greater_than": "takes a number above %(gt)g",
    "greater_than_equal": "takes a number of at least %(ge)g",
    "less_than": "takes a number below %(lt)g",
    "less_than_equal": "takes a number of at most %(le)g",
}


def worded(node: Node, details: ErrorDetails) -> tuple[Loc, str]:
    """Place and message for what pydantic found wrong with ``node``."""
    kind = details["type"]
    if kind == "missing":
        key = str(details["loc"][-1])
        return (node.loc, "a value is required") if node.value is None else (node.loc, f"{key} is required")
    if kind == "extra_forbidden":
        parent, word = node.loc[:-1], str(node.loc[-1])
        return parent, f"unknown key {shown(word)}{suggestion(word, known_keys(parent))}"
    if kind == "literal_error":
        return node.loc, _worded_choice(details)
    rule = _RULES[kind] % details.get("ctx", {}) if kind in _RULES else details["msg"]
    hint = "; put it in quotes" if kind == "string_type" and isinstance(node.value, bool | int | float) else ""
    return node.loc, f"{rule}, but got {shown(node.plain)}{hint}"


def known_keys(loc: Loc) -> list[str]:
    """The keys that the mapping at ``loc`` may have."""
    section: type[BaseModel] = IntentFile
    for part in loc:
        if part in section.model_fields:
            section = next(_sections(section.model_fields[str(part)].annotation), section)
    return list(section.model_fields)


def _worded_choice(details: ErrorDetails) -> str:
    expected, got = details["ctx"]["expected"].replace("'", ""), details["input"]
    near = nearest(got, re.split(r", | or ", expected)) if isinstance(got, str) else None
    return f"takes {expected}, but got {shown(got)}" + (f"; did you mean {near}?" if near else "")


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections inside an annotation such as ``list[str | ModelItem]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _sections(inner)
