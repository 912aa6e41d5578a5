"""Thresholds of trees for inputs of single precision."""

from __future__ import annotations

import numpy as np


def for_float32(thresholds: np.ndarray) -> np.ndarray:
    """Thresholds that send every float32 number the same way, and still do once they are rounded to float32.

    ``x <= t`` holds for a float32 ``x`` just where it is at or below the largest float32 that is not above ``t``. What
    is given lies a quarter of the way from there to the next float32, so that a reader that is off by the last digit of
    a double does no harm. Beyond the range of float32 it is that number itself.

    Args:
        thresholds: float64.
    """
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
        below = np.where(near.astype(np.float64) > thresholds, np.nextafter(near, np.float32(-np.inf)), near)
        above = np.nextafter(below, np.float32(np.inf))
    low, high = below.astype(np.float64), above.astype(np.float64)
    inside = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        return np.where(inside, low + (high - low) / 4, low)
