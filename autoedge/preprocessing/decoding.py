"""Decode image files: PNG and JPEG of 8 bits a channel, grey or RGB, nothing else."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.pillow import pillow

if TYPE_CHECKING:
    from collections.abc import Sequence

    Samples = Union[np.ndarray, Sequence[Any]]

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
MAX_PIXELS = 2**26
_GREY = ("1", "L", "LA")
_DEEP = ("I", "F")


class Encoded(NamedTuple):
    """An image file that is not decoded yet.

    Attributes:
        data: Its bytes.
        name: For messages.
        grey: Whether it is decoded to one channel.
    """

    data: bytes
    name: str
    grey: bool


class Look(NamedTuple):
    """What an image's header says."""

    height: int
    width: int
    grey: bool


def look(data: bytes, name: str) -> Look:
    """Size and kind of an image, without decoding it.

    Raises:
        DataError: It is no PNG or JPEG of 8 bits a channel, or has more than 2^26 pixels.
    """
    image = _opened(data, name)
    return Look(image.height, image.width, image.mode in _GREY)


def decode(image: Encoded) -> np.ndarray:
    """The pixels: uint8 of shape (height, width) where grey, else (height, width, 3) in the order RGB.

    An alpha channel is dropped, and an orientation that a camera noted is left alone. Colours become grey by
    ITU-R 601-2, as Pillow does it.

    Raises:
        DataError: As from :func:`look`, or its pixels are damaged.
    """
    opened = _opened(image.data, image.name)
    try:
        if opened.mode == "P" and "transparency" in opened.info:
            opened = opened.convert("RGBA")  # Pillow warns of palettes that it would drop a part of
        return np.asarray(opened.convert("L" if image.grey else "RGB"))
    except Exception as error:  # a damaged image may raise nearly anything
        raise DataError(f"{image.name}: its pixels are damaged ({error}); replace the file") from error


def _opened(data: bytes, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow only warns of images that are much too large
        try:
            image = pillow().open(io.BytesIO(data), formats=FORMATS)
        except DataError:
            raise
        except Exception as error:  # as above
            raise DataError(f"{name}: is no PNG or JPEG image that can be read ({_reason(error)})") from error
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{name}: an image has at most {MAX_PIXELS} pixels, but this has {image.width}x{image.height}")
    if image.mode.startswith(_DEEP):
        raise DataError(f"{name}: images have 8 bits a channel, but this is of mode {image.mode}; convert it")
    return image


def _reason(error: Exception) -> str:
    return "its header is unknown" if "cannot identify" in str(error) else str(error)
