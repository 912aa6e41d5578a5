"""Accuracy and its kin: outputs are kept once for all candidates that share what decides them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.combine import difference_paired
from autoedge.errors import DataError
from autoedge.measurement import Source, Value
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.bench.task import Task
    from autoedge.bench.tasks.base import Evaluator
    from autoedge.candidate import Configuration
    from autoedge.store.store import Store

PROBE_SAMPLES = 64
TOLERANCE = 1e-4
# What reading a damaged npz file may raise; a wrong shape in it asks for any amount of memory.
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
# Knobs that should not change outputs; a probe batch checks that they do not.
_NEUTRAL = frozenset({"batch", "threads", "execution", "spinning", "arena"})


class QualityBook:
    """Outputs on the evaluation set and what they come to.

    Args:
        store: Knows which file holds which outputs.
        folder: The run folder; files lie in ``raw/`` below it.
        task: What outputs are judged by, and the reference.
    """

    def __init__(self, store: Store, folder: Path, task: Task) -> None:
        self._store = store
        self._folder = folder
        self._task = task
        self._metrics: dict[tuple[str, str, float], dict[str, Value]] = {}
        self._drops: dict[tuple[str, str, str, float], Value] = {}
        self._scores: dict[str, np.ndarray[Any, Any]] = {}

    def key(self, configuration: Configuration, variant_hash: str, version: str, fingerprint: str) -> str:
        """Names the outputs that a candidate shares: variant, runtime, knobs, device, data and steps do."""
        deciding = {name: value for name, value in configuration.knobs.items() if name not in _NEUTRAL}
        output = self._task.output_of(configuration.model) or ""
        parts = [variant_hash, configuration.runtime, version, deciding, fingerprint, self._task.data_hash, output]
        steps = self._task.steps_of(configuration)
        parts += [steps] if steps else []
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def expected(self, key: str) -> np.ndarray[Any, Any] | None:
        """Scores of the first samples under a key, for the probe; None when they are not known yet."""
        file = self._store.scores_file(key)
        if file is None:
            return None
        try:
            return self.scores(file)[:PROBE_SAMPLES]
        except DataError:
            return None  # the file is gone or damaged: measured again

    def keep(self, key: str, scores: np.ndarray[Any, Any], *, whole: bool, job: str) -> str:
        """Store a measurement's outputs.

        Args:
            key: As from :meth:`key`.
            scores: Of all samples, or of the probe.
            whole: Whether all samples are there; a probe that agreed shares the stored file.
            job: Names the file, so that no name ever stands for other outputs than before.

        Returns:
            The file that holds this candidate's outputs, relative to the run folder.
        """
        known = self._store.scores_file(key)
        if not whole:
            if known is None:
                raise DataError("a probe agreed with outputs that are no longer stored")
            return known
        usable = known is not None and (self._folder / known).is_file() and self.expected(key) is not None
        name = f"raw/scores-{job}.npz"
        write_npz(self._folder / name, scores=scores)
        if not usable:
            self._store.set_scores_file(key, name)
        return name

    def scores(self, file: str) -> np.ndarray[Any, Any]:
        """Outputs of a file.

        Raises:
            DataError: It is gone or damaged.
        """
        if file not in self._scores:
            try:
                with (self._folder / file).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                    self._scores[file] = archive["scores"]
            except _DAMAGE as error:
                raise DataError(f"{self._folder / file}: stored outputs cannot be read: {error}") from error
        return self._scores[file]

    def metrics(self, file: str, reference_file: str | None, level: float = 0.95) -> Mapping[str, Value]:
        """Quality metrics of stored outputs, by metric key.

        Args:
            file: From :meth:`keep`.
            reference_file: The reference's, for what is told against it.
            level: Of the intervals.

        Raises:
            DataError: The outputs do not fit the task, or are not finite.
        """
        cached = self._metrics.get((file, reference_file or "", level))
        if cached is not None:
            return cached
        reference = self._reference(reference_file)
        metrics = self.evaluator.metrics(self.scores(file), reference, level)
        self._metrics[file, reference_file or "", level] = metrics
        return metrics

    @property
    def evaluator(self) -> Evaluator:
        """What outputs are judged by."""
        return self._task.evaluator

    def _reference(self, file: str | None) -> np.ndarray[Any, Any] | None:
        """The reference's outputs where they are needed: where they are not, they may as well be gone."""
        return self.scores(file) if file is not None and self.evaluator.needs_reference else None

    @property
    def samples(self) -> int:
        """How many samples an evaluation has."""
        return self._task.samples

    def outlook(self, scores: np.ndarray[Any, Any], reference_file: str | None) -> dict[str, Value]:
        """Quality metrics from the scores of the first samples: as they stand, and between which ends they will come.

        The ends are certain, in whatever order the samples lie: nothing better can come than that all others are right,
        nothing worse than that none is.

        Args:
            scores: Of the first samples.
            reference_file: The reference's, for what is told against it.

        Returns:
            Derived values by metric key; nothing where scores are not finite, since they will fail, and for tasks
            without certain ends.
        """
        if not len(scores) or not np.isfinite(scores).all():
            return {}
        reference = self._reference(reference_file)
        return self.evaluator.outlook(scores, reference)

    def drop(self, key: str, file: str, reference_file: str, level: float) -> Value | None:
        """By how much the reference is right more often, compared sample by sample; None where no metric says so.

        Args:
            key: Of a metric that is a share of samples.
            file: From :meth:`keep`.
            reference_file: The reference's.
            level: Of the interval.
        """
        if (key, file, reference_file, level) not in self._drops:
            one, other = (self.evaluator.hits(key, self.scores(name)) for name in (reference_file, file))
            if one is None or other is None:
                return None
            found = difference_paired(one, other, level)
            value = Value(*found, Source.MEASURED, "paired difference, Tango", len(one))
            self._drops[key, file, reference_file, level] = value
        return self._drops[key, file, reference_file, level]

    def accuracy_drop(self, file: str, reference_file: str, level: float) -> Value | None:
        """The drop of the accuracy; None without labels."""
        return self.drop("accuracy", file, reference_file, level)


def write_npz(path: Path, **arrays: np.ndarray[Any, Any]) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # its stubs take the keyword for a flag
    write_whole(path, buffer.getvalue())
