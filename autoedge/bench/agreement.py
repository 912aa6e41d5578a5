"""How far one way of telling a quantity agrees with another: bias, mean absolute error, and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_LEVEL = 0.95


@dataclass(frozen=True)
class Agreement:
    """Relative errors, as fractions, over independent cases.

    Attributes:
        n: Cases.
        bias: Their mean error.
        bias_interval: At 95 %; None for a single case.
        mape: Their mean absolute error.
        mape_interval: At 95 %; None for a single case.
        covered: Cases whose error lay within the stated one.
    """

    n: int
    bias: float
    bias_interval: tuple[float, float] | None
    mape: float
    mape_interval: tuple[float, float] | None
    covered: int


def agreement(estimates: ArrayLike, references: ArrayLike, stated: ArrayLike) -> Agreement | None:
    """Hold estimates against references.

    Args:
        estimates: One a case.
        references: Likewise, above 0.
        stated: By how much each estimate says that it may be off, in the same unit.

    Returns:
        Student's intervals over cases; None without cases.

    Raises:
        ValueError: They are not of one length, or a reference is not above 0.
    """
    estimate, reference, error = (np.asarray(series, np.float64) for series in (estimates, references, stated))
    if not estimate.shape == reference.shape == error.shape or (reference <= 0).any():
        raise ValueError("estimates, references above 0, and stated errors are of one length")
    if not estimate.size:
        return None
    relative = estimate / reference - 1
    bias, mape = float(relative.mean()), float(np.abs(relative).mean())
    reach = _reach(np.abs(relative))
    return Agreement(
        n=int(relative.size),
        bias=bias,
        bias_interval=_about(bias, _reach(relative)),
        mape=mape,
        mape_interval=None if reach is None else (max(0.0, mape - reach), mape + reach),
        covered=int((np.abs(estimate - reference) <= error).sum()),
    )


def _reach(values: np.ndarray) -> float | None:
    """Half the width of Student's interval of the mean."""
    from scipy.special import stdtrit

    if values.size < 2:  # noqa: PLR2004 - a spread takes two
        return None
    t = float(stdtrit(values.size - 1, (1 + _LEVEL) / 2))
    return t * float(values.std(ddof=1)) / math.sqrt(values.size)


def _about(middle: float, reach: float | None) -> tuple[float, float] | None:
    return None if reach is None else (middle - reach, middle + reach)
