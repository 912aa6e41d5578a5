"""Read image data: the encoded images and their labels in one zip file, in order, with an index."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import Encoded
from autoedge.preprocessing.fit import match_inputs
from autoedge.preprocessing.npz import MAX_BYTES, Header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from autoedge.preprocessing.decoding import Samples

INDEX = "index.json"
MOST = 1_000_000
_SCHEMA = 1
_BROKEN = (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError)


def entry_name(number: int) -> str:
    """Where an image lies in the archive."""
    return f"{number:08d}"


class ImageArchive:
    """Images ``x`` and, where they have labels, ``y``. What is read from it are encoded images.

    Args:
        path: A zip file with ``index.json`` and one stored file an image.

    Attributes:
        path: As given.
        arrays: As of an npz file: ``x`` as uint8 of (samples, height, width, 3), without the 3 where all are grey;
            height and width are 0 where images differ. ``y`` as int64.
        classes: Names of the classes by number, empty without.

    Raises:
        DataError: It is no such archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise DataError(f"{path}: data must unpack to at most {MAX_BYTES // 2**30} GiB")
                index = json.loads(archive.read(INDEX))
            self._read(index)
        except _BROKEN as error:
            raise DataError(f"{path}: not a readable archive of images ({error}); pack the images again") from error
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error

    def _read(self, index: Any) -> None:
        if index["schema_version"] != _SCHEMA:
            raise ValueError(f"version {index['schema_version']} is not known")
        self._names = [str(name) for name in index["names"]]
        self._grey = index["grey"] is True
        self.classes = tuple(str(name) for name in index["classes"])
        count = len(self._names)
        if count > MOST:
            raise ValueError(f"more than {MOST} images")
        size = (0, 0) if index["size"] is None else tuple(int(side) for side in index["size"])
        shape = (count, *size) if self._grey else (count, *size, 3)
        self.arrays = {"x": Header(shape, np.dtype(np.uint8), fortran=False)}
        self._labels = None if index["labels"] is None else np.array(index["labels"], np.int64)
        if self._labels is not None:
            if self._labels.shape != (count,):
                raise ValueError(f"{count} images, but labels of shape {self._labels.shape}")
            self.arrays["y"] = Header((count,), self._labels.dtype, fortran=False)

    def match(self, inputs: Sequence[str]) -> dict[str, str]:
        """Which array feeds which model input; see :func:`autoedge.preprocessing.fit.match_inputs`."""
        try:
            return match_inputs(inputs, {name: header.shape[0] for name, header in self.arrays.items()})
        except DataError as error:
            raise DataError(f"{self.path}: {error}") from None

    def rows(self, name: str, step: int, stop: int | None = None) -> Iterator[Samples]:
        """Consecutive pieces of ``step`` samples, the last one shorter; at most ``stop`` in all.

        Raises:
            DataError: The file is damaged.
        """
        count = len(self._names) if stop is None else min(stop, len(self._names))
        if name == "y":
            for start in range(0, count, step):
                yield self.whole("y")[start : min(start + step, count)]
            return
        try:
            with zipfile.ZipFile(self.path) as archive:
                for start in range(0, count, step):
                    yield [
                        Encoded(archive.read(entry_name(number)), self._names[number], self._grey)
                        for number in range(start, min(start + step, count))
                    ]
        except (*_BROKEN, OSError) as error:
            raise DataError(f"{self.path}: its images cannot be read: {error}") from error

    def whole(self, name: str) -> np.ndarray:
        """All labels; images are read by rows."""
        if name != "y" or self._labels is None:
            raise DataError(f"{self.path}: images are read piece by piece, not as one array")
        return self._labels


def is_image_archive(path: Path) -> bool:
    """Whether a file is one; npz files are zip files too, but hold no index."""
    try:
        with zipfile.ZipFile(path) as archive:
            return INDEX in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
