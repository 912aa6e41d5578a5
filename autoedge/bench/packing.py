"""Pack images and labels into one file that can be sent to a target: the same bytes from the same images."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING, Any

from autoedge.bench.labelled_images import list_images
from autoedge.errors import DataError
from autoedge.intent.problem import escaped
from autoedge.preprocessing.decoding import SUFFIXES, Encoded, decode, look
from autoedge.preprocessing.image_archive import INDEX, entry_name

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.bench.labelled_images import LabelledImages
    from autoedge.models.cache import VariantCache

_EPOCH = (1980, 1, 1, 0, 0, 0)
_VERSION = 1  # raised whenever the same images would give other bytes


def data_file(path: Path, cache: VariantCache) -> Path:
    """The file that holds the samples of a path: itself; for an image, a folder or a CSV of images, their archive.

    The archive is made once and kept in the cache for as long as no image's size or time changes.

    Raises:
        DataError: The images cannot be read; says which.
        StoreError: The cache cannot be written.
    """
    if not path.is_dir() and path.suffix.lower() not in (".csv", *SUFFIXES):
        return path
    images = list_images(path)
    made_of = _made_of(images)
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()
    found = cache.get(key)
    if found is not None:
        return found
    with cache.making(key) as work:
        _write(work / "images", images)
        sha256 = cache.add_file(work / "images")
        cache.put(key, sha256, made_of)
    return cache.blob(sha256)


def _made_of(images: LabelledImages) -> dict[str, Any]:
    listed = []
    for name in images.names:
        status = (images.root / name).stat()
        listed.append([name, status.st_size, status.st_mtime_ns])
    text = json.dumps([listed, images.labels, images.classes])
    return {"images": str(images.root), "version": _VERSION, "list": hashlib.sha256(text.encode()).hexdigest()}


def _write(target: Path, images: LabelledImages) -> None:
    """The archive: each image was decoded once, so that a damaged one is found here and not on a target."""
    sizes, all_grey = set(), True
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, name in enumerate(images.names):
            path = images.root / name
            try:
                data = path.read_bytes()
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
            seen = look(data, escaped(str(path)))
            decode(Encoded(data, escaped(str(path)), seen.grey))
            sizes.add((seen.height, seen.width))
            all_grey = all_grey and seen.grey
            archive.writestr(_entry(entry_name(number)), data)
        index = {
            "schema_version": 1,
            "names": [escaped(name) for name in images.names],
            "labels": None if images.labels is None else list(images.labels),
            "classes": list(images.classes),
            "size": list(sizes.pop()) if len(sizes) == 1 else None,
            "grey": all_grey,
        }
        archive.writestr(_entry(INDEX), json.dumps(index).encode())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    return entry
