"""Bring sequences of tokens to one length: without their padding, cut, padded anew, with a mask where one is taken."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.preprocessing.decoding import Samples

SIDES = ("right", "left")
LONGEST = 2**20


@dataclass(frozen=True)
class TokenSteps:
    """What is done to each sequence, in this order.

    1. Padding that the data hold at ``side`` is taken off: all that equals ``pad`` up to the first item that does not.
    2. What is longer than ``length`` is cut at ``truncate``. 3. ``pad`` fills it up to ``length`` at ``side``.

    Attributes:
        length: Items of a sequence, None to leave them as the data hold them.
        pad: Stands for no item.
        side: Where padding is.
        truncate: Which end is cut off.
        mask: Give the mask instead: 1 for an item, 0 for padding.
    """

    kind: ClassVar[str] = "tokens"

    length: int | None = None
    pad: float = 0
    side: str = "right"
    truncate: str = "right"
    mask: bool = False

    def __post_init__(self) -> None:
        for what, value in (("side", self.side), ("truncate", self.truncate)):
            if value not in SIDES:
                raise DataError(f"{what} is right or left, but got {value!r}")
        if self.length is not None and not (type(self.length) is int and 1 <= self.length <= LONGEST):
            raise DataError(f"length is 1 to {LONGEST} items, but got {self.length}")
        if not np.isfinite(self.pad):
            raise DataError(f"pad is a finite number, but got {self.pad}")

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> TokenSteps:
        """The inverse of ``to_json``.

        Raises:
            DataError: The values are no steps.
        """
        try:
            return cls(**form)
        except (TypeError, ValueError) as error:
            raise DataError(f"these are no steps for tokens: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def __call__(self, samples: Samples) -> np.ndarray:
        """The samples, prepared: first axis = samples, second = items.

        Args:
            samples: Arrays whose first axis is items; further axes stay as they are.

        Raises:
            DataError: A sample is no sequence of numbers.
        """
        return np.stack([self._prepared(sample) for sample in samples])

    def shape(self, sample: Sequence[int]) -> tuple[int | None, ...]:
        """The shape of one prepared sample; None where it hangs on the data.

        Args:
            sample: The shape of one sample in the data; empty when there are no data.
        """
        length = self.length or (sample[0] if sample else None)
        return (length,) if self.mask else (length, *sample[1:])

    def _prepared(self, sample: Any) -> np.ndarray:
        if isinstance(sample, Encoded):
            raise DataError(f"a sequence is an array of numbers, but {sample.name} is an image")
        items = np.asarray(sample)
        if items.ndim == 0 or items.dtype.kind not in "fiub":
            raise DataError(
                f"a sequence is an array of numbers with one axis or more, but one sample of the data is {items.dtype} "
                f"of shape {items.shape}"
            )
        if np.array(self.pad).astype(items.dtype) != self.pad:
            raise DataError(f"pad is a number of the data's type, {items.dtype}, but got {self.pad}")
        length = self.length or len(items)
        found = np.flatnonzero((items != self.pad).reshape(len(items), -1).any(axis=1))
        if self.side == "right":
            items = items[: found[-1] + 1 if len(found) else 0]
        else:
            items = items[found[0] if len(found) else len(items) :]
        items = items[:length] if self.truncate == "right" else items[max(0, len(items) - length) :]
        place = slice(0, len(items)) if self.side == "right" else slice(length - len(items), length)
        if self.mask:
            real = np.zeros(length, bool)
            real[place] = True
            return real
        whole = np.full((length, *items.shape[1:]), self.pad, items.dtype)
        whole[place] = items
        return whole
