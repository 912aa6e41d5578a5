"""The task that all candidates of an intent solve: data, labels, and the outputs that count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.preprocessing.npz import Npz

_CHUNK = 2**20


@dataclass(frozen=True)
class Task:
    """What the bench must know of an intent.

    Attributes:
        data: Evaluation data, None when there are none.
        data_hash: SHA-256 of that file, empty without.
        labels: One class number a sample, None without labels.
        scores: By model, the output that holds one column a class; empty without data.
        rate: Items per second in use.
        battery_wh: Usable energy of the battery in Wh.
        idle_power: By target, watts at idle that the user states.
        reference: Name of the reference model.
        seed: For everything random.
        samples: In the evaluation data.
        reference_key: Changes with the reference's model, its outputs and the data.
    """

    data: Path | None
    data_hash: str
    labels: np.ndarray[Any, np.dtype[np.int64]] | None
    scores: Mapping[str, str]
    rate: float | None
    battery_wh: float | None
    idle_power: Mapping[str, float | None]
    reference: str
    seed: int
    samples: int = 0
    reference_key: str = ""


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex digits.

    Raises:
        DataError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                digest.update(chunk)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def read_labels(data: Npz) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """The labels ``y`` of evaluation data, None where there are none.

    Raises:
        DataError: They are not one class number a sample.
    """
    if "y" not in data.arrays:
        return None
    labels = data.whole("y")
    if labels.ndim > 1 and labels.size == len(labels):
        labels = labels.reshape(-1)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{data.path}: 'y' must hold one class number a sample, but has shape {labels.shape} of {labels.dtype}"
        )
    others = [header.shape[0] for name, header in data.arrays.items() if name != "y"]
    if others and len(labels) not in others:
        raise DataError(f"{data.path}: one label a sample is needed, but 'y' has {len(labels)} for {others[0]} samples")
    if len(labels) == 0:
        raise DataError(f"{data.path}: holds no samples")
    if labels.min() < 0:
        raise DataError(f"{data.path}: labels are class numbers from 0 up, but 'y' holds {labels.min()}")
    return labels.astype(np.int64)
