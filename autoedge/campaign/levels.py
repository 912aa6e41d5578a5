"""Levels of a category as text, in one form wherever they are compared, learned from or shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from autoedge.space.columns import INACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def as_word(level: Any) -> str:
    """A level as text: numbers in one form (1.0 and 1 are ``1``), text as it stands, a missing one ``none``.

    A missing level is the choice of none, as in a space where a knob does not apply.
    """
    if isinstance(level, str):
        return level
    if level is None or level is pd.NA or level is pd.NaT or level != level:  # noqa: PLR0124 - not a number
        return INACTIVE
    if isinstance(level, np.generic):
        level = level.item()
    if isinstance(level, float):
        return str(int(level)) if level.is_integer() else repr(level)
    return str(level)


def as_words(column: Iterable[Any]) -> NDArray[np.object_]:
    """Levels as text, shape (n,)."""
    return np.array([as_word(level) for level in column], dtype=object)
