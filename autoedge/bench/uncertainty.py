"""Uncertainty by parts: limits of a data sheet, scatter of readings, and what they come to together.

Parts are standard uncertainties by name, in the unit of the value.

Source: JCGM 100:2008 (GUM), sections 4.3.7 (rectangular), 5.1.2 (sum of squares), G.3 (Student's quantile).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.intervals import MANY, effective_size
from autoedge.bench.percentile import as_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

COVERAGE = 2.0
"""Smallest coverage factor k: U = k u covers about 95 %."""


def rectangular(limit: float) -> float:
    """Standard uncertainty of an error that lies anywhere within +/- ``limit``: limit / sqrt(3)."""
    return abs(limit) / math.sqrt(3)


def rounding(step: float) -> float:
    """Standard uncertainty of a value rounded to steps: step / sqrt(12)."""
    return step / math.sqrt(12)


def total(parts: Mapping[str, float]) -> float:
    """Combined standard uncertainty: the root of the sum of squares."""
    return math.hypot(*parts.values())


def expanded(parts: Mapping[str, float], freedom: Mapping[str, float] | None = None) -> float:
    """Expanded uncertainty at about 95 %: the root of the sum of squares of k u, part by part.

    k is 2; for a part that was estimated from few values it is Student's quantile where that is more. Welch and
    Satterthwaite's one k for the whole (JCGM 100:2008, G.2b) gave 88 % in simulations of two windows whose scatter
    outweighs the instrument; this way it is 95 %.

    Args:
        parts: Standard uncertainties by name.
        freedom: Degrees of freedom of the parts that were estimated, 1 or more; all others are known.

    Returns:
        U, in the unit of the parts.
    """
    from scipy.special import stdtrit

    estimated = freedom or {}
    factors = {name: max(COVERAGE, float(stdtrit(estimated[name], 0.975))) for name in parts.keys() & estimated.keys()}
    return math.hypot(*(factors.get(name, COVERAGE) * part for name, part in parts.items()))


def standard_error(series: ArrayLike) -> tuple[float, float]:
    """Standard error of the mean of a dependent series, and the number of independent values that it is worth.

    Args:
        series: One dimension, in the order of time.

    Returns:
        s / sqrt(n_eff - 1), in the unit of the series, and n_eff, 1 to n (both of means of cells where there are very
        many values, whose number is then at most 16,384).

    Raises:
        ValueError: It is no finite series.
    """
    values = as_series(series)
    if values.size > MANY:
        cell = values.size // (MANY // 2)
        values = values[: values.size // cell * cell].reshape(-1, cell).mean(axis=1)
    worth = effective_size(values)
    # The spread of n_eff independent values about their own mean is short by one of them.
    return float(np.std(values)) / math.sqrt(max(worth - 1, 1.0)), worth
