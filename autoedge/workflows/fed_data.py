"""Hold what is said of inputs, and the data, against a model before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.errors import DataError, ModelError
from autoedge.intent.problem import suggestion
from autoedge.models.model_inputs import ModelInputs, sample_shapes, unused
from autoedge.preprocessing.fit import fit_array
from autoedge.preprocessing.inputs import Inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autoedge.intent.resolved import Intent
    from autoedge.models.info import ModelInfo, Tensor
    from autoedge.preprocessing.data import Data


def check_used(intent: Intent, infos: Mapping[str, ModelInfo]) -> None:
    """Each entry of the section ``inputs`` speaks of an input of some model.

    Raises:
        DataError: One does not; says which inputs there are.
    """
    lost = unused(intent.inputs, [info.inputs for info in infos.values()]) if infos else []
    if lost:
        names = {tensor.name for info in infos.values() for tensor in info.inputs}
        raise DataError(f"{intent.path}: inputs.{lost[0]}: no model has such an input{suggestion(lost[0], names)}")


def check_fed(intent: Intent, name: str, info: ModelInfo, data: Data | None, labels: np.ndarray | None) -> None:
    """A model can be fed: what is said of its inputs fits it, and so does a sample of the data once it is prepared.

    Args:
        intent: Says how samples are prepared.
        name: The model's.
        info: What it takes.
        data: Evaluation data, None without.
        labels: Theirs.

    Raises:
        ModelError: The model has an input without a batch axis.
        DataError: They do not fit; says what is where.
    """
    for tensor in info.inputs:
        if len(tensor.shape) == 0:
            raise ModelError(f"model '{name}': input '{tensor.name}' is a scalar, but a batch axis is needed")
    inputs = ModelInputs(info.inputs, intent.inputs, sample_shapes(data))
    where = intent.data.evaluation or intent.path
    try:
        forms = inputs.forms({})
        if data is not None:
            check_arrays(name, info.inputs, data, labels, forms, place=where)
        inputs.check()
    except DataError as error:
        told = str(error)
        raise DataError(told if f"model '{name}'" in told else f"{where}: model '{name}': {told}") from error
    if data is None and inputs.shapes({}, 1) is None:
        free = next(each for each in info.inputs if any(not isinstance(dim, int) for dim in each.shape[1:]))
        raise DataError(
            f"model '{name}': input '{free.name}' has free dimensions beside the batch; "
            "give data: {evaluation: FILE.npz} to say how large they are"
        )


def check_arrays(
    name: str,
    tensors: Sequence[Tensor],
    data: Data,
    labels: np.ndarray | None,
    forms: Mapping[str, Any],
    *,
    place: Path,
) -> None:
    """The arrays that feed a model hold as many samples as there are labels, and the first of them fits.

    Args:
        name: The model's; empty where there is no other.
        tensors: What it takes.
        data: The samples.
        labels: Theirs, None without.
        forms: By input, the steps that samples go through.
        place: Where the user has the samples, for messages.

    Raises:
        DataError: They do not; says what is where.
    """
    prepare = Inputs(forms)
    lengths = {array: header.shape[0] for array, header in data.arrays.items()}
    try:
        arrays = prepare.match([tensor.name for tensor in tensors], lengths)
    except DataError as error:
        raise DataError(f"{place}: model '{name}': {error}" if name else f"{place}: {error}") from None
    for tensor in tensors:
        array = arrays[tensor.name]
        where = f"{place}: array '{array}'" + (f", model '{name}'" if name else "")
        if lengths[array] == 0:
            raise DataError(f"{where}: holds no samples")
        try:
            _check_array(tensor, array, data, prepare)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        if labels is not None and len(labels) != lengths[array]:
            raise DataError(
                f"{place}: one label a sample is needed, but 'y' has {len(labels)} for {lengths[array]} samples"
            )


def _check_array(tensor: Tensor, array: str, data: Data, prepare: Inputs) -> None:
    header = data.arrays[array]
    if 0 in header.shape[1:] or prepare.has_steps(tensor.name):
        prepare.batch([tensor], {tensor.name: next(data.rows(array, 2, 2))}, 2)
        return
    dtype = None if tensor.scale and header.dtype.kind == "f" else tensor.dtype  # real numbers are quantised
    fit_array(np.empty((0, *header.shape[1:]), header.dtype), tensor.shape, dtype)
