"""The task of an intent as the bench takes it: what outputs are judged by."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.bench.task import file_hash, read_labels
from autoedge.bench.tasks.annotations import read_annotations
from autoedge.bench.tasks.base import Evaluator, Withheld
from autoedge.bench.tasks.classification import Classification
from autoedge.bench.tasks.custom import GROUP, Custom, installed_metric, load_metric
from autoedge.bench.tasks.detection import Boxes, Detection
from autoedge.bench.tasks.embedding import Embedding
from autoedge.bench.tasks.regression import Regression, read_targets
from autoedge.errors import IntentError
from autoedge.metric import TASK_METRICS, TO_REFERENCE

if TYPE_CHECKING:
    import numpy as np

    from autoedge.intent.resolved import Intent
    from autoedge.preprocessing.data import Data

_USUAL = ("accuracy", "f1_macro", "agreement")
_HASH = 16


def read_truth(intent: Intent, data: Data) -> np.ndarray[Any, Any] | None:
    """What the samples' outputs are held against: labels, targets, or whatever a custom metric takes as ``y``.

    Raises:
        DataError: It does not fit the task.
    """
    if intent.task == "regression":
        return read_targets(data)
    if intent.task == "detection":
        return None
    if intent.task == "custom":
        return data.whole("y") if "y" in data.arrays else None
    return read_labels(data)


def seen_and_not(intent: Intent, *, labelled: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the task's metrics that the data can show, the usual one first, and of those that they cannot."""
    names = TASK_METRICS[intent.task]
    if intent.task not in ("classification", "embedding"):
        return names, ()
    without = tuple(name for name in names if name in TO_REFERENCE)
    if labelled:
        lack = ("agreement",) if intent.task == "classification" else ()
        return tuple(name for name in names if name not in lack), lack
    return without, tuple(name for name in names if name not in without)


def evaluator_for(intent: Intent, truth: np.ndarray[Any, Any] | None, samples: int) -> Evaluator | None:
    """What outputs are judged by; None for a classifier's usual metrics.

    Args:
        intent: Says the task.
        truth: As from :func:`read_truth`.
        samples: In the evaluation data; 0 without.

    Raises:
        DataError: Annotations or a custom metric do not fit.
    """
    seed, options = intent.search.seed, intent.task_options
    if intent.task == "classification":
        asked = _extra(intent)
        return Classification(truth, seed, asked) if asked else None
    if samples == 0:
        return Withheld("there are no evaluation data")
    if intent.task == "embedding":
        return Embedding(truth, seed)
    if intent.task == "regression" and truth is not None:
        return Regression(truth, seed)
    if intent.task == "detection" and intent.data.annotations is not None:
        classed = options.classes is not None
        boxes = Boxes(options.box_format, options.box_units, options.class_numbers, classed)
        return Detection(read_annotations(intent.data.annotations, samples), boxes, seed)
    return _custom(intent, truth)


def _custom(intent: Intent, truth: np.ndarray[Any, Any] | None) -> Evaluator:
    name, direction = str(intent.task_options.metric), intent.task_options.direction
    if ":" not in name:
        return Custom(name, installed_metric(name), truth, direction)
    if not intent.trusted:
        where = Path(name.rpartition(":")[0])
        place = where if where.suffix == ".py" else intent.path
        return Withheld(
            f"{intent.path}: metric {name} is foreign code, and runs only where the command line says so too; "
            f"if you trust it, add --trust {place.parent if place.suffix else place}"
        )
    return Custom(name, load_metric(name), truth, direction)


def require_evaluator(intent: Intent, evaluator: Evaluator) -> None:
    """Refuse to measure what could not be judged.

    Raises:
        IntentError: The metric is foreign code that the command line does not trust.
    """
    if evaluator.withheld and intent.data.evaluation is not None:
        raise IntentError(evaluator.withheld)


def _extra(intent: Intent) -> frozenset[str]:
    """Keys of a classifier's metrics that the intent asks for beyond the usual ones."""
    named = {one.metric.key for one in intent.constraints} | {metric.key for metric in intent.objectives}
    named |= {f"top{count}_accuracy" for count in intent.task_options.top_k if count > 1}
    return frozenset(key for key in TASK_METRICS["classification"] if key in named and key not in _USUAL)


def task_identity(intent: Intent) -> str:
    """Names what, beside models and data, decides the quality figures; empty for a classifier, whose data say all.

    Raises:
        DataError: The annotations cannot be read.
    """
    options, parts = intent.task_options, [intent.task]
    if intent.task == "classification":
        return ""
    if intent.data.annotations is not None:
        parts += [file_hash(intent.data.annotations), options.box_format, options.box_units, options.class_numbers]
    if options.metric is not None:
        parts += [_version_of(options.metric), options.direction]
    return " ".join(parts)


def _version_of(metric: str) -> str:
    """A custom metric with what it is at the moment: the file's hash, or the version of the package that offers it."""
    place, _, function = metric.rpartition(":")
    if place.endswith(".py"):
        return f"{hashlib.sha256(Path(place).read_bytes()).hexdigest()[:_HASH]}:{function}"
    entry = next(iter(metadata.entry_points(group=GROUP, name=metric)), None)
    return f"{metric} {entry.dist.version if entry and entry.dist else ''}".strip()
