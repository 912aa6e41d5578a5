"""Find rows of level numbers among a million of them, exactly or nearly, without an object a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.integer[Any]]
    Places = NDArray[np.intp]

WIDEST = 2**62  # of a key, so that it fits into 64 bits with its sign


class Lookup:
    """The rows of a table of level numbers in lexicographic order, with one number a row as its key.

    Where the combinations of all columns do not fit into 64 bits, the first columns are replaced by the rank of their
    combination among those that there are, and so on, so that keys are exact whatever the knobs.

    Args:
        codes: Shape (rows, columns), each below its size; not copied.
        sizes: Shape (columns,): the number of levels.

    Attributes:
        repeated: How many rows repeat another one.
    """

    def __init__(self, codes: Codes, sizes: Sequence[int]) -> None:
        self._codes = codes
        self._sizes = [int(size) for size in sizes]
        self._prefixes: dict[int, NDArray[np.int64]] = {}  # column -> the keys that are replaced by their rank there
        keys, width = np.zeros(len(codes), np.int64), 1
        for column, size in enumerate(self._sizes):
            if width * size > WIDEST:
                self._prefixes[column], keys = np.unique(keys, return_inverse=True)
                width = len(self._prefixes[column])
            keys *= size
            keys += codes[:, column]
            width *= size
        self._order: Places | None = None
        if not (keys[1:] > keys[:-1]).all():
            self._order = np.argsort(keys, kind="stable")
            keys = keys[self._order]
        self._keys = keys
        self.repeated = int((keys[1:] == keys[:-1]).sum())

    def find(self, codes: Sequence[int]) -> int | None:
        """The row with exactly these level numbers, the first of several; None when there is none."""
        key = 0
        for column, (size, code) in enumerate(zip(self._sizes, codes, strict=True)):
            if column in self._prefixes:
                rank = _position(self._prefixes[column], key)
                if rank is None:
                    return None
                key = rank
            key = key * size + int(code)
        found = _position(self._keys, key)
        return found if found is None or self._order is None else int(self._order[found])

    def near(self, wanted: Codes, rng: np.random.Generator) -> Places:
        """Rows like those wanted, shape (n, columns) to (n,): the wanted row where it is there.

        Column by column the wanted level is taken where the columns before it leave it, else that of a random row of
        those left. As conditions of knobs look at knobs before them, a knob that begins to apply gets some level, one
        that no longer applies loses its own, and all other wanted levels are kept.

        Raises:
            ValueError: There is no row at all.
        """
        if not len(self._codes):
            raise ValueError("a lookup without rows has none that is near")
        low = np.zeros(len(wanted), np.intp)
        high = np.full(len(wanted), len(self._codes), np.intp)
        for column in range(len(self._sizes)):
            level = wanted[:, column].astype(np.int64)
            begin = self._bound(column, low, high, level)
            end = self._bound(column, begin, high, level + 1)
            none = begin == end
            if none.any():
                some = low[none] + (rng.random(int(none.sum())) * (high - low)[none]).astype(np.intp)
                other = self._levels(some, column)
                begin[none] = self._bound(column, low[none], high[none], other)
                end[none] = self._bound(column, begin[none], high[none], other + 1)
            low, high = begin, end
        return low if self._order is None else self._order[low]

    def _levels(self, places: Places, column: int) -> NDArray[np.int64]:
        """Level numbers at places in lexicographic order."""
        rows = places if self._order is None else self._order[places]
        levels: NDArray[np.int64] = self._codes[rows, column].astype(np.int64)
        return levels

    def _bound(self, column: int, low: Places, high: Places, levels: NDArray[np.int64]) -> Places:
        """The first place from ``low`` on, at most ``high``, whose level is not below the given one (bisection)."""
        low, high = low.copy(), high.copy()
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) // 2
            below = self._levels(np.minimum(middle, len(self._codes) - 1), column) < levels
            below &= low < high
            high = np.where(below, high, np.minimum(middle, high))
            low = np.where(below, middle + 1, low)
        return low


def _position(keys: NDArray[np.int64], key: int) -> int | None:
    found = int(np.searchsorted(keys, key))
    return found if found < len(keys) and keys[found] == key else None
