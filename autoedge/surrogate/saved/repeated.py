"""Measurements that come again under another name, such as a table that was given one column more."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from autoedge.space.columns import INACTIVE
from autoedge.surrogate.saved.rows import DEVICE, MODEL, TARGET, VERSION, plain, stacked

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from autoedge.surrogate.saved.rows import Rows

    Codes = NDArray[np.intp]

MISSING = -1
MOST_KINDS = 64


def without_repeats(rows: Rows, recorded: Rows | None = None) -> tuple[Rows, int]:
    """The rows without those that only repeat others, and how many these were; of several the held-out one stays.

    Two rows are one measurement where all their figures are equal to the last digit, the model has one name, and the
    levels that both know agree, at least one. Names of targets do not count.

    Args:
        rows: As ``joined`` gives them.
        recorded: Held-out rows kept elsewhere; what repeats one of them is not learned from either.
    """
    kept = rows.take(~_repeats(rows))
    if recorded is not None and len(recorded):
        again = _repeats(stacked([recorded, kept]))[len(recorded) :] & ~kept.held_out
        kept = kept.take(~again)
    return kept, len(rows) - len(kept)


def _repeats(rows: Rows) -> NDArray[np.bool_]:
    """Which rows repeat one that comes before them, where the held-out ones come first, then targets by name."""
    places = np.empty(len(rows), dtype=np.intp)
    places[np.lexsort((pd.factorize(rows.targets, sort=True)[0], ~rows.held_out))] = np.arange(len(rows))
    told = pd.DataFrame({**rows.metrics, MODEL: rows.groups if MODEL in rows.inputs else ""})
    figures = told.groupby(list(told.columns), dropna=False, sort=False).ngroup().to_numpy()
    names = [name for name in rows.inputs if name not in (TARGET, MODEL, VERSION) and not name.startswith(DEVICE)]
    found = np.zeros(len(rows), dtype=bool)
    shared = np.flatnonzero(pd.Series(figures).duplicated(keep=False))
    if not len(shared) or not names:
        return found
    codes = np.column_stack([_codes(rows.inputs[name][shared]) for name in names])
    kinds, kind = np.unique(codes != MISSING, axis=0, return_inverse=True)
    for one, other in product(range(len(kinds)), repeat=2):
        both = np.flatnonzero(kinds[one] & kinds[other])
        if not len(both) or (one != other and len(kinds) > MOST_KINDS):
            continue
        keys = pd.DataFrame(codes[:, both]).assign(figures=figures[shared], place=places[shared])
        by = [*range(len(both)), "figures"]
        first = keys[kind == other].groupby(by)["place"].min().rename("first").reset_index()
        before = keys[kind == one].merge(first, on=by, how="left")["first"].to_numpy(dtype=float, na_value=np.inf)
        found[shared[kind == one]] |= before < places[shared[kind == one]]
    return found


def _codes(column: NDArray[Any]) -> Codes:
    """Levels as numbers from 0, ``MISSING`` where a row's source has no such column; the choice of none is a level."""
    levels: Any = column
    if column.dtype == object:
        levels = [
            word if level is None else word or INACTIVE for level, word in zip(column, plain(column), strict=True)
        ]
    return np.asarray(pd.factorize(np.array(levels, dtype=column.dtype))[0], dtype=np.intp)
