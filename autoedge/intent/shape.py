"""Check the shape of an intent file, and keep what is right of it so that the rest can be checked too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from autoedge.intent.problem import Loc, Problems, nearest
from autoedge.intent.schema import IntentFile
from autoedge.intent.tree import Node
from autoedge.intent.wording import known_keys, worded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

# Stand in for required keys that are missing or wrong, while the rest of the file is checked.
_STAND_INS: Mapping[str, Any] = {"version": 1, "name": "name", "task": {"type": "classification"}, "models": ["model"]}
_NOWHERE = 0  # the line of a stand-in


@dataclass(frozen=True)
class Shape:
    """The part of a file that has the right shape.

    Attributes:
        file: Its values.
        tree: Its lines and places.
        whole: The tree of the file as it was read.
        meant: Places that a misspelt key was probably meant for.
    """

    file: IntentFile
    tree: Node
    whole: Node
    meant: frozenset[Loc]

    def given(self, *loc: str | int) -> bool:
        """Whether the user said something there, be it right, wrong or misspelt; it is then not told to be missing."""
        node: Any = self.whole.value
        for depth, key in enumerate(loc, 1):
            if loc[:depth] in self.meant:
                return True
            if isinstance(node, list) and isinstance(key, int):
                node = node[key].value
            elif isinstance(node, dict):
                node = node[key].value if key in node else None
            else:
                break  # a section of the wrong shape was meant to hold it
        return node is not None

    def lacks(self, key: str) -> bool:
        """Whether nothing of a required section could be kept, and a stand-in takes its place."""
        return self.tree.at((key,)).line == _NOWHERE

    def intact(self, key: str) -> bool:
        """Whether nothing had to be left out of a section, so that what it lacks is really not there."""
        before, after = self.whole.at((key,)), self.tree.at((key,))
        return (key,) not in self.meant and (before is self.whole or bool(before.plain == after.plain))


def check_shape(whole: Node, problems: Problems) -> Shape:
    """The well-shaped part of a file; what is left out of it is added to ``problems``."""
    tree, meant = whole, frozenset[Loc]()
    while True:
        try:
            return Shape(IntentFile.model_validate(tree.plain), tree, whole, meant)
        except ValidationError as error:
            # Pydantic's places also name the alternative of a union, which leads nowhere in the tree and is skipped.
            found = [(tree.at(details["loc"]), details) for details in error.errors(include_url=False)]
            if tree is whole:  # what is wrong later is only wrong for what was left out
                meant = _meant(found)
                _report(found, meant, problems)
            tree = _mended(tree, {node for node, _ in found})


def _meant(found: list[tuple[Node, ErrorDetails]]) -> frozenset[Loc]:
    places = [node.loc for node, details in found if details["type"] == "extra_forbidden"]
    keys = ((loc[:-1], nearest(str(loc[-1]), known_keys(loc[:-1]))) for loc in places)
    return frozenset((*parent, key) for parent, key in keys if key)


def _report(found: list[tuple[Node, ErrorDetails]], meant: frozenset[Loc], problems: Problems) -> None:
    for node, details in found:
        if details["type"] != "missing" or (*node.loc, str(details["loc"][-1])) not in meant:
            problems.add(node.line, *worded(node, details))


def _mended(tree: Node, bad: set[Node]) -> Node:
    """The tree without the bad nodes: each round has at least one node less or one stand-in more."""
    left = tree.without(bad - {tree})
    if isinstance(left.value, dict):
        for key, plain in _STAND_INS.items():
            if key not in left.value or left.value[key].value is None:
                left.value[key] = _stand_in(plain, (key,))
    return left


def _stand_in(plain: Any, loc: Loc) -> Node:
    if isinstance(plain, dict):
        return Node({key: _stand_in(value, (*loc, key)) for key, value in plain.items()}, _NOWHERE, loc)
    if isinstance(plain, list):
        return Node([_stand_in(value, (*loc, index)) for index, value in enumerate(plain)], _NOWHERE, loc)
    return Node(plain, _NOWHERE, loc)
