"""Cut the user's calibration data into what the quantisation tools are fed with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoedge.errors import DataError, ModelError
from autoedge.preprocessing.data import open_data
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from autoedge.models.info import Tensor

    Feed = dict[str, np.ndarray]

_BATCH = 32
_GROUP_BYTES = 2**30


def feeds(
    path: Path, inputs: Sequence[Tensor], batch: int | None, steps: Mapping[str, Any] | None = None
) -> list[Feed]:
    """Equal batches that cover all samples; the last one reaches back over samples already used to be full.

    Args:
        path: npz file, ``x`` or one array for each input, first axis samples; or an archive of images.
        inputs: What the model takes.
        batch: The only size that it takes; None when any will do.
        steps: By input, what is done to its samples, see ``autoedge.preprocessing.inputs``.

    Raises:
        ModelError: The data do not fit the model.
    """
    try:
        arrays = _arrays(path, inputs, Inputs(steps))
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


def _arrays(path: Path, inputs: Sequence[Tensor], prepare: Inputs) -> Feed:
    """By input, all samples as the model takes them."""
    data = open_data(path)
    lengths = {name: header.shape[0] for name, header in data.arrays.items()}
    try:
        names = prepare.match([tensor.name for tensor in inputs], lengths)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    arrays = {}
    for tensor in inputs:
        array = names[tensor.name]
        pieces = [prepare.prepared(tensor.name, piece) for piece in data.rows(array, _BATCH)]
        if not pieces:
            raise ModelError(f"calibration needs at least 1 samples, but {path} has 0")
        arrays[tensor.name] = fit_array(np.concatenate(pieces), tensor.shape, tensor.dtype)
    return arrays


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
