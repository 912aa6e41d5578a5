"""Folders and CSV files of images, packed into one file and read back."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from autoedge.bench import labelled_images
from autoedge.bench.packing import data_file
from autoedge.bench.task import file_hash, read_labels
from autoedge.errors import DataError
from autoedge.models.cache import VariantCache
from autoedge.preprocessing.data import open_data
from autoedge.preprocessing.decoding import decode
from autoedge.preprocessing.image_archive import ImageArchive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoedge.preprocessing.data import Data


@pytest.fixture
def cache(tmp_path: Path) -> VariantCache:
    """A cache of its own."""
    return VariantCache(tmp_path / "cache")


def picture(path: Path, value: int, size: tuple[int, int] = (4, 5), *, grey: bool = False) -> None:
    """An image of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = size if grey else (*size, 3)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of two images, and what file managers leave behind."""
    root = tmp_path / "pictures"
    for value, name in enumerate(("dog/b.png", "dog/a.png", "cat/z.png", "cat/y.JPG")):
        picture(root / name, 60 * value)
    (root / "dog" / ".DS_Store").write_bytes(b"?")
    return root


@pytest.fixture
def opened(cache: VariantCache) -> Callable[[Path], Data]:
    """Packs and opens data."""
    return lambda path: open_data(data_file(path, cache))


def values(data: Data, **how: int) -> list[int]:
    """The value of each image in order."""
    pieces = data.rows("x", how.get("step", 3), how.get("stop"))
    return [int(decode(image).mean().round()) for piece in pieces for image in piece]


def test_a_folder_of_classes(folder: Path, opened: Callable[[Path], Data]) -> None:
    """Images come by class and name; classes are numbered in the sorted order of their folders."""
    data = opened(folder)
    assert isinstance(data, ImageArchive)
    assert data.classes == ("cat", "dog")
    assert values(data) == [180, 120, 60, 0]
    assert values(data, step=2, stop=3) == [180, 120, 60]
    labels = read_labels(data)
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1]
    assert data.arrays["x"].shape == (4, 4, 5, 3)
    assert data.match(["anything"]) == {"anything": "x"}


def test_folders_named_by_numbers_are_those_numbers(tmp_path: Path, opened: Callable[[Path], Data]) -> None:
    """Folder 10 is class 10, and not the one after 1."""
    for name in ("10", "2"):
        picture(tmp_path / "p" / name / "a.png", 9)
    labels = read_labels(opened(tmp_path / "p"))
    assert labels is not None
    assert labels.tolist() == [10, 2]


def test_images_straight_in_a_folder_have_no_labels(tmp_path: Path, opened: Callable[[Path], Data]) -> None:
    """A flat folder is data without labels; all grey, they have one channel; of several sizes, the shape says so."""
    picture(tmp_path / "p" / "a.png", 1, grey=True)
    picture(tmp_path / "p" / "b.png", 2, (6, 6), grey=True)
    data = opened(tmp_path / "p")
    assert read_labels(data) is None
    assert data.arrays["x"].shape == (2, 0, 0)


@pytest.mark.parametrize("head", ["path,label\n", "", "\ufeffPath, Label\n"])
def test_a_csv_of_numbers(folder: Path, opened: Callable[[Path], Data], head: str) -> None:
    """Paths are relative to the file, labels are class numbers, and a head line is left out."""
    (folder / "list.csv").write_text(f"{head}dog/a.png,3\ncat/z.png, 0\n", encoding="utf-8")
    data = opened(folder / "list.csv")
    labels = read_labels(data)
    assert labels is not None
    assert (values(data), labels.tolist()) == ([60, 120], [3, 0])


def test_a_csv_of_names_and_one_without_labels(folder: Path, opened: Callable[[Path], Data]) -> None:
    """Names are numbered in sorted order; a single column gives no labels."""
    (folder / "list.csv").write_text("dog/a.png,hund\ncat/z.png,katze\n dog/b.png,hund\n", encoding="utf-8")
    labels = read_labels(opened(folder / "list.csv"))
    assert labels is not None
    assert labels.tolist() == [0, 1, 0]
    (folder / "bare.csv").write_text("dog/a.png\n", encoding="utf-8")
    assert read_labels(opened(folder / "bare.csv")) is None


def test_the_same_images_give_the_same_bytes(folder: Path, tmp_path: Path, cache: VariantCache) -> None:
    """Neither place nor time is part of the data's hash; a changed image is; what is packed is not packed again."""
    first = data_file(folder, cache)
    shutil.copytree(folder, tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere" / "dog" / "a.png", (1, 1))
    assert data_file(tmp_path / "elsewhere", cache) == first
    made = first.stat().st_mtime_ns
    assert data_file(folder, cache).stat().st_mtime_ns == made
    picture(folder / "dog" / "a.png", 61)
    assert file_hash(data_file(folder, cache)) != file_hash(first)


def test_npz_stays_as_it_is(tmp_path: Path, cache: VariantCache) -> None:
    """An npz file is its own data file."""
    np.savez(tmp_path / "data.npz", x=np.zeros(3))
    assert data_file(tmp_path / "data.npz", cache) == tmp_path / "data.npz"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("../secret.png,1", "lie in its folder"),
        ("/etc/passwd,1", "lie in its folder"),
        ("link.png,1", "without links"),
        ("linked/a.png,1", "without links"),
        ("none.png,1", "is not there"),
        ("dog/a.png,1,2", "a line is path,label"),
        (",1", "a line is path,label"),
        ("a\0b,1", "is no path"),
        ("text.png,1", "is no PNG or JPEG image"),
        ("dog/a.png,-1\n", None),
        ("dog/a.png,1\ndog/b.png,", "each image has a label, or none has one"),
        ("path,label", "holds no images"),
    ],
)
def test_hostile_csv(folder: Path, cache: VariantCache, row: str, message: str | None) -> None:
    """Paths that lead out, links, missing and foreign files, and lines of another form are told."""
    picture(folder.parent / "secret.png", 1)
    (folder / "link.png").symlink_to(folder / "dog" / "a.png")
    (folder / "linked").symlink_to(folder / "dog")
    (folder / "text.png").write_text("hello")
    (folder / "list.csv").write_text(row, encoding="utf-8")
    if message is None:
        assert open_data(data_file(folder / "list.csv", cache)).whole("y").tolist() == [0]  # a name like any other
        return
    with pytest.raises(DataError, match=message):
        data_file(folder / "list.csv", cache)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("dog/notes.txt", "is no PNG or JPEG"),
        ("dog/deep/a.png", "images only"),
        ("loose.png", "each image has a label"),
    ],
)
def test_folders_of_another_form(folder: Path, cache: VariantCache, place: str, message: str) -> None:
    """A file that is no image, a class in a class, and images beside classes are told."""
    picture(folder / (place if place.endswith("png") else "x.png"), 1)
    if place.endswith("txt"):
        (folder / "x.png").rename(folder / place)
    with pytest.raises(DataError, match=message):
        data_file(folder, cache)


def test_links_and_crowds(folder: Path, cache: VariantCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link in a folder is refused, and so is a folder with more images than can be."""
    (folder / "dog" / "c.png").symlink_to("/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        data_file(folder, cache)
    (folder / "dog" / "c.png").unlink()
    monkeypatch.setattr(labelled_images, "MOST", 3)
    with pytest.raises(DataError, match="at most 3 images"):
        data_file(folder, cache)


def test_a_damaged_image_is_found_while_packing(folder: Path, cache: VariantCache) -> None:
    """An image whose header is sound and whose pixels are not is named before anything is measured."""
    data = (folder / "cat" / "y.JPG").read_bytes()
    (folder / "cat" / "y.JPG").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"y\.JPG: "):
        data_file(folder, cache)


@pytest.mark.parametrize(
    "index",
    [
        {},
        [],
        {"schema_version": 2},
        {"schema_version": 1, "names": ["a"], "labels": [0, 1], "classes": [], "size": None, "grey": False},
        {"schema_version": 1, "names": ["a"], "labels": ["x"], "classes": [], "size": None, "grey": False},
        {"schema_version": 1, "names": 3, "labels": None, "classes": [], "size": None, "grey": False},
    ],
)
def test_archives_of_strangers(tmp_path: Path, index: object) -> None:
    """An archive whose index is nonsense is one clear error; one without its images is told when they are read."""
    with zipfile.ZipFile(tmp_path / "data", "w") as archive:
        archive.writestr("index.json", json.dumps(index))
    with pytest.raises(DataError, match="not a readable archive"):
        open_data(tmp_path / "data")
    sound = {"schema_version": 1, "names": ["a"], "labels": None, "classes": [], "size": None, "grey": False}
    with zipfile.ZipFile(tmp_path / "data", "w") as archive:
        archive.writestr("index.json", json.dumps(sound))
    with pytest.raises(DataError, match="cannot be read"):
        list(open_data(tmp_path / "data").rows("x", 1))
