"""Ground truth of a detection task: boxes in COCO's form, read from a file that is not trusted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 256 * 2**20
_LARGEST = 1e6  # pixels, and coordinates of them
_LARGEST_ID = 2**53
_BOX = 4


@dataclass(frozen=True)
class GroundTruth:
    """Boxes to find.

    Attributes:
        sizes: Images x (width, height) in pixels, in the order of the samples.
        categories: Their ids, ascending.
        images: By box, the number of its image.
        labels: By box, the id of its category.
        boxes: Boxes x (left, top, width, height) in pixels.
        areas: By box, in square pixels.
        crowds: By box, whether it stands for many things, which may be found but need not be.
    """

    sizes: np.ndarray[Any, np.dtype[np.float64]]
    categories: tuple[int, ...]
    images: np.ndarray[Any, np.dtype[np.int64]]
    labels: np.ndarray[Any, np.dtype[np.int64]]
    boxes: np.ndarray[Any, np.dtype[np.float64]]
    areas: np.ndarray[Any, np.dtype[np.float64]]
    crowds: np.ndarray[Any, np.dtype[np.bool_]]


def read_annotations(path: Path, samples: int) -> GroundTruth:
    """The boxes of a file in COCO's form; the first entry of ``images`` is the first sample, and so on.

    Of each image ``id``, ``width`` and ``height`` are read, of each category ``id``, of each annotation ``image_id``,
    ``category_id``, ``bbox`` (left, top, width, height in pixels), and ``area`` and ``iscrowd`` where they are there.

    Args:
        path: JSON, at most 256 MiB.
        samples: In the evaluation data.

    Raises:
        DataError: It is not of that form, or has another number of images than there are samples.

    Source: COCO data format, https://cocodataset.org/#format-data.
    """
    form = _document(path)
    sizes: dict[int, tuple[float, float]] = {}
    for where, image in _entries(path, form, "images"):
        name = _whole(where, image, "id")
        if name in sizes:
            raise DataError(f"{where}: each image has an id of its own, but {name} stands here again")
        sizes[name] = (_number(where, image, "width", least=1.0), _number(where, image, "height", least=1.0))
    if len(sizes) != samples:
        raise DataError(
            f"{path}: images stand in the order of the samples, one each, but there are {len(sizes)} for {samples}"
        )
    categories = sorted({_whole(where, one, "id") for where, one in _entries(path, form, "categories")})
    rows = list(_rows(path, form, {name: row for row, name in enumerate(sizes)}, frozenset(categories)))
    if not any(not crowd for *_, crowd in rows):
        raise DataError(f"{path}: holds no box to find; annotations are a list of objects with image_id and bbox")
    images, labels, boxes, areas, crowds = zip(*rows, strict=True)
    return GroundTruth(
        np.array(list(sizes.values())),
        tuple(categories),
        np.array(images, np.int64),
        np.array(labels, np.int64),
        np.array(boxes, np.float64),
        np.array(areas, np.float64),
        np.array(crowds, np.bool_),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataError(f"{path}: annotations have at most {MAX_BYTES // 2**20} MiB, but got {size / 2**20:.0f}")
        form = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON ({error!s:.100}); annotations are a file in COCO's form") from error
    if not isinstance(form, dict):
        raise DataError(f"{path}: is an object with images, categories and annotations, but is {type(form).__name__}")
    return form


def _entries(path: Path, form: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = form.get(key)
    if not isinstance(entries, list):
        raise DataError(f"{path}: '{key}' is a list of objects, but is {type(entries).__name__}; see COCO's format")
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(f"{path}: {key}[{place}] is an object, but is {type(entry).__name__}")
        yield f"{path}: {key}[{place}]", entry


def _rows(
    path: Path, form: dict[str, Any], numbers: dict[int, int], categories: frozenset[int]
) -> Iterator[tuple[int, int, tuple[float, ...], float, bool]]:
    for where, one in _entries(path, form, "annotations"):
        image, category = _whole(where, one, "image_id"), _whole(where, one, "category_id")
        if image not in numbers:
            raise DataError(f"{where}: image_id is the id of an image, but there is none with {image}")
        if category not in categories:
            raise DataError(f"{where}: category_id is the id of a category, but there is none with {category}")
        box = one.get("bbox")
        if not isinstance(box, list) or len(box) != _BOX or not all(map(_sane, box)) or min(box[2:]) < 0:
            raise DataError(f"{where}: bbox is [left, top, width, height] in pixels, but is {box!r:.60}")
        crowd = one.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise DataError(f"{where}: iscrowd is 0 or 1, but is {crowd!r:.40}")
        left, top, width, height = map(float, box)
        area = _number(where, one, "area", least=0.0, most=_LARGEST**2) if "area" in one else width * height
        yield numbers[image], category, (left, top, width, height), area, bool(crowd)


def _sane(value: Any, most: float = _LARGEST) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) <= most


def _number(where: str, entry: dict[str, Any], key: str, *, least: float, most: float = _LARGEST) -> float:
    value = entry.get(key)
    if not _sane(value, most) or float(value) < least:  # type: ignore[arg-type]  # a sane value is a number
        raise DataError(f"{where}: {key} is a number from {least:g} to {most:g}, but is {value!r:.40}")
    return float(value)  # type: ignore[arg-type]  # likewise


def _whole(where: str, entry: dict[str, Any], key: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _LARGEST_ID:
        raise DataError(f"{where}: {key} is a whole number, but is {value!r:.40}")
    return value
