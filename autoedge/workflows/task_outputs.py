"""Which of a model's outputs count for an intent's task."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autoedge.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from autoedge.intent.resolved import Intent
    from autoedge.models.info import ModelInfo, Tensor

_BOXES_AXES = 3
_BOX = 4
_WHAT = {"regression": "values", "embedding": "embedding", "custom": "values"}


def columns(tensor: Tensor) -> int | None:
    """Numbers a sample; None when the model does not say."""
    sizes = [dim for dim in tensor.shape[1:] if dim != 1]
    if len(tensor.shape) == 0 or any(not isinstance(dim, int) for dim in sizes):
        return None
    return math.prod(dim for dim in sizes if isinstance(dim, int)) if len(tensor.shape) > 1 else 1


def outputs_of(intent: Intent, name: str, info: ModelInfo, truth: np.ndarray[Any, Any] | None) -> tuple[str, ...]:
    """The outputs that count: one, or for a detection those that only count together.

    Args:
        intent: Says the task; any but a classification.
        name: The model's.
        info: What it gives.
        truth: Targets of a regression, samples x targets.

    Raises:
        DataError: There is none, or there are several that could be meant.
    """
    if intent.task == "detection":
        return detection_outputs(name, info, intent)
    width = truth.shape[1] if intent.task == "regression" and truth is not None else None
    return (one_output(name, info, intent, width),)


def one_output(name: str, info: ModelInfo, intent: Intent, width: int | None = None) -> str:
    """The one output that counts for a regression, an embedding or a custom metric.

    Args:
        name: The model's.
        info: What it gives.
        intent: Says the task, and the output where there are several.
        width: Numbers a sample that it must give; None for any.

    Raises:
        DataError: There is none, or there are several; says which outputs there are.
    """
    wanted, what = intent.scores, _WHAT[intent.task]
    known = _listed(info)
    if wanted is not None:
        named = [tensor for tensor in info.outputs if tensor.name == wanted]
        if not named:
            raise DataError(f"model '{name}': outputs.{what} names '{wanted}', but it gives {known}")
        candidates = named
    else:
        candidates = [tensor for tensor in info.outputs if intent.task == "custom" or _real(tensor)]
    fitting = [tensor for tensor in candidates if width is None or columns(tensor) in (None, width)]
    if len(fitting) == 1:
        return fitting[0].name
    if not fitting and len(candidates) == 1:
        raise DataError(
            f"model '{name}': 'y' has {width} targets a sample, but '{candidates[0].name}' gives "
            f"{columns(candidates[0])}; check 'y' or the model"
        )
    rule = "several outputs could hold" if fitting else "no output holds"
    raise DataError(f"model '{name}': {rule} what counts ({known}); name it with outputs: {{{what}: NAME}}")


def detection_outputs(name: str, info: ModelInfo, intent: Intent) -> tuple[str, ...]:
    """The outputs with boxes, scores and, where the intent names it, classes.

    Raises:
        DataError: One is missing, or boxes are not samples x boxes x 4.
    """
    options = intent.task_options
    wanted = {"boxes": options.boxes, "scores": intent.scores, "classes": options.classes}
    tensors = {tensor.name: tensor for tensor in info.outputs}
    for what, output in wanted.items():
        if output is not None and output not in tensors:
            raise DataError(f"model '{name}': outputs.{what} names '{output}', but it gives {_listed(info)}")
    names = tuple(output for output in wanted.values() if output is not None)
    shape = tensors[names[0]].shape
    if shape and (len(shape) != _BOXES_AXES or (isinstance(shape[2], int) and shape[2] != _BOX)):
        raise DataError(f"model '{name}': boxes are samples x boxes x {_BOX}, but '{names[0]}' is {_shown(shape)}")
    return names


def _real(tensor: Tensor) -> bool:
    """Whether its elements are, or stand for, real numbers."""
    return tensor.dtype.startswith(("float", "bfloat")) or bool(tensor.scale)


def _listed(info: ModelInfo) -> str:
    return ", ".join(f"{tensor.name} {tensor.dtype} {_shown(tensor.shape)}" for tensor in info.outputs)


def _shown(shape: tuple[int | str | None, ...]) -> str:
    return "(" + ", ".join("?" if dim is None else str(dim) for dim in shape) + ")"
