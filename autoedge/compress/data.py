"""The user's samples as tensors, checked against the model before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import DataError, ModelError
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    Shape = Sequence[tuple[str | None, int]]

CLASSIFICATION = "classification"


@dataclass(frozen=True)
class Samples:
    """Samples in the order of the file.

    Attributes:
        inputs: One tensor an input, first axis samples: float32, or int64 where the file holds integers.
        targets: int64 class numbers of shape (N,), or float32 values.
        taught: What a teacher gives for them, None without one.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    taught: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def batches(self, rows: Tensor, size: int) -> Iterator[Samples]:
        """Pieces of ``size`` of some rows, in their order; the last one shorter."""
        import torch

        for some in torch.split(rows, size):
            taught = None if self.taught is None else self.taught[some]
            yield Samples(tuple(each[some] for each in self.inputs), self.targets[some], taught)


def read_samples(path: Path, inputs: Mapping[str, Shape], task: str) -> Samples:
    """Read an npz file.

    Args:
        path: Holds ``x``, or one array for each input, and ``y``.
        inputs: By input, for each dimension of a sample the name of a free one or None, and its size.
        task: ``classification``: ``y`` holds class numbers from 0; ``regression``: numbers.

    Raises:
        ModelError: It does not hold that.
    """
    import torch

    try:
        archive = Npz(path)
        names = archive.match(list(inputs))
        arrays = []
        for name, shape in inputs.items():
            wanted = [None, *(size if free is None else free for free, size in shape)]
            arrays.append(_plain(fit_array(archive.whole(names[name]), wanted), f"{path}: '{names[name]}'"))
        labels = _labels(archive, task)
    except DataError as error:
        raise ModelError(str(error)) from error
    lengths = {len(labels), *(len(array) for array in arrays)}
    if len(lengths) > 1 or not len(labels):
        raise ModelError(f"{path}: inputs and labels have as many samples and at least one, but got {sorted(lengths)}")
    return Samples(tuple(torch.from_numpy(array) for array in arrays), torch.from_numpy(labels))


def _plain(array: np.ndarray, what: str) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{what}: samples are numbers, but got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{what}: samples are finite, but these are not")
    return np.array(array, np.float32 if array.dtype.kind == "f" else np.int64)  # a copy: torch takes writable ones


def _labels(archive: Npz, task: str) -> np.ndarray:
    if "y" not in archive.arrays:
        raise DataError(f"{archive.path}: training takes labels y, but it holds {', '.join(sorted(archive.arrays))}")
    labels = archive.whole("y")
    if task != CLASSIFICATION:
        return _plain(labels, f"{archive.path}: 'y'").astype(np.float32)
    if labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        raise DataError(f"{archive.path}: 'y' holds class numbers from 0 on, but got {labels.dtype}")
    if labels.size != len(labels):
        raise DataError(f"{archive.path}: 'y' holds one class number a sample, but has shape {labels.shape}")
    return labels.reshape(len(labels)).astype(np.int64)


def check_fit(model: nn.Module, samples: Samples, task: str, who: str) -> None:
    """A model takes one sample and several, and gives what the task needs.

    Args:
        model: Put into inference mode.
        samples: As read.
        task: ``classification`` or ``regression``.
        who: The model, for messages.

    Raises:
        ModelError: It fails on them, returns something else than one tensor, or one of another shape.
    """
    import torch

    model.eval()
    for count in (1, min(3, len(samples))):
        few = tuple(each[:count] for each in samples.inputs)
        try:
            with torch.no_grad():
                output = model(*few)
        except Exception as error:  # the user's code may raise anything
            shapes = ", ".join(str(tuple(each.shape)) for each in few)
            raise ModelError(
                f"{who}: a model takes any number of samples, but inputs of shape {shapes} fail: "
                f"{type(error).__name__}: {error}"
            ) from error
        _check_output(output, samples.targets[:count], task, who)
    if task == CLASSIFICATION and int(samples.targets.max()) >= output.shape[1]:
        raise ModelError(f"{who}: it has {output.shape[1]} classes, but a label is {int(samples.targets.max())}")


def _check_output(output: object, targets: Tensor, task: str, who: str) -> None:
    import torch

    if not isinstance(output, torch.Tensor):
        raise ModelError(f"{who}: a model returns one tensor, but this one returns {type(output).__name__}")
    shape = tuple(output.shape)
    if task == CLASSIFICATION:
        if len(shape) != 2 or shape[0] != len(targets):  # noqa: PLR2004 - samples and classes
            raise ModelError(f"{who}: a classifier returns one row of scores a sample, but got {shape}")
    elif not shape or shape[0] != len(targets) or output.numel() != targets.numel():
        raise ModelError(f"{who}: it returns shape {shape}, but the labels have {tuple(targets.shape)}")
