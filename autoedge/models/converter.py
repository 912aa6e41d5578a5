"""The worker that makes variants: run as ``python -m autoedge.models.converter``."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import calibration, trial, worker
from autoedge.models.conversion import Conversion
from autoedge.models.formats import FORMATS
from autoedge.models.info import ModelInfo
from autoedge.models.makers import CALIBRATED, ELSEWHERE, MAKERS

if TYPE_CHECKING:
    from collections.abc import Mapping


def make(job: Mapping[str, Any]) -> None:
    """Write the variant that ``job["recipe"]`` asks for to ``job["output"]``, once it has proved to run.

    Raises:
        ModelError: It cannot be made; the reason.
    """
    info, recipe = ModelInfo.from_dict(job["info"]), job["recipe"]
    work, output = Path(job["work"]), Path(job["output"])
    shapes = {name: tuple(shape) for name, shape in job["shapes"].items()}
    tempfile.tempdir = str(work)  # the tools' own files go where the parent clears up, even if this process is killed
    as_given = recipe["precision"] == info.precision
    whole = output if as_given else work / f"whole{info.format}"
    if import_module(FORMATS[info.format].module).pack(Path(job["model"]), whole) != info.sha256:
        raise ModelError("the file has changed since it was looked into; start again")
    feed, guessed = trial.probe(info.inputs, shapes), not shapes and _has_guesses(info)
    if not as_given:
        feeds = []
        if recipe["precision"] in CALIBRATED:
            feeds = calibration.feeds(Path(job["calibration"]), info.inputs, info.fixed_batch, job["inputs"])
            feed, guessed = {name: array[: info.fixed_batch or 1] for name, array in feeds[0].items()}, False
        maker = import_module(MAKERS[info.format, job["runtime"]].module)
        maker.convert(Conversion(whole, info, recipe, feeds, work, output))
    if recipe["precision"] not in ELSEWHERE:
        trial.check(output, whole, feed, guessed=guessed, place=job["place"], trusted=FORMATS[info.format].code)


def _has_guesses(info: ModelInfo) -> bool:
    return any(not isinstance(size, int) for tensor in info.inputs for size in tensor.shape[1:])


if __name__ == "__main__":
    worker.serve(make)
