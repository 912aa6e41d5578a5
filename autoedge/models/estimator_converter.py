"""The worker that converts classical models: run as ``python -m autoedge.models.estimator_converter``."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.errors import ModelError
from autoedge.models import agreement, to_onnx, worker
from autoedge.models.formats import FORMATS
from autoedge.models.info import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


def work(job: Mapping[str, Any]) -> dict[str, Any] | None:
    """Write ``job["output"]`` or, where there are samples, compare it with the model.

    The model is packed first, so that what is converted and compared is what its runtime would be given.

    Returns:
        The fields of an ``Agreement``; None without samples.

    Raises:
        ModelError: It cannot be converted, or has changed.
    """
    info = ModelInfo.from_dict(job["info"])
    folder, output = Path(job["work"]), Path(job["output"])
    tempfile.tempdir = str(folder)  # the tools' own files go where the parent clears up, even if this process is killed
    given = folder / f"given{info.format}"
    if import_module(FORMATS[info.format].module).pack(Path(job["model"]), given) != info.sha256:
        raise ModelError("the file has changed since it was looked into; start again")
    if job["samples"] is None:
        to_onnx.convert(given, info, output)
        return None
    trusted, samples = FORMATS[info.format].code, Path(job["samples"])
    return asdict(agreement.agreement_of(given, output, samples, job["places"], trusted=trusted))


if __name__ == "__main__":
    worker.serve(work)
