"""The worker that makes variants: run as ``python -m autoedge.models.converter``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import source, worker
from autoedge.models.info import ModelInfo
from autoedge.models.source import MAX_BYTES, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx


def make(job: Mapping[str, Any]) -> None:
    """Write the variant that ``job["recipe"]`` asks for to ``job["output"]``, once it has proved to run.

    Raises:
        ModelError: It cannot be made; the reason.
    """
    from autoedge.models import trial

    info = ModelInfo.from_dict(job["info"])
    work, output = Path(job["work"]), Path(job["output"])
    tempfile.tempdir = str(work)  # the tools' own files go where the parent clears up, even if this process is killed
    given = source.read(Path(job["model"]))
    if given.sha256 != info.sha256:
        raise ModelError("the file has changed since it was looked into; start again")
    whole = output if job["recipe"]["precision"] == info.precision else work / "whole.onnx"
    whole.write_bytes(given.data or _bytes(given.model))
    feed, guessed = trial.probe(info.inputs), _has_guesses(info)
    if whole != output:
        variant, sample = _converted(given, info, job, work)
        output.write_bytes(_bytes(variant))
        feed, guessed = (sample, False) if sample else (feed, guessed)
    trial.check(output, whole, feed, guessed=guessed)


def _converted(
    given: Source, info: ModelInfo, job: Mapping[str, Any], work: Path
) -> tuple[onnx.ModelProto, dict[str, Any] | None]:
    """The variant, and one calibration sample where there are any."""
    from autoedge.models import calibration, costs, float16, int8, prepare
    from autoedge.models.shapes import for_one_item

    recipe = job["recipe"]
    per_channel = recipe.get("granularity") == "channel"
    model = prepare.prepared(given.model, work, opset=int8.PER_CHANNEL_OPSET if per_channel else 0)
    sample = None
    if recipe["precision"] == "fp16":
        result = float16.to_float16(model)
    elif recipe["precision"] == "int8-dynamic":
        result = int8.dynamic(model, work)
    else:
        batches = calibration.feeds(Path(job["calibration"]), info.inputs, info.fixed_batch)
        groups = calibration.groups(batches, costs.total_bytes(for_one_item(model).graph))
        options = {key: recipe[key] for key in ("calibration", "granularity")}
        result = int8.static(model, work, groups, **options)
        sample = {name: array[: info.fixed_batch or 1] for name, array in batches[0].items()}
    return prepare.tidied(result, given.model), sample


def _has_guesses(info: ModelInfo) -> bool:
    return any(not isinstance(size, int) for tensor in info.inputs for size in tensor.shape[1:])


def _bytes(model: onnx.ModelProto) -> bytes:
    if model.ByteSize() > MAX_BYTES:
        raise ModelError(f"as one file it would have {model.ByteSize()} bytes, and ONNX allows {MAX_BYTES} (2 GiB)")
    return bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    worker.serve(make)
