"""Images with labels as people keep them: a folder with one subfolder a class, or a CSV of path,label."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from autoedge.errors import DataError
from autoedge.intent.problem import escaped, shown
from autoedge.preprocessing.decoding import SUFFIXES
from autoedge.preprocessing.image_archive import MOST
from autoedge.preprocessing.npz import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_COLUMNS = ("path", "label")


@dataclass(frozen=True)
class LabelledImages:
    """Image files in order.

    Attributes:
        root: The folder that they lie in.
        names: Their places in it.
        labels: One class number an image; None where they have no labels.
        classes: Names of the classes by number; empty where the data number them.
    """

    root: Path
    names: tuple[str, ...]
    labels: tuple[int, ...] | None
    classes: tuple[str, ...]


def list_images(path: Path) -> LabelledImages:
    """The images of a folder or of a CSV file, or a single image without a label.

    In a folder, subfolders are classes; images straight in it have no labels. In a CSV the first column is a path
    relative to the file, the second, where there is one, a label; a first line ``path,label`` is left out. Labels that
    are all whole numbers are the class numbers; others are names, numbered in sorted order.

    Raises:
        DataError: It holds anything else, leads out of its folder, or is too large.
    """
    try:
        pairs = list(_bounded(_pairs(path), path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not pairs:
        raise DataError(f"{path}: holds no images; give a folder with one subfolder a class, or a CSV of path,label")
    bare = sum(label is None for _, label in pairs)
    if 0 < bare < len(pairs):
        raise DataError(f"{path}: each image has a label, or none has one, but {bare} of {len(pairs)} have none")
    labels, classes = (None, ()) if bare else _numbered([str(label) for _, label in pairs])
    root = path if path.is_dir() else path.parent
    return LabelledImages(root, tuple(name for name, _ in pairs), labels, classes)


def _pairs(path: Path) -> Iterator[tuple[str, str | None]]:
    """Place and label of each image."""
    if path.is_dir():
        return _of_folder(path)
    return iter([(path.name, None)]) if path.suffix.lower() in SUFFIXES else _of_csv(path)


def _numbered(labels: list[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if all(_NUMBER.fullmatch(label) for label in labels):
        return tuple(int(label) for label in labels), ()
    classes = tuple(sorted(set(labels)))
    number = {name: index for index, name in enumerate(classes)}
    return tuple(number[label] for label in labels), classes


def _bounded(pairs: Iterator[tuple[str, str | None]], path: Path) -> Iterator[tuple[str, str | None]]:
    size = 0
    root = path if path.is_dir() else path.parent
    for count, (name, label) in enumerate(pairs, 1):
        size += (root / name).stat().st_size
        if count > MOST or size > MAX_BYTES:
            raise DataError(f"{path}: data are at most {MOST} images of {MAX_BYTES // 2**30} GiB together; give fewer")
        yield name, label


def _of_folder(path: Path) -> Iterator[tuple[str, str | None]]:
    for entry in _entries(path, path):
        if not entry.is_dir():
            yield entry.name, None
            continue
        for inner in _entries(Path(entry.path), path):
            if inner.is_dir():
                raise DataError(f"{escaped(inner.path)}: a class's folder holds images only, but this is a folder")
            yield f"{entry.name}/{inner.name}", entry.name


def _entries(folder: Path, root: Path) -> list[os.DirEntry[str]]:
    """Images and folders in a folder by name; what is hidden is left out, and anything else is refused."""
    entries: list[os.DirEntry[str]] = []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith("."):
                continue
            if len(entries) > MOST:
                raise DataError(f"{root}: data are at most {MOST} images; give fewer")
            if entry.is_symlink():
                raise DataError(f"{escaped(entry.path)}: is a link; copy the file that it leads to")
            image = entry.is_file() and entry.name.lower().endswith(SUFFIXES)
            if not image and not entry.is_dir():
                raise DataError(f"{escaped(entry.path)}: is no PNG or JPEG image; move it away")
            entries.append(entry)
    return sorted(entries, key=lambda entry: entry.name)


def _of_csv(path: Path) -> Iterator[tuple[str, str | None]]:
    root = path.parent.resolve()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file):
                first = tuple(cell.strip().lower() for cell in row)
                if not row or first in {_COLUMNS, _COLUMNS[:1]}:
                    continue
                yield _row(path, root, row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: is no CSV of path,label in UTF-8: {error}") from error


def _row(path: Path, root: Path, row: list[str]) -> tuple[str, str | None]:
    if len(row) > len(_COLUMNS) or not row[0].strip():
        raise DataError(f"{path}: a line is path,label, but one is {shown(','.join(row))}")
    name = PurePosixPath(row[0].strip())
    try:
        inside = not name.is_absolute() and ".." not in name.parts and (root / name).resolve() == root / name
        there = inside and (root / name).is_file()
    except (ValueError, RuntimeError, OSError) as error:
        raise DataError(f"{path}: {shown(str(name))} is no path") from error
    if not inside:
        raise DataError(f"{path}: images lie in its folder, without links on the way, but {shown(str(name))} does not")
    if not there:
        raise DataError(f"{path}: {shown(str(name))} is not there")
    label = row[1].strip() if len(row) == len(_COLUMNS) else ""
    return str(name), label or None
