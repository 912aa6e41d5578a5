"""Two slots on a device for what is deployed there, and a link that says which of them serves.

A folder of its own for each deployment: ``a`` and ``b``, each a whole bundle or absent, ``current``, a link to one of
them, and beside each slot what the host said of it. Only the slot that does not serve is ever written to, it takes its
place by one rename when it is whole, and serving changes by the one rename of the link: whenever the power goes, the
link leads to a whole bundle, the old or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from autoedge.agent.blobs import Blobs

NAMES = ("a", "b")
CURRENT = "current"
MANIFEST = "bundle.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_CHUNK = 2**20


class Slots:
    """The slots of one deployment.

    Args:
        base: Folder of all deployments; made when something is first deployed. Relative to the home folder.
        name: Of this one.

    Raises:
        BundleError: The name is none.
    """

    def __init__(self, base: str, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise BundleError(f"a deployment's name has small letters, digits, and . _ - inside, but got {name!r}")
        self._folder = Path.home() / Path(base).expanduser() / name

    def state(self) -> dict[str, Any]:
        """Which slot serves, and what lies in each.

        Returns:
            ``folder``; ``current``, ``a``, ``b`` or None; and ``slots``: by name the SHA-256 of its ``bundle.json``,
            whether every file is what that says (``whole``), and what the host ``said`` of it when it was filled.
        """
        found = {name: self._slot(name) for name in NAMES if (self._folder / name).is_dir()}
        return {"folder": str(self._folder), "current": self._current(), "slots": found}

    def fill(self, files: Mapping[str, str], said: Mapping[str, Any], blobs: Blobs) -> str:
        """Put a bundle into the slot that does not serve.

        Args:
            files: By place in the bundle, the content hash of a file that was sent.
            said: Kept beside the slot.
            blobs: Where the files are.

        Returns:
            The slot's name.

        Raises:
            BundleError: A place leads out of the bundle, or a file is not there.
        """
        _check(files, blobs)
        with self._held():
            name = NAMES[1] if self._current() == NAMES[0] else NAMES[0]
            fresh, old = self._folder / f".{name}.new", self._folder / f".{name}.old"
            for rest in (fresh, old):
                shutil.rmtree(str(rest), ignore_errors=True)
            try:
                _copy_all(files, fresh, blobs)
            except BaseException:
                shutil.rmtree(str(fresh), ignore_errors=True)  # a full disk is not to stay full
                raise
            (self._folder / f"{name}.json").unlink(missing_ok=True)  # it speaks of what was there before
            if (self._folder / name).exists():
                (self._folder / name).rename(old)
            fresh.rename(self._folder / name)
            _write(self._folder / f"{name}.json", json.dumps({**said, "bundle": files[MANIFEST]}))
            _sync(self._folder)
            shutil.rmtree(str(old), ignore_errors=True)
        return name

    def switch(self, name: str, bundle: str, instead_of: str) -> None:
        """Let a slot serve from now on.

        Args:
            name: Of the slot.
            bundle: SHA-256 of the ``bundle.json`` that is meant to lie there.
            instead_of: That of what is meant to serve up to now; empty where nothing does.

        Raises:
            BundleError: There is nothing in it, not all of it is what was bundled, or another deployment came between.
        """
        if name not in NAMES or not (self._folder / name).is_dir():
            raise BundleError(f"{self._folder}: has nothing in slot {name!r} to switch to")
        with self._held():
            current = self._current()
            found = (self._slot(name), "" if current is None else self._slot(current)["bundle"])
            if (found[0]["bundle"], found[1]) != (bundle, instead_of):
                raise BundleError(f"{self._folder}: another deployment came between; look at --status and deploy again")
            if not found[0]["whole"]:
                raise BundleError(f"{self._folder / name}: is not whole; deploy it again")
            fresh = self._folder / f".{CURRENT}.new"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(name)
            fresh.replace(self._folder / CURRENT)
            _sync(self._folder)

    def say(self, name: str, said: Mapping[str, Any]) -> None:
        """Keep something else beside a slot, of the bundle that it is said of; of another one nothing is kept."""
        with self._held():
            if name in NAMES and self._slot(name)["bundle"] == said.get("bundle"):
                _write(self._folder / f"{name}.json", json.dumps(dict(said)))

    def file(self, name: str, place: str) -> Path:
        """A file in a slot.

        Raises:
            BundleError: There is no such slot, or the place leads out of it.
        """
        if name not in NAMES:
            raise BundleError(f"{self._folder}: has slots {' and '.join(NAMES)}, but got {name!r}")
        return self._folder / name / _check_place(place)

    def _current(self) -> str | None:
        try:
            name = str((self._folder / CURRENT).readlink())
        except OSError:
            return None
        return name if name in NAMES and (self._folder / name).is_dir() else None

    def _slot(self, name: str) -> dict[str, Any]:
        manifest = self._folder / name / MANIFEST
        sha256 = _sha256(manifest) if manifest.is_file() else ""
        said: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            said = dict(json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8")))
        if said.get("bundle") != sha256:
            said = {}  # a stop between two writes: it speaks of another bundle
        return {"bundle": sha256, "whole": self._whole(name), "said": said}

    def _whole(self, name: str) -> bool:
        folder = self._folder / name
        try:
            files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
            return all(_sha256(folder / _check_place(place)) == sha256 for place, sha256 in files.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError, BundleError):
            return False

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """One at a time; the lock falls with the process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(str(self._folder), os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _check(files: Mapping[str, str], blobs: Blobs) -> None:
    if MANIFEST not in files:
        raise BundleError(f"a bundle has a {MANIFEST}, but got {sorted(files)}")
    for place, sha256 in files.items():
        _check_place(place)
        if not blobs.has(sha256):
            raise BundleError(f"{place}: was not sent")


def _check_place(place: str) -> str:
    """Plain names, one to three levels deep."""
    parts = str(place).split("/")
    if not 1 <= len(parts) <= 3 or not all(_PART.fullmatch(part) for part in parts):  # noqa: PLR2004 - as the manifest
        raise BundleError(f"a file's place is a plain name inside the bundle, but got {place!r}")
    return str(place)


def _copy_all(files: Mapping[str, str], folder: Path, blobs: Blobs) -> None:
    for place, sha256 in sorted(files.items()):
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(blobs.path(sha256), target, sha256)
    for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        _sync(inner)


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Copy a file for good, and see on the way that it is the one that was meant."""
    digest = hashlib.sha256()
    with source.open("rb") as given, target.open("xb") as taken:
        for chunk in iter(lambda: given.read(_CHUNK), b""):
            digest.update(chunk)
            taken.write(chunk)
        taken.flush()
        os.fsync(taken.fileno())
    if digest.hexdigest() != sha256:
        raise BundleError(f"{target.name}: changed while it was copied; deploy again")


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(str(folder), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
