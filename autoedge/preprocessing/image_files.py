"""Image files straight from a disk, for a bundle's own command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import DataError
from autoedge.preprocessing.decoding import SUFFIXES, Encoded, look

if TYPE_CHECKING:
    from pathlib import Path


def image_files(path: Path) -> list[Encoded]:
    """An image file, or those of a folder and of its subfolders in the order of their names.

    Raises:
        DataError: There is none, or one cannot be read.
    """
    files = [path]
    if path.is_dir():
        found = [*path.glob("*"), *path.glob("*/*")]
        files = sorted(file for file in found if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))
    if not files:
        raise DataError(f"{path}: holds no images; name an image, or a folder of PNG or JPEG files")
    data = {file: file.read_bytes() for file in files}
    grey = all(look(content, str(file)).grey for file, content in data.items())
    return [Encoded(content, str(file), grey) for file, content in data.items()]
