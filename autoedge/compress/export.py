"""Write a trained model as ONNX, and check that it computes what the model computes."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from autoedge.compress.data import CLASSIFICATION
from autoedge.compress.training import figure_of
from autoedge.errors import ModelError
from autoedge.runtimes.onnxruntime import OnnxRuntime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from autoedge.compress.data import Samples

    Shape = Sequence[tuple[str | None, int]]

_OPSET, _IR_VERSION = 18, 10  # what ONNX Runtime 1.19 loads
_BATCH = 2
_CHECKED = 32
_APART = 1e-4
_ROUNDED_APART = 0.02


def export(model: nn.Module, inputs: Mapping[str, Shape], samples: Samples, task: str, path: Path) -> None:
    """Write a model as one ONNX file, opset 18, with a free batch axis and the free axes of its inputs.

    Args:
        model: In inference mode.
        inputs: By input, for each dimension of a sample the name of a free one or None, and its size.
        samples: Gives the types of the inputs.
        task: Names the output: ``scores`` of a classifier, else ``values``.
        path: The file.

    Raises:
        ModelError: PyTorch cannot export it, or not with these axes free.
    """
    import torch

    examples = tuple(each[:1].repeat(_BATCH, *[1] * (each.ndim - 1)) for each in samples.inputs)
    axes = {name: torch.export.Dim(name) for shape in inputs.values() for name, _ in shape if name}
    batch = torch.export.Dim("batch")
    free = tuple(
        {0: batch, **{axis: axes[name] for axis, (name, _) in enumerate(shape, 1) if name}} for shape in inputs.values()
    )
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program: Any = torch.onnx.export(
                model,
                examples,
                dynamo=True,
                opset_version=_OPSET,
                input_names=list(inputs),
                output_names=["scores" if task == CLASSIFICATION else "values"],
                dynamic_shapes=free,
                verbose=False,
            )
    except Exception as error:  # the exporter meets the user's code and raises anything
        reason = " ".join(str(error.__cause__ or error).split())
        raise ModelError(f"PyTorch cannot export it to ONNX with a free batch: {reason}") from error
    path.write_bytes(_bare(program))


def _bare(program: Any) -> bytes:
    """The model without notes of the machine that it was exported on."""
    from onnx_ir import to_proto
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    clean = ClearMetadataAndDocStringPass()(program.model).model
    clean.ir_version = _IR_VERSION
    clean.producer_name, clean.producer_version = "autoedge", ""
    return bytes(to_proto(clean).SerializeToString(deterministic=True))


def check(path: Path, model: nn.Module, samples: Samples, names: Sequence[str], *, rounded: bool) -> None:
    """The file gives what the model gives, for one sample and for several.

    In float32 each output agrees to 1e-4 of the largest; where values are rounded to int8, one that lies between two
    levels may fall to either side, and the outputs agree to 2 % of the largest in the mean.

    Raises:
        ModelError: It does not.
    """
    import torch

    for count in (1, min(_CHECKED, len(samples))):
        some = next(samples.batches(torch.arange(count), count))
        with torch.no_grad():
            expected = model(*some.inputs).numpy()
        got = _outputs(path, some, names, {"graph_level": "disable"})
        scale = max(float(np.abs(expected).max()), 1e-6)
        difference = np.abs(got - expected) / scale
        apart = float(difference.mean() if rounded else difference.max())
        limit = _ROUNDED_APART if rounded else _APART
        if not apart <= limit:
            raise ModelError(
                f"the exported model gives what PyTorch gives to within {limit:g} of the largest output, but with "
                f"{count} samples it is {apart:.2g} away; it cannot be used"
            )


def figure(path: Path, samples: Samples, names: Sequence[str], task: str) -> float:
    """Accuracy or mean squared error of a file in ONNX Runtime."""
    import torch

    every = [
        torch.from_numpy(_outputs(path, some, names, {}))
        for some in samples.batches(torch.arange(len(samples)), _CHECKED)
    ]
    return figure_of(torch.cat(every), samples.targets, task)


def _outputs(path: Path, samples: Samples, names: Sequence[str], knobs: dict[str, str]) -> np.ndarray:
    session = OnnxRuntime().load(path, knobs)
    call = session.bind([session.outputs[0].name])
    result: np.ndarray = call({name: each.numpy() for name, each in zip(names, samples.inputs, strict=True)})[0]
    return result


def parameters(model: nn.Module) -> int:
    """Trained numbers of a model."""
    every: list[Tensor] = list(model.parameters())
    return sum(each.numel() for each in every)
