"""Integers that stand for real numbers: real = scale * (integer - zero_point), as int8 models take and give them.

The scheme is that of Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, equation 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autoedge.errors import DataError


def quantise(array: np.ndarray, dtype: str, scale: float, zero_point: int) -> np.ndarray:
    """The integers that stand for real numbers: the nearest ones, halves to even, cut to the type's range.

    Args:
        array: Real numbers of any shape.
        dtype: Numpy name of the integer type.
        scale: Above 0: the real difference of one step.
        zero_point: The integer that stands for 0.

    Raises:
        DataError: The type is none of integers, the scale is not above 0, or a value is no number.
    """
    kind = _checked(dtype, scale)
    if np.isnan(array).any():
        raise DataError(f"values that become {dtype} must be numbers, but some are not (NaN); clean the data")
    limits = np.iinfo(kind)
    steps = np.rint(np.asarray(array, np.float64) / scale) + zero_point
    return np.asarray(np.clip(steps, limits.min, limits.max).astype(kind))


def dequantise(array: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The real numbers, float32, that integers stand for.

    Args:
        array: Integers of any shape.
        scale: As for :func:`quantise`.
        zero_point: As for :func:`quantise`.

    Raises:
        DataError: The array holds no integers, or the scale is not above 0.
    """
    _checked(array.dtype.name, scale)
    return np.asarray(((array.astype(np.float64) - zero_point) * scale).astype(np.float32))


def _checked(dtype: str, scale: float) -> np.dtype[np.signedinteger[Any]]:
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise DataError(f"a quantised type is one of integers that numpy knows, but got {dtype}") from error
    if kind.kind not in "iu" or kind.itemsize > 4:  # noqa: PLR2004 - float64 holds no larger integers exactly
        raise DataError(f"a quantised type is one of integers of at most 32 bits, but got {dtype}")
    if not (math.isfinite(scale) and scale > 0):
        raise DataError(f"a scale is a finite number above 0, but got {scale}")
    return kind


def reals(output: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The real numbers that a model's output stands for; one that is none of integers with a scale stays as it is."""
    return dequantise(output, scale, zero_point) if scale and output.dtype.kind in "iu" else output
