"""Files by content, and which of them a recipe gave."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autoedge.errors import ModelError, StoreError
from autoedge.whole import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HASH = re.compile(r"[0-9a-f]{64}")
_SCHEMA = 1
_CHUNK = 2**20
_UNFINISHED = ".new-"
_STALE_S = 86400.0


class VariantCache:
    """A folder of files named by their SHA-256, with an index of what they were made of.

    ::

        blobs/<sha256>         the files; the local agent shares this folder
        variants/<key>.json    which blob a recipe gave
        locks/<key>.lock       held while a variant is made
        work/                  for files on the way

    Files appear whole or not at all, and are checked against their name before use. Any number of processes may use
    one cache at once.

    Args:
        root: The folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs"
        self._variants = root / "variants"

    def add_file(self, path: Path) -> str:
        """Keep a copy of a file and return its SHA-256.

        Raises:
            StoreError: The folder cannot be written.
        """
        digest = hashlib.sha256()
        with path.open("rb") as source, self._writing(self._blobs) as unfinished:
            with unfinished.open("wb") as target:
                for chunk in iter(lambda: source.read(_CHUNK), b""):
                    digest.update(chunk)
                    target.write(chunk)
                _flush(target)
            unfinished.chmod(0o444)
            unfinished.replace(self._blobs / digest.hexdigest())
        return digest.hexdigest()

    def blob(self, sha256: str) -> Path:
        """The file with this content. One whose content has changed is dropped.

        Raises:
            ModelError: It is not there, or was dropped just now.
        """
        path = self._blobs / sha256
        if not _HASH.fullmatch(sha256) or not path.is_file():
            raise ModelError(f"the variant cache {self.root} holds no file {sha256}; make the variant again")
        with path.open("rb") as file:
            intact = hashlib.file_digest(file, "sha256").hexdigest() == sha256
        if not intact:
            with suppress(OSError):
                path.unlink()
            raise ModelError(f"the variant cache {self.root} held a damaged file {sha256}; make the variant again")
        return path

    def get(self, key: str) -> Path | None:
        """The intact file under a key, named by its SHA-256; None when there is none. A corrupt entry is dropped.

        Args:
            key: As given to ``put``.
        """
        entry = self._variants / f"{key}.json"
        try:
            return self.blob(_blob_of(entry.read_bytes(), key))
        except FileNotFoundError:
            return None
        except (ValueError, ModelError):
            with suppress(OSError):
                entry.unlink()
            return None

    def put(self, key: str, sha256: str, made_of: Mapping[str, Any]) -> None:
        """Remember that a key gave a file.

        Args:
            key: A hash of everything that the file depends on.
            sha256: The file, as ``add_file`` returned it.
            made_of: What the key was formed from, for people.

        Raises:
            StoreError: The folder cannot be written.
        """
        values = {"schema_version": _SCHEMA, "key": key, "blob": sha256, "made_of": dict(made_of)}
        with self._writing(self._variants) as unfinished:
            with unfinished.open("wb") as target:
                target.write(json.dumps(values, indent=1).encode())
                _flush(target)
            unfinished.replace(self._variants / f"{key}.json")

    @contextmanager
    def making(self, key: str) -> Iterator[Path]:
        """Hold the lock of a key, and a folder to work in that is gone afterwards.

        Raises:
            StoreError: The folder cannot be written.
        """
        from filelock import FileLock

        locks, work = self.root / "locks", self.root / "work"
        with ExitStack() as held:
            try:
                locks.mkdir(parents=True, exist_ok=True)
                held.enter_context(FileLock(locks / f"{key}.lock"))
                work.mkdir(exist_ok=True)
                for folder in (work, self._blobs, self._variants):
                    _sweep(folder)
                name = held.enter_context(
                    tempfile.TemporaryDirectory(dir=work, prefix=_UNFINISHED, ignore_cleanup_errors=True)
                )
            except OSError as error:
                raise self._unusable(error) from error
            yield Path(name)

    @contextmanager
    def _writing(self, folder: Path) -> Iterator[Path]:
        """A new file in a folder that is gone afterwards unless it was given its final name."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=folder, prefix=_UNFINISHED)
            os.close(handle)
            try:
                yield Path(name)
                sync_folder(folder)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StoreError:
        return StoreError(f"the variant cache {self.root} cannot be used: {error.strerror or error}")


def _blob_of(entry: bytes, key: str) -> str:
    """The file that an index entry names; ValueError when it is not what ``put`` writes."""
    values = json.loads(entry)
    if not isinstance(values, dict) or (values.get("schema_version"), values.get("key")) != (_SCHEMA, key):
        raise ValueError(f"an entry of another form: {values}")
    return str(values.get("blob"))


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Remove what processes killed long ago left unfinished."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                if left.is_dir():
                    shutil.rmtree(left)
                else:
                    left.unlink()
