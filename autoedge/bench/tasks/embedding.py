"""Embedding: do neighbours belong together, and does a variant still point where the reference points?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.intervals import wilson
from autoedge.bench.tasks.base import Evaluator, measured
from autoedge.bench.tasks.resampling import bootstrap
from autoedge.errors import DataError

if TYPE_CHECKING:
    from autoedge.bench.tasks.base import Outputs
    from autoedge.measurement import Value

    Labels = np.ndarray[Any, np.dtype[np.int64]]

_DEPTHS = {"recall_at_1": 1, "recall_at_5": 5, "recall_at_10": 10}
_NUMBERS_AT_ONCE = 4_000_000
_TWO_AXES = 2


class Embedding(Evaluator):
    """Retrieval recall within the evaluation set, and agreement with the reference's embeddings.

    Every sample is a query against all others (leave-one-out); a query is right at k when one of the k nearest by
    cosine has its label. Queries whose label nothing else has cannot be right and do not count. An embedding of length
    zero is as far from all others as a right angle. Wilson's interval takes queries as independent, though they share
    the items that they are held against.

    Args:
        labels: Class or identity of each sample; None leaves the agreement alone.
        seed: Of the bootstrap.
    """

    needs_reference = True
    against_reference = True

    def __init__(self, labels: Labels | None, seed: int) -> None:
        self._labels = labels
        self._seed = seed
        self.labelled = labels is not None
        self._queries = None if labels is None else np.flatnonzero(_shared(labels))

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:
        """``recall_at_1``, ``_5`` and ``_10`` with labels, ``cosine_similarity`` with the reference's outputs."""
        directions = _directions(outputs)
        found: dict[str, Value] = {}
        if self._queries is not None:
            firsts = self._firsts(directions)
            for key, depth in _DEPTHS.items():
                right, count = int((firsts < depth).sum()), len(firsts)
                triple = (right / count, *wilson(right, count, level))
                found[key] = measured(triple, "share of queries, Wilson", count)
        if reference is not None:
            if reference.shape != outputs.shape:
                raise DataError(
                    "embeddings and the reference's have one shape, "
                    f"but got {outputs.shape} and {reference.shape}; name the right output with outputs: "
                    "{embedding: NAME}"
                )
            cosine = (directions * _directions(reference)).sum(axis=1, dtype=np.float64, keepdims=True)
            triple = bootstrap(cosine, lambda sums: sums[..., 0] / len(cosine), level, self._seed)
            found["cosine_similarity"] = measured(triple, "mean over samples, bootstrap", len(cosine))
        return found

    def hits(self, key: str, outputs: Outputs) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Queries that are right at the depth of a metric."""
        if key not in _DEPTHS or self._queries is None:
            return None
        return self._firsts(_directions(outputs)) < _DEPTHS[key]

    def _firsts(self, directions: Outputs) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many items are nearer to each query than the first of its own label; equally near ones count."""
        labels, queries = self._labels, self._queries
        if labels is None or queries is None or len(labels) != len(directions):
            count = 0 if labels is None else len(labels)
            raise DataError(f"each sample has an embedding and a label, but got {len(directions)} and {count}")
        if not queries.size:
            raise DataError("recall needs samples that share a label, but every label in 'y' stands once")
        firsts = np.empty(queries.size, np.int64)
        step = max(1, _NUMBERS_AT_ONCE // len(directions))
        for start in range(0, queries.size, step):
            rows = queries[start : start + step]
            cosine = directions[rows] @ directions.T
            cosine[np.arange(len(rows)), rows] = -np.inf
            same = labels[rows][:, None] == labels[None, :]
            same[np.arange(len(rows)), rows] = False
            best = np.where(same, cosine, -np.inf).max(axis=1, keepdims=True)
            firsts[start : start + len(rows)] = ((cosine >= best) & ~same & (cosine > -np.inf)).sum(axis=1)
        return firsts


def _shared(labels: Labels) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which samples have a label that others have too."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shared: np.ndarray[Any, np.dtype[np.bool_]] = counts[inverse] > 1
    return shared


def _directions(outputs: Outputs) -> Outputs:
    """Rows of length one, float32; a row of zeros stays."""
    if outputs.ndim != _TWO_AXES or not outputs.size:
        raise DataError(f"embeddings are samples x numbers, but got shape {outputs.shape}")
    if not np.isfinite(outputs).all():
        raise DataError("embeddings are finite, but the model or its variant gave NaN or infinite numbers")
    wide = outputs.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    directions: Outputs = np.divide(wide, length, out=np.zeros_like(wide), where=length > 0).astype(np.float32)
    return directions
