"""From images as they are stored to the array that a model takes: one declared way, in a fixed order."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded, decode
from autoedge.preprocessing.resizing import PLAIN_RULES, RULES, resized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.preprocessing.decoding import Samples

LAYOUTS = ("NCHW", "NHWC")
COLOURS = ("RGB", "BGR", "grey")
DTYPES = ("float32", "float16", "float64", "uint8", "int8", "uint16", "int16", "int32", "int64")
LONGEST = 16384
_LUMA = (19595, 38470, 7471)  # of 65536: 0.299, 0.587, 0.114
_COLOURED = 3


@dataclass(frozen=True)
class ImageSteps:
    """What is done to each image, in this order.

    1. An encoded image is decoded. 2. Its channels become those of ``colour``. 3. ``crop`` cuts out the middle.
    4. It is resized, stretched or, with ``padding``, in its own proportions on a plain ground. 5. ``scale`` times it,
    less ``mean``, by ``std``, in float32; the means are in the order of ``colour``. 6. It is cast to ``dtype``; for
    integers it is rounded half to even and clipped. 7. Its axes take the order of ``layout``.

    Attributes:
        size: Height and width, None to leave them.
        layout: Of the array that the model takes; None where the axes stay as height, width, channels.
        colour: Channels that the model takes; None to leave those of the data.
        resize: Rule, see ``resizing``.
        antialias: See there.
        padding: What the ground is filled with, in the data's own numbers; None to stretch.
        crop: Share of the largest middle part of the proportions of ``size``; None to cut nothing off.
        scale: Factor.
        mean: Of each channel or one for all; empty for none.
        std: Likewise.
        dtype: Numpy name of the result's type.
        data_layout: Of arrays in the data with four axes; those with three are grey, encoded images have their own.
    """

    kind: ClassVar[str] = "image"

    size: tuple[int, int] | None = None
    layout: str | None = None
    colour: str | None = None
    resize: str = "bilinear"
    antialias: bool = True
    padding: float | None = None
    crop: float | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    dtype: str = "float32"
    data_layout: str = "NHWC"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("layout", self.layout, (None, *LAYOUTS)),
            ("colour", self.colour, (None, *COLOURS)),
            ("resize", self.resize, RULES if self.antialias else PLAIN_RULES),
            ("dtype", self.dtype, DTYPES),
            ("data_layout", self.data_layout, LAYOUTS),
        ):
            if value not in known:
                raise DataError(f"{what} is one of {', '.join(map(str, known))}, but got {value!r}")
        sides = self.size or (1, 1)
        if len(sides) != len("hw") or not all(type(side) is int and 1 <= side <= LONGEST for side in sides):
            raise DataError(f"size is 1 to {LONGEST} pixels high and wide, but got {self.size}")
        if self.crop is not None and not 0 < self.crop <= 1:
            raise DataError(f"crop is a share above 0, up to 1, but got {self.crop}")
        numbers = (self.scale, *self.mean, *self.std, self.padding or 0.0)
        if not np.isfinite(numbers).all() or self.scale == 0 or 0 in self.std:
            raise DataError(f"scale, mean, std and padding are finite, scale and std not 0, but got {numbers}")

    @classmethod
    def from_json(cls, form: dict[str, Any]) -> ImageSteps:
        """The inverse of ``to_json``.

        Raises:
            DataError: The values are no steps.
        """
        try:
            lists = {name: tuple(form[name]) for name in ("size", "mean", "std") if form.get(name) is not None}
            return cls(**{**form, **lists})
        except (TypeError, ValueError) as error:
            raise DataError(f"these are no steps for images: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @property
    def resamples(self) -> bool:
        """Whether Pillow is needed to resize."""
        return self.size is not None and self.antialias and self.resize != "nearest"

    def __call__(self, samples: Samples) -> np.ndarray:
        """The samples, prepared: first axis = samples.

        Args:
            samples: Encoded images, or arrays of (height, width), (height, width, channels) or, as ``data_layout``
                says, (channels, height, width).

        Raises:
            DataError: They are no images, or of several sizes where ``size`` is None.
        """
        made = [self._prepared(sample) for sample in samples]
        if any(array.shape != made[0].shape for array in made):
            raise DataError("images of several sizes need one size for the model: give inputs.NAME.size")
        return np.stack(made)

    def shape(self, sample: Sequence[int]) -> tuple[int | None, ...]:
        """The shape of one prepared sample; None where it hangs on the data.

        Args:
            sample: The shape of one sample in the data, 0 where they differ; empty when there are no data.
        """
        height, width, channels = _stored(tuple(sample), self.data_layout)
        size = self.size or (height or None, width or None)
        count = {None: channels, "grey": 1}.get(self.colour, _COLOURED)
        return (count, *size) if self.layout == "NCHW" else (*size, count)

    def _prepared(self, sample: Any) -> np.ndarray:
        pixels = self._coloured(decode(sample) if isinstance(sample, Encoded) else self._pixels(np.asarray(sample)))
        if self.crop is not None:
            pixels = _cropped(pixels, self.size, self.crop)
        if self.size is not None and self.padding is None:
            pixels = resized(pixels, self.size, self.resize, antialias=self.antialias)
        elif self.size is not None:
            pixels = self._padded(pixels, self.size, float(self.padding or 0.0))
        numbers = self._numbers(pixels)
        return np.ascontiguousarray(numbers.transpose(2, 0, 1) if self.layout == "NCHW" else numbers)

    def _pixels(self, sample: np.ndarray) -> np.ndarray:
        """An array of the data as (height, width) or (height, width, channels) of uint8 or float32."""
        _stored(sample.shape, self.data_layout)
        if sample.dtype.kind not in "fiu":
            raise DataError(f"images hold numbers, but the data are of type {sample.dtype}")
        if sample.ndim == _COLOURED and self.data_layout == "NCHW":
            sample = sample.transpose(1, 2, 0)
        return sample if sample.dtype == np.uint8 else sample.astype(np.float32)

    def _padded(self, pixels: np.ndarray, size: tuple[int, int], ground: float) -> np.ndarray:
        """In its own proportions in the middle of a plain ground; what is odd goes below or right."""
        ratio = min(size[0] / pixels.shape[0], size[1] / pixels.shape[1])
        inner = tuple(min(side, max(1, round(have * ratio))) for side, have in zip(size, pixels.shape))
        small = resized(pixels, (inner[0], inner[1]), self.resize, antialias=self.antialias)
        if pixels.dtype == np.uint8:
            ground = min(255, max(0, round(ground)))
        whole = np.full((*size, *pixels.shape[2:]), ground, pixels.dtype)
        top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
        whole[top : top + inner[0], left : left + inner[1]] = small
        return whole

    def _coloured(self, pixels: np.ndarray) -> np.ndarray:
        """(height, width, channels) with the channels that the model takes."""
        pixels = pixels if pixels.ndim == _COLOURED else pixels[:, :, np.newaxis]
        channels = pixels.shape[2]
        if self.colour is None or (self.colour == "grey" and channels == 1):
            return pixels
        if channels not in (1, _COLOURED):
            hint = "; are the data NCHW? say data_layout: NCHW" if pixels.shape[0] in (1, _COLOURED) else ""
            raise DataError(f"colour: {self.colour} takes images of 1 or 3 channels, but these have {channels}{hint}")
        if self.colour == "grey":
            return _grey(pixels)
        pixels = np.repeat(pixels, _COLOURED, axis=2) if channels == 1 else pixels
        return pixels[:, :, ::-1] if self.colour == "BGR" else pixels

    def _numbers(self, pixels: np.ndarray) -> np.ndarray:
        if self.scale == 1 and not self.mean and not self.std and pixels.dtype == np.dtype(self.dtype):
            return pixels
        values = pixels.astype(np.float32) * np.float32(self.scale)
        for numbers in (self.mean, self.std):
            if len(numbers) not in (0, 1, values.shape[2]):
                raise DataError(f"mean and std have one number a channel ({values.shape[2]}), but got {len(numbers)}")
        if self.mean:
            values -= np.array(self.mean, np.float32)
        if self.std:
            values /= np.array(self.std, np.float32)
        wanted = np.dtype(self.dtype)
        if wanted.kind in "iu":
            limits = np.iinfo(wanted)
            return np.clip(np.rint(values.astype(np.float64)), limits.min, limits.max).astype(wanted)
        return values.astype(wanted)


def _stored(sample: tuple[int, ...], layout: str) -> tuple[int | None, int | None, int | None]:
    """Height, width and channels of one sample in the data; None where there are no data."""
    if not sample:
        return None, None, None
    if len(sample) not in (2, 3):
        raise DataError(
            f"an image is an array of 2 or 3 axes, but one sample of the data has shape {sample}; store images, or "
            "leave its entry out of inputs"
        )
    if len(sample) == 2:  # noqa: PLR2004 - height and width
        return sample[0], sample[1], 1
    return (sample[1], sample[2], sample[0]) if layout == "NCHW" else (sample[0], sample[1], sample[2])


def _cropped(pixels: np.ndarray, size: tuple[int, int] | None, share: float) -> np.ndarray:
    """The middle of an image: of its largest part in the proportions of ``size``, this share of height and width."""
    height, width = pixels.shape[:2]
    tall, wide = size or (height, width)
    unit = min(height / tall, width / wide) * share
    rows, columns = (max(1, round(side * unit)) for side in (tall, wide))
    rows, columns = min(rows, height), min(columns, width)
    top, left = (height - rows) // 2, (width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _grey(pixels: np.ndarray) -> np.ndarray:
    """ITU-R 601-2 luma of RGB; of uint8 to the bit as Pillow's ``convert("L")``."""
    if pixels.dtype == np.uint8:
        parts = pixels.astype(np.uint32) * np.array(_LUMA, np.uint32)
        return np.asarray((parts.sum(axis=2, keepdims=True) + 0x8000) >> 16, np.uint8)
    return np.asarray(pixels @ (np.array(_LUMA, np.float32) / 65536), np.float32)[:, :, np.newaxis]
