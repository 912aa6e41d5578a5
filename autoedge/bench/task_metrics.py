"""How good a classifier's scores are: accuracy, macro F1, agreement with a reference; each with its interval.

Scores are N x C, one column per class; the predicted class is the highest score, the first of equals. Labels are N
classes, 0 to C - 1. ``check_scores`` comes first; what passes it is trusted here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.bench.intervals import wilson
from autoedge.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scores = NDArray[np.floating]
    Labels = NDArray[np.integer]

_TWO_AXES = 2
_DRAWS_AT_ONCE = 4_000_000


def check_scores(scores: Scores, labels: Labels) -> None:
    """Accepts scores and labels that belong together.

    Args:
        scores: N x C, floating, finite, at least one row and two columns.
        labels: N integers from 0 to C - 1.

    Raises:
        DataError: They do not; the message states the rule, then the value.
    """
    _check_matrix(scores)
    classes = scores.shape[1]
    if labels.ndim != 1:
        raise DataError(f"labels have one axis, one class number per sample, but got shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels are integers from 0 to {classes - 1}, but got {labels.dtype}; convert y to integers")
    if labels.size != scores.shape[0]:
        raise DataError(
            f"each sample has scores and a label, but got {scores.shape[0]} scores and {labels.size} labels"
        )
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        first = int(outside[0])
        raise DataError(
            f"labels lie in 0 to {classes - 1}, one per column of the scores, "
            f"but got {labels[first]} for sample {first} ({outside.size} of {labels.size} lie outside)"
        )


def _check_matrix(scores: Scores) -> None:
    if scores.ndim != _TWO_AXES or scores.shape[0] < 1 or scores.shape[1] < _TWO_AXES:
        raise DataError(
            f"scores are samples x classes with a sample and two classes at least, but got shape {scores.shape}"
        )
    if not np.issubdtype(scores.dtype, np.floating):
        raise DataError(f"scores are floating numbers, but got {scores.dtype}; name the right output in outputs.scores")
    bad = np.argwhere(~np.isfinite(scores))
    if bad.size:
        sample, column = map(int, bad[0])
        raise DataError(
            f"scores are finite, but got {scores[sample, column]} for sample {sample}, class {column} "
            f"({len(bad)} of {scores.size} values are not finite); the model or its variant overflows"
        )


def accuracy(scores: Scores, labels: Labels, *, level: float = 0.95) -> tuple[float, float, float]:
    """The share of samples whose highest score is the label's, with Wilson's interval.

    Returns:
        Value, low and high, 0 to 1.
    """
    return _share(scores.argmax(axis=1) == labels, level)


def agreement(scores: Scores, reference: Scores, *, level: float = 0.95) -> tuple[float, float, float]:
    """The share of samples on which two sets of scores have the same highest class, with Wilson's interval.

    Args:
        scores: N x C.
        reference: N x C, of the reference on the same samples.
        level: Confidence.

    Returns:
        Value, low and high, 0 to 1.

    Raises:
        DataError: Either is no matrix of finite scores, or their shapes differ.
    """
    _check_matrix(scores)
    _check_matrix(reference)
    if scores.shape != reference.shape:
        raise DataError(
            f"scores and the reference's scores have one shape, but got {scores.shape} and {reference.shape}"
        )
    return _share(scores.argmax(axis=1) == reference.argmax(axis=1), level)


def _share(right: NDArray[np.bool_], level: float) -> tuple[float, float, float]:
    successes = int(right.sum())
    return successes / right.size, *wilson(successes, right.size, level)


def macro_f1(
    scores: Scores, labels: Labels, *, level: float = 0.95, resamples: int = 2000, seed: int
) -> tuple[float, float, float]:
    """The mean over classes of F1 = 2 TP / (2 TP + FP + FN), with a basic bootstrap interval over samples.

    Classes that are neither labelled nor predicted do not count, in the value and in each resample. Samples are
    resampled through their counts of (label, prediction), which is the same distribution at a fraction of the cost.
    Mirrored on the arcsine of the square root, the interval covered 94 to 97 % in simulations with 3 to 1000 classes
    where plain percentiles of resamples covered 93 down to 3 %. Where no prediction is wrong, resampling sees no
    spread; the lower end is then Wilson's for the accuracy.

    Args:
        scores: N x C.
        labels: N.
        level: Confidence.
        resamples: Of the bootstrap.
        seed: Of the bootstrap; kept with the result.

    Returns:
        Value, low and high, 0 to 1.

    Source: Davison and Hinkley, Bootstrap Methods and their Application (1997), section 5.2.
    """
    from sklearn.metrics import f1_score

    predicted = scores.argmax(axis=1)
    value = float(f1_score(labels, predicted, average="macro", zero_division=0.0))
    if (predicted == labels).all():
        return value, wilson(labels.size, labels.size, level)[0], value
    drawn = _resampled_f1(labels, predicted, scores.shape[1], resamples, np.random.default_rng(seed))
    # Basic bootstrap: resamples of many small classes fall below the value just as the value falls below the truth, so
    # they are mirrored at it, on the scale that evens out the spread near one and keeps the ends within 0 to 1.
    tails = np.quantile(np.arcsin(np.sqrt(drawn)), [(1 + level) / 2, (1 - level) / 2])
    ends = np.sin(np.clip(2 * np.arcsin(np.sqrt(value)) - tails, 0, np.pi / 2)) ** 2
    return value, min(value, float(ends[0])), max(value, float(ends[1]))


def plain_f1(labels: Labels, predicted: Labels) -> float:
    """Macro F1 without an interval, over the classes that are labelled or predicted.

    Args:
        labels: N class numbers.
        predicted: N class numbers.
    """
    classes = int(max(labels.max(), predicted.max())) + 1
    both = np.bincount(labels, minlength=classes) + np.bincount(predicted, minlength=classes)
    hits = np.bincount(labels[labels == predicted], minlength=classes)
    return float(np.mean(2 * hits[both > 0] / both[both > 0]))


def _resampled_f1(
    labels: Labels, predicted: Labels, classes: int, resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Macro F1 of resamples of the samples with replacement."""
    cells, counts = np.unique(labels.astype(np.int64) * classes + predicted, return_counts=True)
    row, column = np.divmod(cells, classes)
    by_column = np.argsort(column, kind="stable")
    row_class, row_start = np.unique(row, return_index=True)
    column_class, column_start = np.unique(column[by_column], return_index=True)
    hit = np.flatnonzero(row == column)
    result = np.empty(resamples)
    step = max(1, min(_DRAWS_AT_ONCE // cells.size, _DRAWS_AT_ONCE // classes))
    for start in range(0, resamples, step):
        draws = generator.multinomial(labels.size, counts / labels.size, size=min(step, resamples - start))
        both = np.zeros((len(draws), classes))  # 2 TP + FP + FN = labelled + predicted
        both[:, row_class] += np.add.reduceat(draws, row_start, axis=1)
        both[:, column_class] += np.add.reduceat(draws[:, by_column], column_start, axis=1)
        twice = np.zeros((len(draws), classes))
        twice[:, row[hit]] = 2 * draws[:, hit]
        f1 = np.divide(twice, both, out=np.zeros_like(both), where=both > 0)
        result[start : start + len(draws)] = f1.sum(axis=1) / (both > 0).sum(axis=1)
    return result
