"""LightGBM's text, checked line by line before LightGBM sees it: its own reader trusts every index in it."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BEGIN, END = "Tree=0\n", "end of trees"
_CATEGORICAL = 1  # bit of decision_type
_DECISIONS = 16
_WORD = 2**32
_VALUES = re.compile(r"[0-9a-z.+ -]*")  # Python reads 1_0 as a number too, and LightGBM does not


def sound_trees(text: str, columns: int, outputs: int, most_leaves: int) -> str:
    """The trees of a LightGBM model as its text holds them, every one of which is sound.

    Args:
        text: As LightGBM wrote it, from anywhere.
        columns: Inputs that it may look at.
        outputs: Trees of one boosting round.
        most_leaves: Of one tree.

    Raises:
        ValueError: It is something else, or a tree points outside itself.
    """
    begin, end = text.find(BEGIN), text.find(END)
    if not text.startswith("tree\n") or not 0 < begin < end:
        raise ValueError("it is no LightGBM model in text form")
    body = text[begin:end]
    blocks = body.split("Tree=")[1:]
    if len(blocks) % outputs:
        raise ValueError(f"it has {len(blocks)} trees for {outputs} outputs, which is no whole number of rounds")
    for number, block in enumerate(blocks):
        try:
            _check(block, number, columns, most_leaves)
        except (ValueError, KeyError, OverflowError) as error:
            raise ValueError(f"tree {number} is not sound ({error})") from error
    return body


def is_categorical(decision: int) -> bool:
    """Whether a split with this ``decision_type`` asks for a set of categories rather than for a threshold."""
    return bool(decision & _CATEGORICAL)


def _check(block: str, number: int, columns: int, most_leaves: int) -> None:
    """One tree.

    Raises:
        ValueError: It is not sound.
        KeyError: It lacks a line.
    """
    first, *lines = block.rstrip("\n").split("\n")
    if first != str(number):
        raise ValueError(f"it is called {first[:20]!r}")
    pairs = [line.partition("=") for line in lines]
    fields = {name: text for name, _, text in pairs}
    if len(fields) != len(pairs) or not fields.keys() <= _KNOWN:
        raise ValueError("it has other lines than LightGBM writes")
    if not all(_VALUES.fullmatch(text) for text in fields.values()):
        raise ValueError("it holds something else than numbers")
    leaves, categories = int(fields["num_leaves"]), int(fields["num_cat"])
    if not 1 <= leaves <= most_leaves or not 0 <= categories < leaves or int(fields["is_linear"]) != 0:
        raise ValueError(f"{leaves} leaves, {categories} of its splits on categories")
    float(fields["shrinkage"])
    for name, (kind, of_leaves) in _LISTS.items():
        if leaves > 1 or name == "leaf_value":
            _check_list(fields, name, kind, leaves if of_leaves else leaves - 1)
    if leaves > 1:
        _check_children(fields, leaves)
        _check_splits(fields, leaves - 1, categories, columns)


def _check_list(fields: Mapping[str, str], name: str, kind: Callable[[str], float], count: int) -> None:
    values = [kind(word) for word in fields[name].split()]
    # A split between known and unknown numbers has the threshold inf; nothing else may be so.
    sound = (not math.isnan(value) and (math.isfinite(value) or name == "threshold") for value in values)
    if len(values) != count or not all(sound):
        raise ValueError(f"{name} holds {count} finite numbers")


def _check_children(fields: Mapping[str, str], leaves: int) -> None:
    """Each node and leaf hangs on one parent that comes before it, so there is no way round in circles."""
    seen: list[int] = []
    for name in ("left_child", "right_child"):
        for parent, child in enumerate(map(int, fields[name].split())):
            if 0 <= child <= parent:
                raise ValueError(f"node {parent} leads back to node {child}")
            seen.append(child)
    if sorted(seen) != [*range(-leaves, 0), *range(1, leaves - 1)]:
        raise ValueError("a node or leaf is missing, or hangs on two parents")


def _check_splits(fields: Mapping[str, str], nodes: int, categories: int, columns: int) -> None:
    features = list(map(int, fields["split_feature"].split()))
    if not all(0 <= feature < columns for feature in features):
        raise ValueError(f"a split looks at none of the {columns} columns")
    decisions = list(map(int, fields["decision_type"].split()))
    if not all(0 <= decision < _DECISIONS for decision in decisions):
        raise ValueError("decision_type is below 16")
    thresholds = list(map(float, fields["threshold"].split()))
    sets = [threshold for threshold, decision in zip(thresholds, decisions, strict=True) if is_categorical(decision)]
    if sorted(sets) != list(range(categories)) or len(features) != nodes:
        raise ValueError("each split on a category has a set of its own")
    if categories:
        words = list(map(int, fields["cat_threshold"].split()))
        _check_bounds(list(map(int, fields["cat_boundaries"].split())), categories, words)


def _check_bounds(bounds: Sequence[int], categories: int, words: Sequence[int]) -> None:
    rising = all(one < other for one, other in pairwise(bounds))
    if len(bounds) != categories + 1 or bounds[0] != 0 or bounds[-1] != len(words) or not rising:
        raise ValueError("cat_boundaries do not divide cat_threshold")
    if not all(0 <= word < _WORD for word in words):
        raise ValueError("cat_threshold holds words of 32 bits")


# By line, what it holds, and whether there is one number a leaf rather than one a split.
_LISTS: Mapping[str, tuple[Callable[[str], float], bool]] = {
    "split_feature": (int, False),
    "split_gain": (float, False),
    "threshold": (float, False),
    "decision_type": (int, False),
    "left_child": (int, False),
    "right_child": (int, False),
    "leaf_value": (float, True),
    "leaf_weight": (float, True),
    "leaf_count": (int, True),
    "internal_value": (float, False),
    "internal_weight": (float, False),
    "internal_count": (int, False),
}
_KNOWN = {*_LISTS, "num_leaves", "num_cat", "cat_boundaries", "cat_threshold", "is_linear", "shrinkage"}
