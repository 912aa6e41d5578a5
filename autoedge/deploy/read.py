"""Read a bundle that may come from anywhere: nothing in it is believed, executed or installed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoedge.candidate import Candidate, Configuration
from autoedge.deploy.bundle import MANIFEST
from autoedge.deploy.plain_file import open_plain
from autoedge.errors import BundleError, DataError
from autoedge.intent.problem import shown
from autoedge.measurement import Phase, Protocol, Result, Source, Value
from autoedge.metric import by_key
from autoedge.models.info import Tensor
from autoedge.preprocessing.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from autoedge.deploy.manifest import Manifest, TensorForm

MOST_BYTES = 4 * 2**20
"""Of ``bundle.json``."""
AGAIN = "copy the whole bundle again, or build it anew"

_LARGEST_BATCH = 65_536
_NEEDED = ("run.py", "requirements.txt", "README.md")
CACHE = "__pycache__"
"""Python leaves these where it runs a bundle's own code; AutoEdge never does."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are all there, unaltered and alone.

    Attributes:
        folder: Where it lies.
        candidate: What it deploys.
        model_name: Of the model file.
        runtime_version: Of the runtime that its figures were measured with.
        inputs: What the model takes.
        outputs: What it gives.
        scores: Name of the output that counts, of a classifier with one column a class.
        fingerprint: Of the device that its figures were measured on.
        device: What is known of that device, as JSON values.
        result: Its figures.
        protocol: How they were measured.
        verdict: ``outcome`` and ``decisions``, as JSON values.
        intent: YAML, for people: its paths are file names alone.
        tools: Versions of what made it.
        data_hash: SHA-256 of the evaluation data, empty without data.
        files: SHA-256 of every file but ``bundle.json``.
        sha256: Of ``bundle.json``, which holds all other hashes: it names this bundle wherever it lies.
        task: Kind of task.
        counted: Of all but classifiers, names of the outputs that count.
        preprocessing: What is fed to the model, see ``autoedge.models.model_inputs``; None for samples as they are.
    """

    folder: Path
    candidate: Candidate
    model_name: str
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
    sha256: str
    task: str = "classification"
    counted: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] | None = None

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / self.model_name

    @property
    def model_hash(self) -> str:
        """SHA-256 of the model file."""
        return self.files[self.model_name]


def read_bundle(folder: Path) -> Bundle:
    """A bundle, once every file is what ``bundle.json`` says it is.

    Raises:
        BundleError: A file is missing, altered, unexpected or no plain file inside the folder, or ``bundle.json`` is
            not of this version's form; says which, and what to do.
    """
    bundle = parse_bundle(folder, _manifest_bytes(folder))
    _check_files(folder, bundle.files)
    return bundle


def parse_bundle(folder: Path, data: bytes) -> Bundle:
    """A bundle by its record alone; nobody has looked at its other files.

    Args:
        folder: Where it lies, or will.
        data: All bytes of its ``bundle.json``.

    Raises:
        BundleError: They are not of this version's form, or contradict themselves.
    """
    from autoedge.deploy.manifest import Manifest
    from autoedge.deploy.parsing import parsed

    manifest = parsed(Manifest, data, folder / MANIFEST, AGAIN)
    try:
        return _bundle(folder, manifest, hashlib.sha256(data).hexdigest())
    except (ValueError, KeyError) as error:
        raise BundleError(f"{folder / MANIFEST}: contradicts itself: {shown(str(error))}; {AGAIN}") from error


def _manifest_bytes(folder: Path) -> bytes:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"{folder}: a bundle is a folder, but there is none; name the folder that holds {MANIFEST}")
    if not os.path.lexists(path):
        raise BundleError(f"{folder}: holds no {MANIFEST}, so it is no bundle; name the folder of one")
    with open_plain(path, AGAIN, links=False) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BundleError(f"{path}: has at most {MOST_BYTES} bytes, but this has more; {AGAIN}")
    return data


def _bundle(folder: Path, manifest: Manifest, sha256: str) -> Bundle:
    candidate = Candidate(Configuration.from_canonical(manifest.configuration.model_dump()), manifest.target.name)
    if manifest.candidate_id != candidate.candidate_id:
        raise ValueError(f"candidate_id is {candidate.candidate_id} by its configuration")
    if manifest.runtime.name != manifest.configuration.runtime:
        raise ValueError("runtime and configuration.runtime are one")
    if manifest.scores is None and manifest.data_hash:
        raise ValueError("evaluation data need scores")
    if manifest.scores is not None and manifest.scores not in {tensor.name for tensor in manifest.outputs}:
        raise ValueError("scores are one of the outputs")
    counted = manifest.task.outputs if manifest.task else []
    if not set(counted) <= {tensor.name for tensor in manifest.outputs}:
        raise ValueError("task.outputs are some of the outputs")
    if not 1 <= candidate.configuration.batch <= _LARGEST_BATCH:
        raise ValueError(f"batch lies in 1 to {_LARGEST_BATCH}")
    missing = [place for place in (manifest.model, *_NEEDED) if place not in manifest.files]
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
        model_name=manifest.model,
        runtime_version=manifest.runtime.version,
        inputs=tuple(_tensor(each) for each in manifest.inputs),
        outputs=tuple(_tensor(each) for each in manifest.outputs),
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
        sha256=sha256,
        task=manifest.task.type if manifest.task else "classification",
        counted=tuple(counted),
        preprocessing=_preprocessing(manifest),
    )


def _preprocessing(manifest: Manifest) -> dict[str, Any] | None:
    """What is fed to the model, once it is known to be steps for its inputs."""
    given = manifest.preprocessing
    if given is None:
        return None
    names = {tensor.name for tensor in manifest.inputs}
    sources = {str(form["of"]) for form in given.steps.values() if form.get("of") is not None}
    if not {*given.steps, *given.shapes, *sources} <= names:
        raise ValueError("preprocessing speaks of the model's inputs")
    if not set(given.knobs) <= manifest.configuration.knobs.keys():
        raise ValueError("preprocessing.knobs are some of the configuration's")
    try:
        Inputs(given.steps)
    except DataError as error:
        raise ValueError(f"preprocessing.steps: {error}") from error
    return given.model_dump()


def _tensor(form: TensorForm) -> Tensor:
    return Tensor(form.name, form.dtype, tuple(form.shape), form.scale, form.zero_point)


def caches(bundle: Bundle) -> list[str]:
    """Places in a bundle's folder where Python left compiled files, which nobody has looked at."""
    folders = {"", *(place.rpartition("/")[0] for place in bundle.files)}
    found = (f"{folder}/{CACHE}".removeprefix("/") for folder in sorted(folders))
    return [place for place in found if (bundle.folder / place).is_dir()]


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    found = set(_walk(folder, "", hashes))
    for place, expected in sorted(hashes.items()):
        if place not in found:
            raise BundleError(f"{folder / place}: is missing; {AGAIN}")
        if _sha256(folder / place) != expected:
            raise BundleError(f"{folder / place}: is not the file that was bundled: its hash differs; {AGAIN}")


def _walk(folder: Path, prefix: str, known: Collection[str]) -> Iterator[str]:
    """Files in the folder as ``bundle.json`` writes them; stops at the first that has no business there."""
    with os.scandir(folder / prefix) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            place = f"{prefix}{entry.name}"
            is_file, is_folder = (check(follow_symlinks=False) for check in (entry.is_file, entry.is_dir))
            if is_folder and entry.name == CACHE:
                continue
            if is_folder and any(each.startswith(f"{place}/") for each in known):
                yield from _walk(folder, f"{place}/", known)
            elif not is_file and not is_folder:
                raise BundleError(f"{folder}: '{shown(place)}' is a link or no plain file; {AGAIN}")
            elif is_folder or place not in {MANIFEST, *known}:
                raise BundleError(f"{folder}: '{shown(place)}' is not part of the bundle; move it away")
            else:
                yield place


def _sha256(path: Path) -> str:
    try:
        with open_plain(path, AGAIN, links=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}; {AGAIN}") from error
