"""Resize images by a named rule, with or without antialiasing."""

from __future__ import annotations

import numpy as np

from autoedge.preprocessing.pillow import pillow

RULES = ("nearest", "bilinear", "bicubic", "box", "lanczos")
PLAIN_RULES = ("nearest", "bilinear", "bicubic")
"""Rules that there are without antialiasing."""
_CUBIC = -0.75


def resized(image: np.ndarray, size: tuple[int, int], rule: str, *, antialias: bool) -> np.ndarray:
    """An image in another size; one of that size already is returned as it is.

    With antialiasing it is Pillow's ``Image.resize`` (bicubic: a = -0.5): on all channels at once where they are
    uint8, whose results are rounded, else on each channel in mode F. Without, it is the plain interpolation of OpenCV
    and of torch's ``interpolate(align_corners=False)`` (bicubic: a = -0.75). ``nearest`` takes the pixel that the new
    one's centre lies in; there, antialiasing means nothing.

    Args:
        image: uint8 or float32 of shape (height, width) or (height, width, channels).
        size: Height and width to come.
        rule: One of ``RULES``.
        antialias: Whether all pixels under a new one count, not just those around its centre.

    Raises:
        DataError: Pillow is missing where it is needed.
    """
    if image.shape[:2] == tuple(size):
        return image
    if rule == "nearest":
        rows, columns = (_centres(have, length) for have, length in zip(image.shape, size))
        return np.asarray(image[rows[:, np.newaxis], columns])
    if not antialias:
        return _plain(image, size, rule)
    pil = pillow()
    resample = {
        "bilinear": pil.Resampling.BILINEAR,
        "bicubic": pil.Resampling.BICUBIC,
        "box": pil.Resampling.BOX,
        "lanczos": pil.Resampling.LANCZOS,
    }[rule]
    whole = image.ndim == 2 or (image.dtype == np.uint8 and image.shape[2] == 3)  # noqa: PLR2004 - RGB
    channels = [image] if whole else [image[:, :, index] for index in range(image.shape[2])]
    wide = (size[1], size[0])
    made = [np.asarray(pil.fromarray(np.ascontiguousarray(each)).resize(wide, resample)) for each in channels]
    return made[0] if whole else np.stack(made, axis=2)


def _centres(have: int, length: int) -> np.ndarray:
    """Which old pixel the centre of each new one lies in."""
    return np.minimum((2 * np.arange(length) + 1) * have // (2 * length), have - 1)


def _plain(image: np.ndarray, size: tuple[int, int], rule: str) -> np.ndarray:
    values = image.astype(np.float32)
    for axis, length in enumerate(size):
        values = _interpolated(values, axis, length, rule)
    if image.dtype == np.uint8:
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return values


def _interpolated(values: np.ndarray, axis: int, length: int, rule: str) -> np.ndarray:
    """One axis in another length: each new pixel is a weighted sum of those around its centre, edges repeated."""
    have = values.shape[axis]
    centre = (np.arange(length) + 0.5) * (have / length) - 0.5
    first = np.floor(centre).astype(np.int64)
    share = centre - first
    taps = {0: 1 - share, 1: share} if rule == "bilinear" else {tap: _cubic(share - tap) for tap in (-1, 0, 1, 2)}
    along = [1] * values.ndim
    along[axis] = length
    total = np.zeros(1, np.float32)
    for tap, weight in taps.items():
        part = values.take(np.clip(first + tap, 0, have - 1), axis) * weight.astype(np.float32).reshape(along)
        total = total + part
    return total


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Weights of cubic convolution (Keys, 1981, IEEE Trans. ASSP 29(6)) with a = -0.75."""
    x = np.abs(distance)
    near = (_CUBIC + 2) * x**3 - (_CUBIC + 3) * x**2 + 1
    far = _CUBIC * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.asarray(np.where(x <= 1, near, far))
