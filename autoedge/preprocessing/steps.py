"""The steps that are declared for one input, read back from their JSON form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from autoedge.errors import DataError
from autoedge.preprocessing.images import ImageSteps
from autoedge.preprocessing.tokens import TokenSteps

if TYPE_CHECKING:
    from collections.abc import Mapping

Steps = Union[ImageSteps, TokenSteps]
_KINDS: dict[str, Any] = {steps.kind: steps for steps in (ImageSteps, TokenSteps)}


def steps_form(steps: Steps) -> dict[str, Any]:
    """Plain JSON values that :func:`read_steps` reads back."""
    return {"kind": steps.kind, **steps.to_json()}


def read_steps(form: Mapping[str, Any]) -> Steps:
    """Steps from their JSON form: ``kind`` (image, tokens) and what belongs to it.

    Raises:
        DataError: They are no steps, or of a kind that is not known.
    """
    rest = dict(form)
    kind = rest.pop("kind", None)
    if kind not in _KINDS:
        raise DataError(f"steps are of the kind {' or '.join(_KINDS)}, but got {kind!r}")
    steps: Steps = _KINDS[kind].from_json(rest)
    return steps
