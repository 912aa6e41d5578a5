"""Fit the user's arrays to a model's input: names, unit axes, flattening, harmless casts, and nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def match_inputs(inputs: Sequence[str], samples: Mapping[str, int]) -> dict[str, str]:
    """Which array feeds which model input.

    ``x`` is the input of a one-input model whatever its name; several inputs take one array each by name.

    Args:
        inputs: Names of the model's inputs.
        samples: Length of each array at hand, by its name.

    Raises:
        DataError: An array is missing, or lengths differ; says what is there.
    """
    if len(inputs) == 1 and "x" in samples:
        return {inputs[0]: "x"}
    missing = [name for name in inputs if name not in samples]
    if missing:
        wanted = "'x'" if len(inputs) == 1 else "one array for each input"
        found = ", ".join(sorted(samples)) or "nothing"
        raise DataError(f"the model needs {wanted} (missing: {', '.join(missing)}), but the data hold {found}")
    lengths = {name: samples[name] for name in inputs}
    if len(set(lengths.values())) > 1:
        raise DataError(f"all inputs need the same number of samples, but have {lengths}")
    return {name: name for name in inputs}


def fitted_shape(have: Sequence[int], want: Sequence[int | str | None]) -> tuple[int, ...]:
    """The shape of one sample after fitting, free dimensions filled in.

    Unit axes are added or dropped, and a sample is flattened where the model takes one axis. Anything else would be a
    guess about layout.

    Args:
        have: Shape of one sample as the user stores it, without the sample axis.
        want: Shape of one sample as the model takes it, without the batch axis; a name or None is free.

    Raises:
        DataError: Neither adding or dropping unit axes nor flattening leads from one to the other.
    """
    if len(have) == len(want) and all(_matches(size, dim) for size, dim in zip(have, want)):
        return tuple(have)
    wide = [dim for dim in want if dim != 1]
    solid = [size for size in have if size != 1]
    if len(wide) == len(solid) and all(_matches(size, dim) for size, dim in zip(solid, wide)):
        filled = iter(solid)
        return tuple(1 if dim == 1 else next(filled) for dim in want)
    if len(wide) == 1 and _matches(math.prod(have), wide[0]):
        return tuple(1 if dim == 1 else math.prod(have) for dim in want)
    raise DataError(
        f"a sample must fit the model's input by unit axes or flattening alone: the model takes {_show(want)}, "
        f"the data have {_show(have)}; transpose or resize the data to match"
    )


def _matches(size: int, dim: int | str | None) -> bool:
    return not isinstance(dim, int) or size == dim


def _show(shape: Sequence[Any]) -> str:
    return "(" + ", ".join(str("?" if dim is None else dim) for dim in shape) + ")"


def fit_array(array: np.ndarray, shape: Sequence[int | str | None], dtype: str | None = None) -> np.ndarray:
    """The samples of ``array`` in the shape and type that the model takes.

    Args:
        array: First axis is samples.
        shape: The model's input shape with its batch axis first; the batch size plays no role here.
        dtype: Numpy name of the model's input type; None leaves the type as it is.

    Raises:
        DataError: The shape cannot be fitted, or the cast would lose more than precision.
    """
    if array.ndim == 0 or len(shape) == 0:
        raise DataError("data and model input need a first axis of samples, but one of them is a scalar")
    fitted = array.reshape((len(array), *fitted_shape(array.shape[1:], shape[1:])))
    if dtype is None or fitted.dtype == np.dtype(dtype):
        return fitted
    if not np.can_cast(fitted.dtype, np.dtype(dtype), casting="same_kind"):
        raise DataError(f"the model takes {dtype}, but the data are {fitted.dtype}; store them as {dtype}")
    return fitted.astype(dtype)


def fit_batch(array: np.ndarray, shape: Sequence[int | str | None], dtype: str | None, batch: int) -> np.ndarray:
    """A full batch of at most ``batch`` samples, fitted; the last sample fills what is missing.

    Some models take one batch size only, and all are measured with full batches.

    Args:
        array: 1 to ``batch`` samples.
        shape: As for :func:`fit_array`.
        dtype: As for :func:`fit_array`.
        batch: Samples in the result.

    Raises:
        DataError: As from :func:`fit_array`.
    """
    fitted = fit_array(array, shape, dtype)
    if len(fitted) < batch:
        fitted = np.concatenate([fitted, np.repeat(fitted[-1:], batch - len(fitted), axis=0)])
    return np.ascontiguousarray(fitted)
