"""A constraint on a recorded objective: ``accuracy_pct >= 70``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoedge.campaign.card import ObjectiveColumn

_WRITTEN = re.compile(r"\s*(?P<metric>[^\s<>=]+)\s*(?P<sense><=|>=)\s*(?P<number>\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """At most, or at least, a number in the unit of the column.

    Attributes:
        metric: An objective of a campaign.
        sense: Which side is allowed.
        bound: Finite.
    """

    metric: str
    sense: Literal["<=", ">="]
    bound: float

    def __str__(self) -> str:
        number = repr(float(self.bound)).removesuffix(".0")  # all digits: it is the name of the limit
        return f"{self.metric} {self.sense} {number}"

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read ``METRIC <= NUMBER`` or ``METRIC >= NUMBER``.

        Raises:
            DataError: It is neither.
        """
        found = _WRITTEN.fullmatch(text)
        try:
            number = float(found["number"]) if found else math.nan
        except ValueError:
            number = math.nan
        if found is None or not math.isfinite(number):
            raise DataError(f"a constraint is METRIC <= NUMBER or METRIC >= NUMBER, but got {text!r}")
        return cls(found["metric"], "<=" if found["sense"] == "<=" else ">=", number)

    def violation(self, numbers: NDArray[np.float64], column: ObjectiveColumn) -> NDArray[np.float64]:
        """How far each number breaks the limit, at most 0 where it is kept, on the scale of the column."""
        if column.scale == "log" and self.bound > 0:
            off = np.log10(numbers) - math.log10(self.bound)
        else:
            off = numbers - self.bound
        return np.asarray(off if self.sense == "<=" else -off)
