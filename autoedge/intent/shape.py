"""Check the shape of an intent file, and keep what is right of it so that the rest can be checked too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from autoedge.intent.problem import Loc, Problems, nearest, shown, suggestion
from autoedge.intent.resolved import NAME
from autoedge.intent.schema import IntentFile
from autoedge.intent.tree import Node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

# Stand in for required keys that are missing or wrong, while the rest of the file is checked.
_STAND_INS: Mapping[str, Any] = {"version": 1, "name": "name", "task": {"type": "classification"}, "models": ["model"]}

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
    "too_short": "takes at least one entry",
    "too_long": "takes at most %(max_length)d entries",
    "greater_than": "takes a number above %(gt)g",
    "greater_than_equal": "takes a number of at least %(ge)g",
    "less_than": "takes a number below %(lt)g",
    "less_than_equal": "takes a number of at most %(le)g",
}


def check_shape(root: Node, problems: Problems) -> tuple[IntentFile, Node]:
    """The file without its misshapen parts, and the tree that is left; each such part is added to ``problems``."""
    first = True
    while True:
        try:
            return IntentFile.model_validate(root.plain), root
        except ValidationError as error:
            # Pydantic's places also name the alternative of a union, which leads nowhere in the tree and is skipped.
            found = [(root.at(details["loc"]), details) for details in error.errors(include_url=False)]
            for node, details in found if first else ():
                loc, message = _worded(node, details)
                problems.add(node.line, loc, message)
            first = False
            root = _mended(root, [node for node, _ in found])


def _mended(root: Node, bad: list[Node]) -> Node:
    """The tree without the bad nodes, each round with at least one node less or one stand-in more."""
    left = root.without([node for node in bad if node is not root])
    if isinstance(left.value, dict):
        for key, plain in _STAND_INS.items():
            if key not in left.value or left.value[key].value is None:
                left.value[key] = _node(plain, root.line, (key,))
    return left


def _node(plain: Any, line: int, loc: Loc) -> Node:
    if isinstance(plain, dict):
        return Node({key: _node(value, line, (*loc, key)) for key, value in plain.items()}, line, loc)
    if isinstance(plain, list):
        return Node([_node(value, line, (*loc, index)) for index, value in enumerate(plain)], line, loc)
    return Node(plain, line, loc)


def _worded(node: Node, details: ErrorDetails) -> tuple[Loc, str]:
    kind, last = details["type"], str(details["loc"][-1])
    if kind == "missing":
        return node.loc, f"{shown(last)} is required"
    if kind == "extra_forbidden":
        return node.loc[:-1], f"unknown key {shown(last)}{suggestion(last, _known(node.loc[:-1]))}"
    if kind == "literal_error":
        return node.loc, _worded_choice(details)
    rule = _RULES[kind] % details.get("ctx", {}) if kind in _RULES else details["msg"]
    hint = "; put it in quotes" if kind == "string_type" and isinstance(node.value, bool | int | float) else ""
    return node.loc, f"{rule}, but got {shown(node.plain)}{hint}"


def _worded_choice(details: ErrorDetails) -> str:
    expected, got = details["ctx"]["expected"].replace("'", ""), details["input"]
    near = nearest(got, re.split(r", | or ", expected)) if isinstance(got, str) else None
    return f"takes {expected}, but got {shown(got)}" + (f"; did you mean {near}?" if near else "")


def _known(loc: Loc) -> list[str]:
    """The keys that the mapping at ``loc`` may have."""
    section: type[BaseModel] = IntentFile
    for part in loc:
        if part in section.model_fields:
            section = next(_sections(section.model_fields[str(part)].annotation), section)
    return list(section.model_fields)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections inside an annotation such as ``list[str | ModelItem]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _sections(inner)
