"""Build a bundle: a folder that runs the chosen candidate without AutoEdge, and can prove itself again later."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from autoedge.deploy.parts import place_of, sources
from autoedge.deploy.requirements import requirements
from autoedge.errors import BundleError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from autoedge.candidate import Candidate
    from autoedge.device import Device
    from autoedge.measurement import Protocol, Result
    from autoedge.models.info import Tensor

MANIFEST = "bundle.json"
_CHUNK = 2**20


@dataclass(frozen=True)
class BundleSpec:
    """All that goes into a bundle.

    Attributes:
        candidate: The chosen one.
        model_file: The variant that was measured.
        suffix: Of its kind of file: ``.onnx``.
        model_hash: SHA-256 of it, as recorded with its measurements.
        inputs: What the model takes.
        outputs: What it gives.
        scores: Name of the output that counts, of a classifier with one column a class; None where none is known.
        device: The target's, as probed.
        result: The candidate's figures.
        protocol: How they were measured; ``rate`` among its parameters where the intent states one.
        runtime_version: Of the runtime that executed it.
        verdict: JSON values: ``outcome`` (met, not met, undecided) and ``decisions``, a list of objects with
            ``constraint`` (text), ``outcome`` and, for readers, ``slack`` and ``note``.
        intent: The resolved intent as YAML.
        tools: Versions of what made the bundle and its model.
        data_hash: SHA-256 of the evaluation data, empty without data.
        task: Kind of task.
        counted: Of all but classifiers, names of the outputs that count.
        preprocessing: What is fed to the model, as ``autoedge.models.model_inputs`` records it; None where samples go
            to it as they are stored.
    """

    candidate: Candidate
    model_file: Path
    suffix: str
    model_hash: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    scores: str | None
    device: Device
    result: Result
    protocol: Protocol
    runtime_version: str
    verdict: Mapping[str, Any]
    intent: str
    tools: Mapping[str, str]
    data_hash: str
    task: str = "classification"
    counted: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        place_of(self.candidate.configuration.runtime)
        if self.result.candidate_id != self.candidate.candidate_id:
            raise ValueError(f"a bundle holds its candidate's figures, but got those of {self.result.candidate_id}")
        if self.scores is not None and self.scores not in {tensor.name for tensor in self.outputs}:
            raise ValueError(f"scores are one of the outputs, but got {self.scores!r}")
        if self.data_hash and self.scores is None:
            raise ValueError("a candidate measured on evaluation data has an output with scores, but got none")

    @property
    def model(self) -> str:
        """Name of the model file in the bundle."""
        return f"model{self.suffix}"


def build_bundle(spec: BundleSpec, folder: Path) -> None:
    """Write a bundle, whole or not at all; equal specs give equal bytes.

    Args:
        spec: What goes in.
        folder: Where; an earlier bundle there is replaced, anything else is left alone.

    Raises:
        BundleError: Something else lies at ``folder``, or the model file is no longer the one that was measured.
        StoreError: The folder cannot be written.
    """
    folder = folder.absolute()
    if not folder.name:
        raise BundleError(f"{folder}: a bundle is a folder of its own; name one")
    fresh, old = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _turn(folder.parent):
            if old.exists() and not folder.exists():  # a build was killed between its two renames
                old.rename(folder)
            _refuse_other(folder)
            shutil.rmtree(fresh, ignore_errors=True)
            try:
                _fill(fresh, spec)
                _swap(fresh, folder, old)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{folder}: the bundle cannot be written: {error.strerror or error}") from error


def remove_bundle(folder: Path) -> None:
    """Remove a bundle of an earlier choice; anything else is left alone.

    Raises:
        StoreError: The folder cannot be written.
    """
    if folder.is_symlink() or not (folder / MANIFEST).is_file():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(f"{folder}: the earlier bundle cannot be removed: {error.strerror or error}") from error


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    """Put a finished folder in place; an earlier one stays until it is there."""
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One builder at a time in a folder; the lock falls with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refuse_other(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not (folder / MANIFEST).is_file()):
        raise BundleError(f"{folder}: lies there already and is no bundle; move it away or name another folder")


def _fill(folder: Path, spec: BundleSpec) -> None:
    from autoedge.deploy.readme import readme

    folder.mkdir()
    found = _copy(spec.model_file, folder / spec.model)
    if found != spec.model_hash:
        raise BundleError(f"{spec.model_file}: has changed since it was measured; measure the candidate again")
    configuration = spec.candidate.configuration
    steps = (spec.preprocessing or {}).get("steps", {}).values()
    images = any(form["kind"] == "image" for form in steps)
    needed = requirements(configuration, spec.runtime_version, images=images)
    texts = {**sources(configuration.runtime), "requirements.txt": needed.encode(), "README.md": readme(spec).encode()}
    for place, data in texts.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        _write(folder / place, data)
    hashes = {spec.model: found} | {place: hashlib.sha256(data).hexdigest() for place, data in texts.items()}
    text = json.dumps(_manifest(spec, hashes), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    _write(folder / MANIFEST, text.encode() + b"\n")
    for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        inner.chmod(0o755)
        _sync(inner)


def _manifest(spec: BundleSpec, hashes: Mapping[str, str]) -> dict[str, Any]:
    from autoedge.deploy.intent_text import without_folders
    from autoedge.deploy.manifest import SCHEMA_VERSION, Manifest

    configuration, result, protocol = spec.candidate.configuration, spec.result, spec.protocol
    facts = asdict(spec.device)
    # Whose, where things lie there (the fingerprint holds both), and what else would run there.
    del facts["machine"], facts["wrap"], facts["offers"]
    values = {
        "schema_version": SCHEMA_VERSION,
        "candidate_id": spec.candidate.candidate_id,
        "configuration": configuration.canonical,
        "model": spec.model,
        "runtime": {"name": configuration.runtime, "version": spec.runtime_version},
        "inputs": [_tensor(tensor) for tensor in spec.inputs],
        "outputs": [_tensor(tensor) for tensor in spec.outputs],
        "scores": spec.scores,
        "task": None if spec.task == "classification" else {"type": spec.task, "outputs": list(spec.counted)},
        "preprocessing": spec.preprocessing,
        "target": {"name": spec.candidate.target, "fingerprint": spec.device.fingerprint, "device": facts},
        "result": {
            "phase": result.phase.value,
            "processes": result.n_processes,
            "flags": sorted(result.flags),
            "metrics": {key: {**asdict(value), "source": value.source.value} for key, value in result.metrics.items()},
        },
        "protocol": {"name": protocol.name, "version": protocol.version, "parameters": dict(protocol.parameters)},
        "verdict": dict(spec.verdict),
        "intent": without_folders(spec.intent),
        "tools": dict(spec.tools),
        "data_hash": spec.data_hash,
        "files": dict(hashes),
    }
    return Manifest.model_validate(values).plain()


def _tensor(tensor: Tensor) -> dict[str, Any]:
    plain = {"name": tensor.name, "dtype": tensor.dtype, "shape": list(tensor.shape)}
    return {**plain, "scale": float(tensor.scale), "zero_point": int(tensor.zero_point)}


def _copy(source: Path, destination: Path) -> str:
    """Copy a file and return the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    with source.open("rb") as given, destination.open("xb") as taken:
        for chunk in iter(lambda: given.read(_CHUNK), b""):
            digest.update(chunk)
            taken.write(chunk)
        _settle(taken.fileno(), taken)
    return digest.hexdigest()


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        _settle(file.fileno(), file)


def _settle(descriptor: int, file: Any) -> None:
    file.flush()
    os.fchmod(descriptor, 0o644)
    os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
