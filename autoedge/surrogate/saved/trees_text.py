"""LightGBM's text, checked line by line before LightGBM sees it: its own reader trusts every index in it."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from autoedge.errors import SurrogateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_BYTES = 64 * 2**20
MOST_LEAVES = 4096
_END = "end of trees"
_CATEGORICAL = 1  # bit of decision_type
_DECISIONS = 16
_WORD = 2**32


def trees_of(text: str, columns: int, outputs: int) -> str:
    """The text of a LightGBM model reduced to its trees, every one of which is sound, under a header of our own.

    Args:
        text: As LightGBM wrote it, from anywhere.
        columns: Inputs that it may look at.
        outputs: Values that it predicts.

    Raises:
        SurrogateError: It is something else, or a tree points outside itself.
    """
    begin, end = text.find("Tree=0\n"), text.find(_END)
    if not text.startswith("tree\n") or not 0 < begin < end:
        raise SurrogateError("it is no LightGBM model in text form")
    body = text[begin:end]
    blocks = body.split("Tree=")[1:]
    if len(blocks) % outputs:
        raise SurrogateError(f"it has {len(blocks)} trees for {outputs} metrics, which is no whole number of rounds")
    for number, block in enumerate(blocks):
        try:
            _check(block, number, columns)
        except (ValueError, KeyError, OverflowError) as error:
            raise SurrogateError(f"tree {number} is not sound ({error})") from error
    header = [
        "tree",
        "version=v4",
        f"num_class={outputs}",
        f"num_tree_per_iteration={outputs}",
        "label_index=0",
        f"max_feature_idx={columns - 1}",
        f"feature_names={' '.join(f'c{column}' for column in range(columns))}",
        f"feature_infos={' '.join(['none'] * columns)}",
    ]
    return "\n".join(header) + "\n\n" + body + _END + "\n"


def _check(block: str, number: int, columns: int) -> None:
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
    leaves, categories = int(fields["num_leaves"]), int(fields["num_cat"])
    if not 1 <= leaves <= MOST_LEAVES or not 0 <= categories < leaves or int(fields["is_linear"]) != 0:
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
    sets = [threshold for threshold, decision in zip(thresholds, decisions, strict=True) if decision & _CATEGORICAL]
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
