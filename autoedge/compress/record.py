"""``compressed.json`` beside the candidates: how each was made, so that none is made twice."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

from autoedge.errors import IntentError, StoreError
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.compress.spec import Recipe, Spec

FILE = "compressed.json"
PACKAGES = ("torch", "torch-pruning", "onnxscript")
_SCHEMA = 1
# Raised whenever the same spec would give other candidates, so that yesterday's are not taken for today's.
_RECIPE_VERSION = 1


def missing() -> list[str]:
    """Packages of the extra ``train`` that are not installed."""
    return [name for name, version in _versions().items() if version is None]


def made_of(spec: Spec, recipe: Recipe) -> dict[str, Any]:
    """Everything that a candidate depends on, but for the model's code.

    Raises:
        IntentError: A file that the spec names cannot be read.
    """
    return {
        "recipe": {key: value for key, value in vars(recipe).items() if key != "name"},
        "model": spec.model,
        "weights": None if spec.weights is None else sha256(spec.weights),
        "train": sha256(spec.train),
        "holdout": None if spec.holdout is None else sha256(spec.holdout),
        "inputs": {name: [list(size) for size in shape] for name, shape in spec.inputs.items()},
        "task": spec.task,
        "seed": spec.seed,
        "threads": spec.threads,
        "tools": {**_versions(), "recipe": _RECIPE_VERSION},
    }


class Record:
    """The candidates of a folder that were made there, by name.

    Args:
        folder: Where they lie.

    Raises:
        StoreError: The folder holds a record that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE
        self._entries: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            self._entries = _read(self._path)

    def current(self, name: str, depends: Mapping[str, Any], folder: Path) -> dict[str, Any] | None:
        """The entry of a candidate that need not be made again; None when it must be.

        Args:
            name: Of the candidate.
            depends: As ``made_of`` gives it.
            folder: Where the model's code lies.
        """
        entry = self._entries.get(name)
        if entry is None or entry.get("made_of") != depends or not self._intact(name):
            return None
        code = entry.get("code")
        if not isinstance(code, dict) or not code:
            return None
        for file, digest in code.items():
            path = folder / str(file)
            if not path.is_file() or sha256(path) != digest:
                return None
        return {key: value for key, value in entry.items() if key != "made_of"}

    def refuse_strangers(self, names: Sequence[str]) -> None:
        """Files that would be replaced were made here.

        Raises:
            IntentError: One was not, or was changed since.
        """
        strangers = [f"{name}.onnx" for name in names if self._file(name).exists() and not self._intact(name)]
        if strangers:
            raise IntentError(
                f"--out: {self._folder} holds files that this command did not make, or that were changed since: "
                f"{', '.join(strangers)}; move them away, or name another folder"
            )

    def add(self, name: str, entry: Mapping[str, Any]) -> None:
        """Keep how a candidate was made.

        Raises:
            StoreError: It cannot be written.
        """
        self._entries[name] = dict(entry)
        text = json.dumps({"schema_version": _SCHEMA, "candidates": self._entries}, indent=1) + "\n"
        try:
            write_whole(self._path, text)
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be written: {error.strerror or error}") from error

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.onnx"

    def _intact(self, name: str) -> bool:
        entry = self._entries.get(name)
        path = self._file(name)
        return entry is not None and path.is_file() and sha256(path) == entry.get("sha256")


def sha256(path: Path) -> str:
    """Of a file's bytes.

    Raises:
        IntentError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IntentError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: this record cannot be read ({error}); move it away") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    entries = document.get("candidates") if version == _SCHEMA else None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise StoreError(f"{path}: this is no record of version {_SCHEMA} of made candidates; move it away")
    return entries


def _versions() -> dict[str, str | None]:
    found = {name: next(iter(metadata.distributions(name=name)), None) for name in PACKAGES}
    return {name: None if one is None else one.version for name, one in found.items()}
