"""The steps of one model input: what is declared, with all that the model's own shape decides filled in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import DataError
from autoedge.intent.inputs import sides_of
from autoedge.preprocessing.fit import fitted_shape
from autoedge.preprocessing.images import ImageSteps
from autoedge.preprocessing.tokens import TokenSteps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.intent.inputs import InputSpec, Size
    from autoedge.models.info import Tensor
    from autoedge.preprocessing.steps import Steps

    Dims = tuple[int | None, int | None, int | None]

_CHANNELS = {"grey": 1, "RGB": 3, "BGR": 3}
_USUAL = {1: "grey", 3: "RGB"}
_COLOURED = 3
_IMAGE_AXES, _GREY_AXES, _FLAT_AXES = 4, 3, 2


def levels_for(spec: InputSpec, tensor: Tensor) -> tuple[Size, ...]:
    """The levels of an entry that an input can take, in the entry's order; empty where the entry has none.

    Args:
        spec: The entry that speaks of the input.
        tensor: The input.

    Raises:
        DataError: It can take none of them, or no such steps at all; says why.
    """
    problems: dict[str, None] = {}
    taken: list[Size] = []
    for level in spec.levels or (None,):
        try:
            steps_for(spec, tensor, level)
        except DataError as error:
            problems[str(error)] = None
        else:
            taken += [] if level is None else [level]
    if problems and not taken:
        raise DataError("; ".join(problems))
    return tuple(taken)


def steps_for(spec: InputSpec, tensor: Tensor, level: Size | None, *, mask: bool = False) -> Steps:
    """The steps that make one input's samples, with all that the model's own shape decides filled in.

    Args:
        spec: The entry that speaks of the input.
        tensor: The input, or the mask's.
        level: Of the entry's knob; None where it has none.
        mask: Whether the input is the mask.

    Raises:
        DataError: The input cannot take what comes of them.
    """
    if spec.kind == "tokens":
        length = None if level is None else int(level)
        _check_length(spec, tensor, length)
        return TokenSteps(length, spec.pad, spec.side, spec.truncate, mask)
    if np.dtype(tensor.dtype).kind not in "fiu":
        raise DataError(f"inputs.{spec.name}: the model takes {tensor.dtype}, which are no images")
    if not tensor.scale and not np.can_cast(np.dtype(spec.dtype), np.dtype(tensor.dtype), casting="same_kind"):
        raise DataError(
            f"inputs.{spec.name}: the model takes {tensor.dtype}, but dtype is {spec.dtype}; say dtype: {tensor.dtype}"
        )
    layout = _layout(spec, tensor)
    dims = _dims(tensor, layout)
    size = None if level is None else sides_of(level)
    channels = _flat_channels(tensor, size) if len(tensor.shape) == _FLAT_AXES else dims[2]
    colour = spec.colour or _USUAL.get(channels or 0)
    steps = ImageSteps(
        size=size,
        layout=layout,
        colour=colour,
        resize=spec.resize,
        antialias=spec.antialias,
        padding=spec.padding,
        crop=spec.crop,
        scale=spec.scale,
        mean=spec.mean,
        std=spec.std,
        dtype=spec.dtype,
        data_layout=spec.data_layout,
    )
    _check_image(spec, tensor, steps, dims)
    return steps


def _check_length(spec: InputSpec, tensor: Tensor, length: int | None) -> None:
    if len(tensor.shape) < _FLAT_AXES:
        raise DataError(f"inputs.{spec.name}: the model takes {_show(tensor)}, which has no axis for tokens")
    own = tensor.shape[1]
    if isinstance(own, int) and length not in (None, own):
        raise DataError(f"inputs.{spec.name}: the model takes {own} tokens only, but length is {length}")


def _layout(spec: InputSpec, tensor: Tensor) -> str:
    """NCHW or NHWC: as declared, else by where the model has 1 or 3 channels."""
    if len(tensor.shape) not in (_FLAT_AXES, _GREY_AXES, _IMAGE_AXES):
        raise DataError(f"inputs.{spec.name}: the model takes {_show(tensor)}, which is no image")
    if len(tensor.shape) == _GREY_AXES:
        return "NHWC"  # the channel's unit axis is dropped
    first, last = (tensor.shape[axis] in _USUAL for axis in (1, -1))
    declared, other = (tensor.shape[axis] for axis in ((1, -1) if spec.layout == "NCHW" else (-1, 1)))
    if len(tensor.shape) == _IMAGE_AXES and spec.layout and other == _COLOURED and declared not in _USUAL:
        right = "NHWC" if spec.layout == "NCHW" else "NCHW"
        raise DataError(
            f"inputs.{spec.name}: layout is {spec.layout}, but the model takes {_show(tensor)}, whose 3 channels are "
            f"those of {right}; say layout: {right}"
        )
    if len(tensor.shape) == _IMAGE_AXES and spec.layout is None and first != last:
        return "NCHW" if first else "NHWC"
    if len(tensor.shape) == _IMAGE_AXES and spec.layout is None:
        raise DataError(
            f"inputs.{spec.name}: the model takes {_show(tensor)}, which does not tell the axis of channels; "
            "say layout: NCHW or NHWC"
        )
    return spec.layout or "NHWC"


def _dims(tensor: Tensor, layout: str) -> Dims:
    """Height, width and channels that the model takes; None where it takes any."""
    sizes = [size if isinstance(size, int) else None for size in tensor.shape[1:]]
    if len(sizes) == 1:
        return None, None, None
    if len(sizes) == len("hw"):
        return sizes[0], sizes[1], 1
    return (sizes[1], sizes[2], sizes[0]) if layout == "NCHW" else (sizes[0], sizes[1], sizes[2])


def _flat_channels(tensor: Tensor, size: tuple[int, int] | None) -> int | None:
    """Channels of a model that takes images as one row of numbers."""
    flat = tensor.shape[1]
    return flat // math.prod(size) if size and isinstance(flat, int) and flat % math.prod(size) == 0 else None


def _check_image(spec: InputSpec, tensor: Tensor, steps: ImageSteps, dims: Dims) -> None:
    count = _CHANNELS.get(steps.colour or "")
    if count is not None and dims[2] not in (None, count):
        hint = f"; is it {'NHWC' if steps.layout == 'NCHW' else 'NCHW'}?" if len(tensor.shape) == _IMAGE_AXES else ""
        raise DataError(
            f"inputs.{spec.name}: as {steps.layout} the model takes {dims[2]} channels ({_show(tensor)}), but "
            f"colour: {steps.colour} gives {count}{hint}"
        )
    if steps.size is None:
        return
    flat = tensor.shape[1] if len(tensor.shape) == _FLAT_AXES else None
    if isinstance(flat, int) and math.prod(steps.size) * (count or 1) != flat:
        given = f"size {_size(steps.size)} gives {math.prod(steps.size)} for each channel"
        raise DataError(f"inputs.{spec.name}: the model takes {flat} numbers, but {given}")
    if any(own not in (None, asked) for own, asked in zip(dims, steps.size, strict=False)):
        own_size = "x".join("?" if side is None else str(side) for side in dims[:2])
        raise DataError(f"inputs.{spec.name}: the model takes {own_size} pixels only, but size is {_size(steps.size)}")


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _show(tensor: Tensor) -> str:
    return f"'{tensor.name}' ({', '.join('?' if size is None else str(size) for size in tensor.shape)})"


def shape_for(tensor: Tensor, steps: Steps | None, sample: Sequence[int] | None, batch: int) -> tuple[int, ...] | None:
    """The shape of one input in each call, batch first; None where it is not known.

    Args:
        tensor: The input.
        steps: What is done to its samples, None for nothing.
        sample: Shape of one sample in the data, 0 where they differ; None without data.
        batch: Samples in a call.

    Raises:
        DataError: The samples do not fit the input.
    """
    want = tensor.shape[1:]
    made: tuple[int | None, ...] | None = None
    if steps is not None:
        made = steps.shape(tuple(sample or ()))
    elif sample is not None:
        made = tuple(size or None for size in sample)
    known = [size for size in made or () if size is not None]
    if made is not None and len(known) == len(made):
        return (batch, *fitted_shape(known, want))
    fixed = [size for size in want if isinstance(size, int)]
    return (batch, *fixed) if len(fixed) == len(want) else None
