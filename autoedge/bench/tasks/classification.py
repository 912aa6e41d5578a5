"""Classification: is the label among the highest scores, and how sure was the model of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.bench.intervals import wilson
from autoedge.bench.task_metrics import accuracy, agreement, check_scores, macro_f1, plain_f1
from autoedge.bench.tasks.base import Evaluator, measured
from autoedge.bench.tasks.resampling import mean_with_student
from autoedge.errors import DataError
from autoedge.measurement import Source, Value

if TYPE_CHECKING:
    from collections.abc import Collection

    from autoedge.bench.tasks.base import Outputs

    Labels = np.ndarray[Any, np.dtype[np.int64]]
    Hits = np.ndarray[Any, np.dtype[np.bool_]]
    Losses = np.ndarray[Any, np.dtype[np.float64]]

DEPTHS = {"accuracy": 1, "top3_accuracy": 3, "top5_accuracy": 5, "top10_accuracy": 10}
_RESAMPLES = 1000
_SUM_TOLERANCE = 1e-3
_LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)


class Classification(Evaluator):
    """Accuracy and macro F1 always, top-k accuracy and log loss where asked for; without labels, agreement.

    Args:
        labels: One class number a sample; None without.
        seed: Of the bootstrap.
        extra: Keys of metrics asked for beyond accuracy and macro F1.
    """

    def __init__(self, labels: Labels | None, seed: int, extra: Collection[str] = ()) -> None:
        self._labels = labels
        self._seed = seed
        self._depths = {key: depth for key, depth in DEPTHS.items() if key in extra and depth > 1}
        self._log_loss = "log_loss" in extra
        self.asked = frozenset() if labels is None else frozenset(extra)
        self.labelled = labels is not None
        self.against_reference = labels is None
        self.needs_reference = labels is None or self._log_loss

    def metrics(self, outputs: Outputs, reference: Outputs | None, level: float) -> dict[str, Value]:
        """``accuracy``, ``f1_macro`` and what was asked for; ``agreement`` where there are no labels."""
        labels, count = self._labels, len(outputs)
        if labels is None:
            if reference is None:
                return {}
            return {"agreement": measured(agreement(outputs, reference, level=level), "share, Wilson", count)}
        check_scores(outputs, labels)
        f1 = macro_f1(outputs, labels, level=level, resamples=_RESAMPLES, seed=self._seed)
        found = {
            "accuracy": measured(accuracy(outputs, labels, level=level), "share, Wilson", count),
            "f1_macro": measured(f1, "macro F1, bootstrap over samples", count),
        }
        for key, depth in self._depths.items():
            right = int(within(outputs, labels, depth).sum())
            found[key] = measured((right / count, *wilson(right, count, level)), "share, Wilson", count)
        if self._log_loss:
            given = are_probabilities(outputs if reference is None else reference)
            value, low, high = mean_with_student(log_losses(outputs, labels, probabilities=given), level)
            found["log_loss"] = measured((value, max(0.0, low), high), "mean over samples, Student", count)
        return found

    def outlook(self, outputs: Outputs, reference: Outputs | None) -> dict[str, Value]:
        """Shares as they stand and between their ends: all others right, none right. The log loss has no such ends."""
        wanted = self._labels
        if wanted is None and reference is not None:
            wanted = reference.argmax(axis=1)
        if wanted is None:
            return {}
        seen, predicted = len(outputs), outputs.argmax(axis=1)
        share = _share(predicted == wanted[:seen], len(wanted))
        if self._labels is None:
            return {"agreement": share}
        left = len(wanted) - seen
        best = plain_f1(wanted, np.concatenate([predicted, wanted[seen:]]))
        so_far = best if not left else min(best, plain_f1(wanted[:seen], predicted))
        least = 0.0 if left else so_far
        f1 = Value(so_far, least, best, Source.DERIVED, share.estimator.replace("share", "macro F1"), seen)
        deeper = {
            key: _share(within(outputs, wanted[:seen], depth), len(wanted)) for key, depth in self._depths.items()
        }
        return {"accuracy": share, "f1_macro": f1, **deeper}

    def hits(self, key: str, outputs: Outputs) -> Hits | None:
        """Samples whose label is among the highest scores, as many as the metric says."""
        if self._labels is None or key not in DEPTHS:
            return None
        return within(outputs, self._labels, DEPTHS[key])


def _share(right: Hits, whole: int) -> Value:
    seen, count = len(right), int(right.sum())
    ends = (count / seen, count / whole, (count + whole - seen) / whole)
    return Value(*ends, Source.DERIVED, f"share, the first {seen} of {whole} samples", seen)


def within(scores: Outputs, labels: Labels, depth: int) -> Hits:
    """Samples whose label is among the ``depth`` highest scores, the first of equals first.

    Args:
        scores: N x C.
        labels: N class numbers; one that has no column is never among them.
        depth: 1 is the predicted class.
    """
    known = labels < scores.shape[1]
    own = np.take_along_axis(scores, np.where(known, labels, 0)[:, None], axis=1)
    earlier = np.arange(scores.shape[1])[None, :] < labels[:, None]
    ahead = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    right: Hits = known & (ahead < depth)
    return right


def are_probabilities(scores: Outputs) -> bool:
    """Whether every row is at least 0 and sums to 1 within 1e-3; else scores are logits."""
    sums = scores.sum(axis=1, dtype=np.float64)
    return bool((scores >= 0).all() and (np.abs(sums - 1) <= _SUM_TOLERANCE).all())


def log_losses(scores: Outputs, labels: Labels, *, probabilities: bool) -> Losses:
    """-ln of the label's probability, one a sample, in nats.

    Args:
        scores: N x C, finite.
        labels: N class numbers.
        probabilities: Whether scores are probabilities, which are brought to a sum of 1 since a variant may miss it;
            else they are logits, to which softmax is applied. A probability below the smallest normal float32 counts
            as that, so that a loss is finite: at most 87.3.

    Raises:
        DataError: A row of probabilities is negative or zero throughout.
    """
    wide = scores.astype(np.float64)
    rows = np.arange(len(wide))
    if not probabilities:
        wide -= wide.max(axis=1, keepdims=True)
        losses = np.log(np.exp(wide).sum(axis=1)) - wide[rows, labels]
        bounded: Losses = np.minimum(losses, -np.log(_LEAST_PROBABILITY))
        return bounded
    wide = np.maximum(wide, 0.0)
    sums = wide.sum(axis=1)
    if (sums <= 0).any():
        first = int(np.flatnonzero(sums <= 0)[0])
        raise DataError(f"probabilities of a sample have a sum above 0, but those of sample {first} have none")
    told: Losses = -np.log(np.maximum(wide[rows, labels] / sums, _LEAST_PROBABILITY))
    return told
