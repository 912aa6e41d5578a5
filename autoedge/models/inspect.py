"""Look into a model without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.models import child
from autoedge.models.child import DEFAULT, Limits
from autoedge.models.formats import FORMATS
from autoedge.models.info import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path


def inspect_model(path: Path, *, limits: Limits = DEFAULT) -> ModelInfo:
    """What is known of a model: inputs, outputs, operators, parameters, computation, memory.

    The file is parsed in a child process and never executed.

    Args:
        path: The model file; its suffix tells its format, and without a known one it is taken for ONNX.
        limits: Beyond them the child is stopped.

    Raises:
        ModelError: The file is missing, broken or hostile, or it is of a kind that cannot be measured; one line that
            names the file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: the model {'is not a file' if path.exists() else 'does not exist'}")
    suffix = path.suffix.lower()
    job = {"model": str(path.absolute()), "format": suffix if suffix in FORMATS else ".onnx"}
    missing = FORMATS[job["format"]].missing
    if missing:
        raise ModelError(f"{path}: {missing}")
    answer = child.run("autoedge.models.inspector", job, subject=path, role="inspector", limits=limits)
    return ModelInfo.from_dict(answer)
