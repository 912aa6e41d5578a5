"""The worker that looks into a model without running it: run as ``python -m autoedge.models.inspector``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoedge.models import worker
from autoedge.models.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping


def look(job: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is known of the model at ``job["model"]``, as ``ModelInfo.to_dict`` gives it.

    Raises:
        ModelError: The model is broken, hostile, or of a kind that cannot be measured.
    """
    answer: dict[str, Any] = import_module(FORMATS[job["format"]].module).look(Path(job["model"])).to_dict()
    return answer


if __name__ == "__main__":
    worker.serve(look)
