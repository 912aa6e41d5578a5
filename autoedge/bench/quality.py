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
from autoedge.bench.task_metrics import accuracy, agreement, check_scores, macro_f1, plain_f1
from autoedge.errors import DataError
from autoedge.measurement import Source, Value
from autoedge.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoedge.bench.task import Task
    from autoedge.candidate import Configuration
    from autoedge.store.store import Store

PROBE_SAMPLES = 64
TOLERANCE = 1e-4
_RESAMPLES = 1000
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
        task: Labels and reference.
    """

    def __init__(self, store: Store, folder: Path, task: Task) -> None:
        self._store = store
        self._folder = folder
        self._task = task
        self._metrics: dict[tuple[str, str, float], dict[str, Value]] = {}
        self._drops: dict[tuple[str, str, float], Value] = {}
        self._scores: dict[str, np.ndarray[Any, Any]] = {}

    def key(self, configuration: Configuration, variant_hash: str, version: str, fingerprint: str) -> str:
        """Names the outputs that a candidate shares: variant, runtime, graph level, device and data decide them."""
        deciding = {name: value for name, value in configuration.knobs.items() if name not in _NEUTRAL}
        output = self._task.scores.get(configuration.model, "")
        parts = [variant_hash, configuration.runtime, version, deciding, fingerprint, self._task.data_hash, output]
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
            reference_file: The reference's, for the agreement of unlabelled data.
            level: Of the intervals.

        Raises:
            DataError: The outputs do not fit the labels, or are not finite.
        """
        cached = self._metrics.get((file, reference_file or "", level))
        if cached is not None:
            return cached
        scores, labels = self.scores(file), self._task.labels
        metrics: dict[str, Value] = {}
        if labels is not None:
            check_scores(scores, labels)
            metrics["accuracy"] = _value(accuracy(scores, labels, level=level), "share, Wilson", len(scores))
            f1 = macro_f1(scores, labels, level=level, resamples=_RESAMPLES, seed=self._task.seed)
            metrics["f1_macro"] = _value(f1, "macro F1, bootstrap over samples", len(scores))
        elif reference_file is not None:
            reference = self.scores(reference_file)
            metrics["agreement"] = _value(agreement(scores, reference, level=level), "share, Wilson", len(scores))
        self._metrics[file, reference_file or "", level] = metrics
        return metrics

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
            reference_file: The reference's, for the agreement of unlabelled data.

        Returns:
            Derived values by metric key; nothing where scores are not finite, since they will fail.
        """
        wanted = self._task.labels
        if wanted is None and reference_file is not None:
            wanted = self.scores(reference_file).argmax(axis=1)
        if wanted is None or not len(scores) or not np.isfinite(scores).all():
            return {}
        seen, predicted = len(scores), scores.argmax(axis=1)
        right, left = int((predicted == wanted[:seen]).sum()), len(wanted) - seen
        ends = (right / seen, right / len(wanted), (right + left) / len(wanted))
        share = Value(*ends, Source.DERIVED, f"share, the first {seen} of {len(wanted)} samples", seen)
        if self._task.labels is None:
            return {"agreement": share}
        best = plain_f1(wanted, np.concatenate([predicted, wanted[seen:]]))
        so_far = best if not left else min(best, plain_f1(wanted[:seen], predicted))
        least = 0.0 if left else so_far
        f1 = Value(so_far, least, best, Source.DERIVED, share.estimator.replace("share", "macro F1"), seen)
        return {"accuracy": share, "f1_macro": f1}

    def accuracy_drop(self, file: str, reference_file: str, level: float) -> Value | None:
        """By how much the reference is right more often, compared sample by sample; None without labels."""
        labels = self._task.labels
        if labels is None:
            return None
        if (file, reference_file, level) not in self._drops:
            right = [self.scores(name).argmax(axis=1) == labels for name in (reference_file, file)]
            drop = difference_paired(right[0], right[1], level)
            self._drops[file, reference_file, level] = _value(drop, "paired difference, Tango", len(labels))
        return self._drops[file, reference_file, level]


def _value(triple: tuple[float, float, float], estimator: str, n: int) -> Value:
    return Value(*triple, Source.MEASURED, estimator, n)


def write_npz(path: Path, **arrays: np.ndarray[Any, Any]) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # its stubs take the keyword for a flag
    write_whole(path, buffer.getvalue())
