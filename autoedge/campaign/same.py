"""Whether results are the same ones, whatever the campaign that holds them is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.campaign.conventions import quantity_of
from autoedge.campaign.levels import as_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoedge.campaign.results import Results

_DIGITS = "%.6g"  # a copy may have been rounded on its way
_OF_THE_MODEL = frozenset({"quality", "error"})


def rows_among(mine: Results, others: Results) -> NDArray[np.bool_]:
    """Which of other results are mine: the same levels and values, as far as both have them, to six digits.

    Where nothing but quality is shared none is: it belongs to the model, and is the same on any device.

    Returns:
        Shape (others,).
    """
    names = others.knobs.keys() & mine.knobs.keys()
    metrics = others.values.keys() & mine.values.keys()
    telling = {metric for metric in mine.values if not _is_quality(metric)} or set(mine.values)
    if not names or not metrics & telling:
        return np.zeros(len(others), dtype=bool)
    columns = [*sorted(names), *sorted(metrics)]
    known = set(_rows(mine, columns))
    return np.array([row in known for row in _rows(others, columns)], dtype=bool)


def _is_quality(metric: str) -> bool:
    meant = quantity_of(metric)
    return meant is not None and meant.quantity.name in _OF_THE_MODEL


def _rows(results: Results, columns: Sequence[str]) -> list[tuple[str, ...]]:
    words = [
        _words(results.knobs[name]) if name in results.knobs else np.char.mod(_DIGITS, results.values[name]).tolist()
        for name in columns
    ]
    return list(zip(*words, strict=True))


def _words(column: NDArray[Any]) -> list[str]:
    """Each level is spelt once: there are few, and many rows."""
    levels = column.tolist()
    spelt = {level: as_word(level) for level in set(levels)}
    return [spelt[level] for level in levels]
