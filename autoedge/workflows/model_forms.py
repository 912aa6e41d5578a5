"""The files that there are of a model: the user's own, and for classical models what they were converted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoedge.errors import ModelError
from autoedge.intent.trust import is_trusted
from autoedge.models.formats import FORMATS
from autoedge.models.inspect import inspect_model
from autoedge.models.onnx_twin import TOOLS, to_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from autoedge.intent.resolved import Intent, ModelEntry
    from autoedge.models.cache import VariantCache
    from autoedge.models.info import ModelInfo


@dataclass(frozen=True)
class FormFile:
    """A form of a model: the user's own file, or what it was converted to.

    Attributes:
        path: The file.
        info: What is known of it.
    """

    path: Path
    info: ModelInfo


@dataclass(frozen=True)
class Forms:
    """All forms of one model.

    Attributes:
        files: The user's own first.
        lost: Why there is no ONNX form of a classical model; empty where there is one, or none to expect.
        warning: What the user should know of a conversion.
    """

    files: tuple[FormFile, ...]
    lost: str = ""
    warning: str = ""


def check_trusted(entry: ModelEntry, intent: Intent) -> None:
    """A file whose opening may execute what lies in it takes the consent of intent and command line.

    Raises:
        ModelError: It has not got it.
    """
    suffix = entry.path.suffix.lower()
    agreed = intent.trust and is_trusted(intent.path, entry.path, intent.trust_paths)
    if suffix in FORMATS and FORMATS[suffix].code and not agreed:
        raise ModelError(
            f"{entry.path}: a {suffix} file is a pickle, and opening one executes what lies in it: save the model with "
            f"skops instead, or, if you know where it comes from, write trust: true and pass --trust {entry.path}"
        )


def forms_of(path: Path, info: ModelInfo, cache: VariantCache, samples: Path | None) -> Forms:
    """The forms of one model.

    Args:
        path: The user's file.
        info: What is known of it.
        cache: Where conversions are kept.
        samples: npz with evaluation data, on which a conversion is held against the original; None without.
    """
    own = FormFile(path, info)
    if info.format not in TOOLS:
        return Forms((own,))
    try:
        twin = to_onnx(path, info, cache, samples=samples)
        converted = FormFile(twin.path, inspect_model(twin.path))
    except ModelError as error:
        return Forms((own,), lost=str(error).removeprefix(f"{path}: "))
    return Forms((own, converted), warning="" if twin.agreement is None else twin.agreement.warning)
