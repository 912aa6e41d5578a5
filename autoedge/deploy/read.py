"""Read a bundle that may come from anywhere: nothing in it is believed, executed or installed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import MANIFEST, MODEL
from autoedge.errors import BundleError
from autoedge.intent.problem import shown, where
from autoedge.measurement import Phase, Protocol, Result, Source, Value
from autoedge.metric import by_key
from autoedge.models.info import Tensor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from autoedge.deploy.manifest import Manifest

_MOST_BYTES = 4 * 2**20
_REPORTED = 5
_LARGEST_BATCH = 65_536
_NEEDED = (MODEL, "run.py", "requirements.txt", "README.md")
_AGAIN = "copy the whole bundle again, or build it anew"
# Python leaves these where it runs a bundle's own code; AutoEdge never does.
_CACHE = "__pycache__"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are all there, unaltered and alone.

    Attributes:
        folder: Where it lies.
        candidate: What it deploys.
        runtime_version: Of the runtime that its figures were measured with.
        inputs: What the model takes.
        outputs: What it gives.
        scores: Name of the output with one column a class.
        fingerprint: Of the device that its figures were measured on.
        device: What is known of that device, as JSON values.
        result: Its figures.
        protocol: How they were measured.
        verdict: ``outcome`` and ``decisions``, as JSON values.
        intent: YAML, for people: its paths are file names alone.
        tools: Versions of what made it.
        data_hash: SHA-256 of the evaluation data, empty without data.
        files: SHA-256 of every file but ``bundle.json``.
    """

    folder: Path
    candidate: Candidate
    runtime_version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    scores: str | None
    fingerprint: str
    device: Mapping[str, Any]
    result: Result
    protocol: Protocol
    verdict: Mapping[str, Any]
    intent: str
    tools: Mapping[str, str]
    data_hash: str
    files: Mapping[str, str]

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / MODEL

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model file."""
        return self.files[MODEL]


def read_bundle(folder: Path) -> Bundle:
    """A bundle, once every file is what ``bundle.json`` says it is.

    Raises:
        BundleError: A file is missing, altered, unexpected or no plain file inside the folder, or ``bundle.json`` is
            not of this version's form; says which, and what to do.
    """
    manifest = _parsed(folder, _manifest_bytes(folder))
    try:
        bundle = _bundle(folder, manifest)
    except (ValueError, KeyError) as error:
        raise BundleError(f"{folder / MANIFEST}: contradicts itself: {shown(str(error))}; {_AGAIN}") from error
    _check_files(folder, bundle.files)
    return bundle


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"{folder}: a bundle is a folder, but there is none; name the folder that holds {MANIFEST}")
    try:
        # Neither follow a link nor wait for the other end of a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(f"{path}: is no plain file; {_AGAIN}")
            if status.st_size > _MOST_BYTES:
                raise BundleError(f"{path}: has at most {_MOST_BYTES} bytes, but this has {status.st_size}; {_AGAIN}")
            return file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise BundleError(f"{folder}: holds no {MANIFEST}, so it is no bundle; name the folder of one") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}; {_AGAIN}") from error


def _parsed(folder: Path, data: bytes) -> Manifest:
    from pydantic import ValidationError

    from autoedge.deploy.manifest import SCHEMA_VERSION, Manifest

    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    version = next((each["input"] for each in problems if each["loc"] == ("schema_version",)), SCHEMA_VERSION)
    if type(version) is int and version > SCHEMA_VERSION:
        raise BundleError(f"{path}: is of version {version}, but this AutoEdge reads {SCHEMA_VERSION}; update AutoEdge")
    lines = [f"{path}: {where(each['loc']) or 'the file'}: {shown(each['msg'])}" for each in problems[:_REPORTED]]
    raise BundleError("\n".join([*lines, f"this is no {MANIFEST} that AutoEdge wrote; {_AGAIN}"]))


def _bundle(folder: Path, manifest: Manifest) -> Bundle:
    candidate = Candidate(Configuration.from_canonical(manifest.configuration.model_dump()), manifest.target.name)
    if manifest.candidate_id != candidate.candidate_id:
        raise ValueError(f"candidate_id is {candidate.candidate_id} by its configuration")
    if manifest.runtime.name != manifest.configuration.runtime:
        raise ValueError("runtime and configuration.runtime are one")
    if manifest.scores is None and manifest.data_hash:
        raise ValueError("evaluation data need scores")
    if manifest.scores is not None and manifest.scores not in {tensor.name for tensor in manifest.outputs}:
        raise ValueError("scores are one of the outputs")
    if not 1 <= candidate.configuration.batch <= _LARGEST_BATCH:
        raise ValueError(f"batch lies in 1 to {_LARGEST_BATCH}")
    missing = [place for place in _NEEDED if place not in manifest.files]
    if missing:
        raise ValueError(f"files lists no {missing[0]}")
    given, protocol = manifest.result, manifest.protocol
    values = {
        by_key(key).key: Value(**{**form.model_dump(), "source": Source(form.source)})
        for key, form in given.metrics.items()
    }
    return Bundle(
        folder=folder,
        candidate=candidate,
        runtime_version=manifest.runtime.version,
        inputs=tuple(Tensor(each.name, each.dtype, tuple(each.shape)) for each in manifest.inputs),
        outputs=tuple(Tensor(each.name, each.dtype, tuple(each.shape)) for each in manifest.outputs),
        scores=manifest.scores,
        fingerprint=manifest.target.fingerprint,
        device=manifest.target.device.model_dump(),
        result=Result(candidate.candidate_id, Phase(given.phase), given.processes, values, tuple(given.flags)),
        protocol=Protocol(protocol.name, protocol.version, protocol.parameters),
        verdict=manifest.verdict.model_dump(),
        intent=manifest.intent,
        tools=manifest.tools,
        data_hash=manifest.data_hash,
        files=manifest.files,
    )


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    found = set(_walk(folder, "", hashes))
    for place, expected in sorted(hashes.items()):
        if place not in found:
            raise BundleError(f"{folder / place}: is missing; {_AGAIN}")
        if _sha256(folder / place) != expected:
            raise BundleError(f"{folder / place}: is not the file that was bundled: its hash differs; {_AGAIN}")


def _walk(folder: Path, prefix: str, known: Collection[str]) -> Iterator[str]:
    """Files in the folder as ``bundle.json`` writes them; stops at the first that has no business there."""
    with os.scandir(folder / prefix) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            place = f"{prefix}{entry.name}"
            is_file, is_folder = (check(follow_symlinks=False) for check in (entry.is_file, entry.is_dir))
            if is_folder and entry.name == _CACHE:
                continue
            if is_folder and any(each.startswith(f"{place}/") for each in known):
                yield from _walk(folder, f"{place}/", known)
            elif not is_file and not is_folder:
                raise BundleError(f"{folder}: '{shown(place)}' is a link or no plain file; {_AGAIN}")
            elif is_folder or place not in {MANIFEST, *known}:
                raise BundleError(f"{folder}: '{shown(place)}' is not part of the bundle; move it away")
            else:
                yield place


def _sha256(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}; {_AGAIN}") from error
