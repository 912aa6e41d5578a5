"""Cut the user's calibration data into what the quantisation tools are fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import DataError, ModelError
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.npz import Npz

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from autoedge.models.info import Tensor

    Feed = dict[str, np.ndarray]

_BATCH = 32
_GROUP_BYTES = 2**30


def feeds(path: Path, inputs: Sequence[Tensor], batch: int | None) -> list[Feed]:
    """Equal batches that cover all samples; the last one reaches back over samples already used to be full.

    Args:
        path: npz file, ``x`` or one array for each input, first axis samples.
        inputs: What the model takes.
        batch: The only size that it takes; None when any will do.

    Raises:
        ModelError: The data do not fit the model.
    """
    try:
        archive = Npz(path)
        names = archive.match([tensor.name for tensor in inputs])
        arrays = {
            tensor.name: fit_array(archive.whole(names[tensor.name]), tensor.shape, tensor.dtype) for tensor in inputs
        }
    except DataError as error:
        raise ModelError(f"its calibration data do not fit: {error}") from error
    count = min(len(array) for array in arrays.values())
    size = batch or min(_BATCH, count)
    if count < max(1, size):
        raise ModelError(f"calibration needs at least {max(1, size)} samples, but {path} has {count}")
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"calibration data must be finite, but those for '{name}' in {path} are not")
    starts = [min(start, count - size) for start in range(0, count, size)]
    return [{name: array[start : start + size] for name, array in arrays.items()} for start in starts]


def groups(batches: Sequence[Feed], item_bytes: int | None) -> Iterator[Sequence[Feed]]:
    """The batches in groups whose activations stay below 1 GiB together.

    Args:
        batches: As ``feeds`` gives them.
        item_bytes: Bytes of all activations of one item; when it is unknown each batch is a group.
    """
    size = len(next(iter(batches[0].values())))
    together = max(1, _GROUP_BYTES // (item_bytes * size)) if item_bytes else 1
    for start in range(0, len(batches), together):
        yield batches[start : start + together]
