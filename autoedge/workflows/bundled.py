"""A bundle as something that can be measured here: its model file, and what is fed to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.errors import BundleError, TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.deploy.read import Bundle
    from autoedge.device import Device
    from autoedge.models.model_inputs import ModelInputs


@dataclass(frozen=True)
class BundledModel:
    """The model file of a bundle, as the bench takes one."""

    path: Path
    sha256: str
    size_bytes: int

    @classmethod
    def of(cls, bundle: Bundle) -> BundledModel:
        """The one that a bundle deploys."""
        return cls(bundle.model, bundle.model_hash, bundle.model.stat().st_size)


def check_model(bundle: Bundle) -> None:
    """Look into a bundle's model before anything runs it.

    Raises:
        BundleError: It is code, or of a runtime that nobody knows.
        ModelError: It is broken or hostile.
    """
    from autoedge.models.formats import FORMATS
    from autoedge.models.inspect import inspect_model
    from autoedge.registry import places

    runtime, known = bundle.candidate.configuration.runtime, places("autoedge.runtimes")
    if runtime not in known:
        raise BundleError(f"{bundle.folder}: needs runtime '{runtime}', but known are {', '.join(sorted(known))}")
    suffix = bundle.model.suffix
    if suffix in FORMATS and FORMATS[suffix].code:
        raise BundleError(
            f"{bundle.folder}: its model is a pickle, which AutoEdge opens for nobody: run the bundle's own run.py if "
            "you trust it"
        )
    inspect_model(bundle.model)  # in a process of its own: hostile models end here


def check_runtime(bundle: Bundle, device: Device, target: str) -> None:
    """The device has the runtime that a bundle needs.

    Raises:
        TargetError: It has not; says how it gets there.
    """
    runtime = bundle.candidate.configuration.runtime
    if runtime not in device.runtimes:
        advice = f"pip install {runtime}" if target == "local" else f"autoedge targets setup {target}"
        raise TargetError(f"target '{target}' has no {runtime}, which {bundle.folder} needs: {advice}")


def inputs_of(bundle: Bundle, data: Path | None, place: Path | None) -> ModelInputs:
    """What is fed to the model; the samples, which the user has at ``place``, fit it as the bundle describes it.

    Raises:
        DataError: They do not.
    """
    from autoedge.models.model_inputs import ModelInputs, sample_shapes
    from autoedge.preprocessing.data import open_data
    from autoedge.workflows.fed_data import check_arrays

    opened = None if data is None else open_data(data)
    record = bundle.preprocessing or {"steps": {}, "knobs": [], "shapes": {}}
    if opened is not None:
        check_arrays("", bundle.inputs, opened, None, record["steps"], place=place or opened.path)
    return ModelInputs(bundle.inputs, (), sample_shapes(opened), record)
