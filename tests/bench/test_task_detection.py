"""Detection: COCO's average precision through pycocotools, and ground truth from files that nobody vouches for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from autoedge.bench.tasks import annotations
from autoedge.bench.tasks.annotations import GroundTruth, read_annotations
from autoedge.bench.tasks.detection import Boxes, Detection
from autoedge.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    Array = np.ndarray[Any, Any]
    Form = dict[str, Any]

IMAGES, CATEGORIES = 30, (3, 7, 9)


def _form(seed: int = 0, images: int = IMAGES) -> Form:
    """A few boxes in each image; ids are neither in order nor without gaps."""
    generator = np.random.default_rng(seed)
    form: Form = {
        "images": [{"id": 1000 - 7 * at, "width": 320, "height": 200, "file_name": "x.jpg"} for at in range(images)],
        "categories": [{"id": one, "name": f"c{one}"} for one in reversed(CATEGORIES)],
        "annotations": [],
    }
    for image in form["images"]:
        for _ in range(generator.integers(1, 5)):
            left, top = generator.uniform(0, 200), generator.uniform(0, 120)
            box = [float(left), float(top), *map(float, generator.uniform(15, 80, 2))]
            form["annotations"].append(
                {
                    "id": len(form["annotations"]) + 5,
                    "image_id": image["id"],
                    "category_id": int(generator.choice(CATEGORIES)),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(generator.random() < 0.1),
                }
            )
    return form


def _written(folder: Path, form: Any) -> Path:
    path = folder / "boxes.json"
    path.write_text(form if isinstance(form, str) else json.dumps(form))
    return path


def _found(truth: GroundTruth, seed: int = 1, things: int = 8) -> Array:
    """Detections near the truth, and some beside it: images x things x (left, top, width, height, score, class)."""
    generator = np.random.default_rng(seed)
    rows = np.full((len(truth.sizes), things, 6), -1.0)
    for image in range(len(rows)):
        known = np.flatnonzero(truth.images == image)
        for place, at in enumerate([*known, *generator.choice(len(truth.boxes), 2)]):
            box = truth.boxes[at] + generator.normal(0, 3, 4)
            label = truth.labels[at] if generator.random() < 0.8 else generator.choice(CATEGORIES)
            rows[image, place] = [*box, generator.random(), label]
    return rows.astype(np.float32)


def _flat(rows: Array) -> Array:
    return rows.reshape(len(rows), -1)


def _by_coco(form: Form, rows: Array, capsys: pytest.CaptureFixture[str]) -> tuple[float, float]:
    """As its own manual says: files read, results loaded, all evaluated and summarised with its defaults."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = form
    truth.createIndex()
    ids = [image["id"] for image in form["images"]]
    results = [
        {"image_id": ids[image], "bbox": row[:4].tolist(), "score": float(row[4]), "category_id": int(row[5])}
        for image, row in ((at, row) for at, image in enumerate(rows.astype(float)) for row in image)
        if row[4] >= 0
    ]
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


@pytest.fixture
def truth(tmp_path: Path) -> GroundTruth:
    """The boxes of thirty images."""
    return read_annotations(_written(tmp_path, _form()), IMAGES)


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_pycocotools(tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Both figures are those of pycocotools' own classes and defaults, and nothing is printed on the way."""
    form = _form(seed)
    truth = read_annotations(_written(tmp_path, form), IMAGES)
    rows = _found(truth, seed)
    found = Detection(truth, Boxes("xywh"), 0).metrics(_flat(rows), None, 0.95)
    assert capsys.readouterr().out == ""
    assert (found["map"].value, found["map50"].value) == pytest.approx(_by_coco(form, rows, capsys))
    assert 0.05 < found["map"].value < found["map50"].value < 1
    for one in found.values():
        assert 0 <= one.low < one.value < one.high <= 1
        assert one.n == IMAGES


def test_what_is_found_exactly_is_perfect(truth: GroundTruth) -> None:
    """The truth given back is 1; nothing found is 0; neither has any spread."""
    rows = np.full((IMAGES, 8, 6), -1.0, np.float32)
    for image in range(IMAGES):
        known = np.flatnonzero(truth.images == image)
        for place, at in enumerate(known):
            rows[image, place] = [*truth.boxes[at], 0.9, truth.labels[at]]
    judged = Detection(truth, Boxes("xywh"), 0)
    for outputs, value in ((_flat(rows), 1.0), (np.full((IMAGES, 6), -1, np.float32), 0.0)):
        found = judged.metrics(outputs, None, 0.95)["map"]
        assert (found.value, found.low, found.high) == pytest.approx((value, value, value))


def test_every_way_to_tell_a_box_is_the_same_box(truth: GroundTruth) -> None:
    """Formats, units and class numbers only spell the same detections in other ways."""
    rows = _found(truth).astype(np.float64)
    left, top, width, height = np.moveaxis(rows[..., :4], -1, 0)
    spelt = {
        "xywh": (left, top, width, height),
        "xyxy": (left, top, left + width, top + height),
        "yxyx": (top, left, top + height, left + width),
        "cxcywh": (left + width / 2, top + height / 2, width, height),
    }
    expected = Detection(truth, Boxes("xywh"), 0).metrics(_flat(rows), None, 0.95)
    sides = {"xywh": [320, 200] * 2, "xyxy": [320, 200] * 2, "yxyx": [200, 320] * 2, "cxcywh": [320, 200] * 2}
    for form, columns in spelt.items():
        other = rows.copy()
        other[..., :4] = np.stack(columns, axis=-1)
        found = Detection(truth, Boxes(form), 0).metrics(_flat(other), None, 0.95)  # type: ignore[arg-type]
        assert found["map"].value == pytest.approx(expected["map"].value, abs=1e-9)
        other[..., :4] /= np.array(sides[form])
        other[..., 5] = np.where(rows[..., 4] >= 0, np.searchsorted(CATEGORIES, rows[..., 5]), -1)
        judged = Detection(truth, Boxes(form, "relative", "index"), 0)  # type: ignore[arg-type]
        assert judged.metrics(_flat(other), None, 0.95)["map"].value == pytest.approx(expected["map"].value, abs=1e-9)


def test_unknown_classes_find_nothing(truth: GroundTruth) -> None:
    """Detections of classes that the annotations do not know are no error and help nobody."""
    rows = _found(truth)
    rows[..., 5] = 999
    for numbers in ("category_id", "index"):
        found = Detection(truth, Boxes("xywh", "pixel", numbers), 0).metrics(_flat(rows), None, 0.95)  # type: ignore[arg-type]
        assert found["map"].value == 0


def test_the_jackknife_tells_how_far_sets_of_images_lie_apart(tmp_path: Path) -> None:
    """Over evaluation sets of the same kind, half an interval is about two standard deviations of the figure."""
    values, halves = [], []
    for seed in range(24):
        truth = read_annotations(_written(tmp_path, _form(seed)), IMAGES)
        found = Detection(truth, Boxes("xywh"), seed).metrics(_flat(_found(truth, seed)), None, 0.95)["map"]
        values.append(found.value)
        halves.append((found.high - found.low) / 2)
    assert 1.2 < np.mean(halves) / np.std(values, ddof=1) < 3.5


def test_a_single_image_excludes_nothing(tmp_path: Path) -> None:
    """One image tells no spread: the interval is everything."""
    truth = read_annotations(_written(tmp_path, _form(0, images=1)), 1)
    found = Detection(truth, Boxes("xywh"), 0).metrics(_flat(_found(truth)), None, 0.95)["map"]
    assert (found.low, found.high) == (0, 1)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (np.zeros((IMAGES - 1, 12), np.float32), r"30 images x 6 numbers each, but got shape \(29, 12\)"),
        (np.zeros((IMAGES, 13), np.float32), r"\(30, 13\)"),
        (np.full((IMAGES, 6), np.nan, np.float32), "NaN or infinite"),
    ],
)
def test_outputs_that_are_no_detections_are_refused(truth: GroundTruth, outputs: Array, said: str) -> None:
    """Rows are images, and numbers come in sixes."""
    with pytest.raises(DataError, match=said):
        Detection(truth, Boxes(), 0).metrics(outputs, None, 0.95)


ONE, IMAGE = ("annotations", 4), ("images", 2)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("images",), None, "'images' is a list of objects, but is NoneType"),
        (("images",), "abc", "'images' is a list of objects, but is str"),
        (IMAGE, 5, r"images\[2\] is an object, but is int"),
        ((*IMAGE, "width"), "320", r"images\[2\]: width is a number from 1 to 1e\+06, but is '320'"),
        ((*IMAGE, "height"), float("nan"), r"images\[2\]: height is a number"),
        ((*IMAGE, "id"), 993, r"images\[2\]: each image has an id of its own, but 993 stands here again"),
        ((*IMAGE, "id"), True, r"images\[2\]: id is a whole number, but is True"),
        (("categories", 0, "id"), "cat", r"categories\[0\]: id is a whole number, but is 'cat'"),
        (
            (*ONE, "bbox"),
            [1, 2, 3],
            r"annotations\[4\]: bbox is \[left, top, width, height\] in pixels, but is \[1, 2, 3\]",
        ),
        ((*ONE, "bbox"), [1, 2, -3, 4], r"annotations\[4\]: bbox is"),
        ((*ONE, "bbox"), [1e300, 2, 3, 4], r"annotations\[4\]: bbox is"),
        ((*ONE, "image_id"), 1, r"annotations\[4\]: image_id is the id of an image, but there is none with 1"),
        ((*ONE, "category_id"), 4, r"annotations\[4\]: category_id is the id of a category, but there is none with 4"),
        ((*ONE, "iscrowd"), 2, r"annotations\[4\]: iscrowd is 0 or 1, but is 2"),
        ((*ONE, "iscrowd"), [], r"annotations\[4\]: iscrowd is 0 or 1, but is \[\]"),
        ((*ONE, "area"), -1, r"annotations\[4\]: area is a number from 0"),
        (("annotations",), [], "holds no box to find"),
    ],
)
def test_wrong_annotations_are_refused(tmp_path: Path, place: tuple[Any, ...], value: Any, said: str) -> None:
    """Whatever is wrong in a file of annotations is told with its place, the rule and the value."""
    form = _form()
    at: Any = form
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    with pytest.raises(DataError, match=rf"boxes\.json: .*{said}"):
        read_annotations(_written(tmp_path, form), IMAGES)


def test_images_and_samples_go_together(tmp_path: Path) -> None:
    """Another number of images than samples is refused, and so is what is no object at all."""
    path = _written(tmp_path, _form())
    with pytest.raises(DataError, match="in the order of the samples, one each, but there are 30 for 31"):
        read_annotations(path, IMAGES + 1)
    with pytest.raises(DataError, match="is an object with images, categories and annotations, but is list"):
        read_annotations(_written(tmp_path, []), IMAGES)


def test_without_classes_there_is_one_category(tmp_path: Path, truth: GroundTruth) -> None:
    """A model that tells no classes finds the one category there is; with several it cannot be judged."""
    with pytest.raises(DataError, match="finds one category, but the annotations have 3; name the output with classes"):
        Detection(truth, Boxes("xywh", classed=False), 0)
    form = _form()
    form["categories"] = form["categories"][:1]
    for one in form["annotations"]:
        one["category_id"] = form["categories"][0]["id"]
    single = read_annotations(_written(tmp_path, form), IMAGES)
    rows = _found(single)
    rows[..., 5] = np.where(rows[..., 4] >= 0, single.categories[0], -1)
    classed = Detection(single, Boxes("xywh"), 0).metrics(_flat(rows), None, 0.95)
    bare = Detection(single, Boxes("xywh", classed=False), 0).metrics(_flat(rows[..., :5]), None, 0.95)
    assert bare == classed


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\x00", '{"images": 1e999999}'])
def test_what_is_no_json_is_refused(tmp_path: Path, text: str) -> None:
    """Broken text, endless nesting and numbers beyond all bounds end in one sentence."""
    with pytest.raises(DataError, match=r"boxes\.json: "):
        read_annotations(_written(tmp_path, text), IMAGES)


def test_large_and_missing_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond the limit is refused by its size, and one that is not there by its name."""
    path = _written(tmp_path, _form())
    monkeypatch.setattr(annotations, "MAX_BYTES", 100)
    with pytest.raises(DataError, match="annotations have at most"):
        read_annotations(path, IMAGES)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_annotations(tmp_path / "gone.json", IMAGES)


def test_without_pycocotools_one_sentence_helps(truth: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is missing, the message says what to install, before anything is measured."""
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    with pytest.raises(DataError, match=r"pip install 'autoedge\[detection\]'"):
        Detection(truth, Boxes(), 0)
