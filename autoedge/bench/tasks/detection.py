"""Detection: COCO's mean average precision of boxes, by pycocotools."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.tasks.base import Evaluator, measured
from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoedge.bench.tasks.annotations import GroundTruth
    from autoedge.bench.tasks.base import Outputs
    from autoedge.intent.resolved import BoxFormat, BoxUnits, ClassNumbers
    from autoedge.measurement import Value

    Array = np.ndarray[Any, np.dtype[np.float64]]

_MOST_IN_IMAGE = 100
_WHOLE_AREA = (0.0, 1e10)
_GROUPS = 20
_KEYS = ("map", "map50")


@dataclass(frozen=True)
class Boxes:
    """How a model tells its boxes.

    Attributes:
        format: What the four numbers are.
        units: Pixels of the annotated image, or shares of its width and height.
        class_numbers: Ids of categories, or places in the order of the ids.
        classed: Whether it tells classes at all.
    """

    format: BoxFormat = "xyxy"
    units: BoxUnits = "pixel"
    class_numbers: ClassNumbers = "category_id"
    classed: bool = True

    @property
    def width(self) -> int:
        """Numbers of one detection in a row of outputs: four of the box, score, class."""
        return 6 if self.classed else 5


class Detection(Evaluator):
    """``map`` and ``map50`` over all sizes of boxes, with the 100 surest detections an image and category.

    A row of outputs is one image's detections, each of six numbers: box, score, class; five where the model tells no
    class, and there is one category. One with a negative score fills up a row and is none. The interval is a
    jackknife's: images are dealt into 20 groups at random, the metric is told again without each, and Student's
    interval of 19 degrees of freedom is put around the value less its bias. A bootstrap would take many more passes
    for the same, since average precision is no sum over images.

    Args:
        truth: The boxes to find.
        boxes: How the model tells its own.
        seed: Of the dealing.

    Raises:
        DataError: pycocotools is not installed, or there are several categories and the model tells no class.

    Source: Lin et al., Microsoft COCO (2014), arXiv:1405.0312, and its evaluation code; Efron and Tibshirani, An
    Introduction to the Bootstrap (1993), section 11.5, for groups Kott, Journal of Official Statistics 17 (2001) 521.
    """

    def __init__(self, truth: GroundTruth, boxes: Boxes, seed: int) -> None:
        _evaluation_module()
        if not boxes.classed and len(truth.categories) > 1:
            raise DataError(
                f"a model that tells no classes finds one category, but the annotations have {len(truth.categories)}; "
                "name the output with classes: outputs: {classes: NAME}"
            )
        self._truth = truth
        self._boxes = boxes
        self._seed = seed
        self._known: dict[str, tuple[Array, Array]] = {}

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:  # noqa: ARG002
        """``map`` (IoU 0.50 to 0.95) and ``map50``."""
        digest = hashlib.sha256(np.ascontiguousarray(outputs).tobytes()).hexdigest()
        if digest not in self._known:
            self._known[digest] = self._told(outputs)
        values, without = self._known[digest]
        images = len(self._truth.sizes)
        found = {}
        for key, value, left_out in zip(_KEYS, values, without.T, strict=True):
            ends = _jackknife(float(value), left_out, level)
            found[key] = measured(ends, f"COCO, jackknife over {len(left_out)} groups of images", images)
        return found

    def _told(self, outputs: Outputs) -> tuple[Array, Array]:
        """Both metrics, and both without each group of images."""
        count = len(self._truth.sizes)
        evaluation = _evaluated(_Table.of_truth(self._truth), self._detections(outputs), self._truth.categories, count)
        groups = np.random.default_rng(self._seed).permutation(count) % min(_GROUPS, count)
        whole = evaluation.precisions(range(count))
        if count == 1:
            return whole, np.empty((0, 2))
        kept = [evaluation.precisions(np.flatnonzero(groups != group)) for group in range(groups.max() + 1)]
        return whole, np.array(kept)

    def _detections(self, outputs: Outputs) -> _Table:
        """What the model found, as pycocotools takes it."""
        count, width = len(self._truth.sizes), self._boxes.width
        if outputs.ndim != 2 or len(outputs) != count or outputs.shape[1] % width:  # noqa: PLR2004 - rows, numbers
            raise DataError(f"detections are {count} images x {width} numbers each, but got shape {outputs.shape}")
        whole = outputs.reshape(count, -1, width).astype(np.float64)
        if not np.isfinite(whole).all():
            raise DataError("detections are finite, but the model or its variant gave NaN or infinite numbers")
        images, places = np.nonzero(whole[..., 4] >= 0)
        rows = whole[images, places]
        corners = _left_top_size(rows[:, :4], self._boxes.format)
        if self._boxes.units == "relative":
            corners = corners * np.tile(self._truth.sizes[images], 2)
        corners[:, 2:] = np.maximum(corners[:, 2:], 0.0)
        numbers = np.rint(rows[:, 5]).astype(np.int64) if self._boxes.classed else np.zeros(len(rows), np.int64)
        if self._boxes.class_numbers == "index" or not self._boxes.classed:
            ids = np.array(self._truth.categories)
            inside = (numbers >= 0) & (numbers < len(ids))
            images, corners, rows, numbers = images[inside], corners[inside], rows[inside], ids[numbers[inside]]
        areas = corners[:, 2] * corners[:, 3]
        return _Table.of(images, numbers, corners, areas, scores=rows[:, 4])


class _Table:
    """Annotations as pycocotools asks for them: the four methods of its ``COCO`` class that an evaluation calls.

    Its own class reads files, prints, and imports matplotlib where it is installed.

    Args:
        rows: COCO's objects.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = rows
        self._images: dict[int, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            self._images[row["image_id"]].append(place)

    @classmethod
    def of_truth(cls, truth: GroundTruth) -> _Table:
        return cls.of(truth.images, truth.labels, truth.boxes, truth.areas, crowds=truth.crowds)

    @classmethod
    def of(cls, images: Any, labels: Any, boxes: Any, areas: Any, *, scores: Any = None, crowds: Any = None) -> _Table:
        columns = {"image_id": images, "category_id": labels, "bbox": boxes, "area": areas}
        columns["iscrowd"] = np.zeros(len(images), int) if crowds is None else crowds.astype(int)
        if scores is not None:
            columns["score"] = scores
        lists = [column.tolist() for column in columns.values()]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
        # Ids from 1: in the record of matches 0 stands for none.
        return cls([{**row, "id": number} for number, row in enumerate(rows, 1)])

    def getImgIds(self) -> list[int]:  # noqa: N802 - pycocotools' name
        return sorted(self._images)

    def getCatIds(self) -> list[int]:  # noqa: N802 - pycocotools' name
        return sorted({row["category_id"] for row in self._rows})

    def getAnnIds(self, imgIds: Sequence[int], catIds: Sequence[int]) -> list[int]:  # noqa: N802, N803 - likewise
        wanted = set(catIds)
        return [at for image in imgIds for at in self._images[image] if self._rows[at]["category_id"] in wanted]

    def loadAnns(self, ids: Sequence[int]) -> list[dict[str, Any]]:  # noqa: N802 - pycocotools' name
        return [self._rows[at] for at in ids]


class _Evaluation:
    """One evaluation of pycocotools, from which precisions of any images can be told.

    Args:
        done: A ``COCOeval`` that was evaluated with one range of areas.
        images: How many there are.
    """

    def __init__(self, done: Any, images: int) -> None:
        self._done = done
        self._images = images
        self._matches = done.evalImgs

    def precisions(self, images: Sequence[int] | range | Any) -> Array:
        """``map`` and ``map50`` over some images; categories without a box to find in them do not count."""
        done, wanted = self._done, set(map(int, images))
        # What an image without boxes and detections of a category leaves is None; so are those that are left out.
        done.evalImgs = [one if place % self._images in wanted else None for place, one in enumerate(self._matches)]
        done.accumulate()
        precision = done.eval["precision"][..., 0, 0]  # IoU x recall x category; -1 where there is no box to find
        kept = [part[part > -1] for part in (precision, precision[0])]
        return np.array([part.mean() if part.size else 0.0 for part in kept])


def _evaluated(truth: _Table, found: _Table, categories: Sequence[int], images: int) -> _Evaluation:
    evaluation = _evaluation_module().COCOeval(truth, found, "bbox")
    evaluation.params.imgIds = list(range(images))
    evaluation.params.catIds = list(categories)
    evaluation.params.areaRng = [list(_WHOLE_AREA)]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.params.maxDets = [_MOST_IN_IMAGE]
    evaluation.evaluate()
    return _Evaluation(evaluation, images)


def _evaluation_module() -> Any:
    try:
        from pycocotools import cocoeval
    except ImportError as error:
        raise DataError("mAP is computed by pycocotools: pip install 'autoedge[detection]'") from error
    # It tells its progress with print. A library must not, and turning standard output away for a while would turn
    # away that of all other threads too; so that module has a print of its own.
    cocoeval.print = _silent
    return cocoeval


def _silent(*_: Any, **__: Any) -> None:
    """Say nothing."""


def _left_top_size(boxes: Array, form: BoxFormat) -> Array:
    """Boxes as (left, top, width, height)."""
    one, two, three, four = boxes.T
    columns = {
        "xywh": (one, two, three, four),
        "xyxy": (one, two, three - one, four - two),
        "yxyx": (two, one, four - two, three - one),
        "cxcywh": (one - three / 2, two - four / 2, three, four),
    }[form]
    return np.column_stack(columns)


def _jackknife(value: float, without: Array, level: float) -> tuple[float, float, float]:
    """Value, low and high from values without each group (delete-a-group jackknife).

    Student's interval lies around the value less its bias, since average precision of few images comes out too high;
    it is widened to hold the value, which is reported as COCO defines it.
    """
    from scipy.special import stdtrit

    groups = len(without)
    if not groups:  # one image tells no spread: nothing is excluded
        return value, 0.0, 1.0
    bias = (groups - 1) * float(without.mean() - value)
    variance = (groups - 1) / groups * float(((without - without.mean()) ** 2).sum())
    half = float(stdtrit(groups - 1, (1 + level) / 2)) * math.sqrt(variance)
    return value, max(0.0, min(value, value - bias - half)), min(1.0, max(value, value - bias + half))
