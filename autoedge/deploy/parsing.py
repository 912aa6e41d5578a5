"""Read the small JSON files of bundles, packs and signatures, whose texts may come from anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from autoedge.deploy.manifest import SCHEMA_VERSION, Form
from autoedge.errors import BundleError
from autoedge.intent.problem import shown, where

if TYPE_CHECKING:
    from pathlib import Path

_REPORTED = 5

FormT = TypeVar("FormT", bound=Form)


def parsed(form: type[FormT], data: bytes | str, place: Path, advice: str) -> FormT:
    """A JSON text in its form; a newer version is told apart from a damaged file.

    Args:
        form: Has a ``schema_version``.
        data: The text.
        place: The file, for messages.
        advice: What to do about a wrong one.

    Raises:
        BundleError: It has another form; says where in the file.
    """
    from pydantic import ValidationError

    try:
        return form.model_validate_json(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    version = next((each["input"] for each in problems if each["loc"] == ("schema_version",)), SCHEMA_VERSION)
    if type(version) is int and version > SCHEMA_VERSION:
        told = shown(str(version))
        raise BundleError(f"{place}: is of version {told}, but this AutoEdge reads {SCHEMA_VERSION}; update AutoEdge")
    lines = [f"{place}: {where(each['loc']) or 'the file'}: {shown(each['msg'])}" for each in problems[:_REPORTED]]
    raise BundleError("\n".join([*lines, f"this is no {place.name} that AutoEdge wrote; {advice}"]))
