"""The task that all candidates of an intent solve: data, labels, and the outputs that count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autoedge.bench.tasks.base import Evaluator
    from autoedge.candidate import Configuration
    from autoedge.models.model_inputs import ModelInputs
    from autoedge.preprocessing.data import Data

_CHUNK = 2**20


@dataclass(frozen=True)
class Task:
    """What the bench must know of an intent.

    Attributes:
        data: Evaluation data, None when there are none.
        data_hash: SHA-256 of that file, empty without.
        labels: One class number a sample, None without labels; of tasks that have such.
        scores: By model, the output that counts: of a classifier that with one column a class; empty without data.
        rate: Items per second in use.
        battery_wh: Usable energy of the battery in Wh.
        idle_power: By target, watts at idle that the user states.
        reference: Name of the reference model.
        seed: For everything random.
        samples: In the evaluation data.
        reference_key: Changes with the reference's model, its outputs and the data.
        judged_by: What outputs are judged by; None for a classifier's usual metrics on ``labels``.
        together: By model, outputs that only count together, in the order in which a row holds them.
        identity: Names what, beside the data, decides the quality figures; empty for a classifier.
        inputs_of: Tells what is fed to a configuration's model; None where samples go to it as they are stored.
        unsearched: Tells what a configuration's runtime is told beside, or instead of, its knobs.
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
    judged_by: Evaluator | None = None
    together: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    identity: str = ""
    inputs_of: Callable[[Configuration], ModelInputs] | None = None
    unsearched: Callable[[Configuration], Mapping[str, Any]] | None = None

    @cached_property
    def evaluator(self) -> Evaluator:
        """What outputs are judged by."""
        from autoedge.bench.tasks.classification import Classification

        return self.judged_by or Classification(self.labels, self.seed)

    def steps_of(self, configuration: Configuration) -> dict[str, Any]:
        """By input, the JSON form of what is done to its samples; empty where nothing is."""
        return {} if self.inputs_of is None else self.inputs_of(configuration).forms(configuration.knobs)

    def output_of(self, model: str) -> str | list[str] | None:
        """The output that counts, or those that only count together; None without data."""
        several = self.together.get(model)
        return list(several) if several else self.scores.get(model)

    def counted(self, model: str) -> tuple[str, ...]:
        """Names of the outputs that count, in the order in which a row holds them; none without data."""
        names = self.output_of(model) or ()
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def labelled(self) -> bool:
        """Whether quality is told without a reference."""
        return self.evaluator.labelled


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


def read_labels(data: Data) -> np.ndarray[Any, np.dtype[np.int64]] | None:
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
