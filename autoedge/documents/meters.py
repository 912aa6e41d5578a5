"""What ``autoedge meters list --json`` prints."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Version, strict
from autoedge.documents.meter import Meter


@strict
class FoundMeter(TypedDict):
    """A meter that seems to be there. A device's word: escape it before showing it."""

    name: Annotated[str, Field(description="Its kind.")]
    options: Annotated[dict[str, Any], Field(description="With which it opens, as in targets.yaml.")]
    scope: Annotated[str, Field(description="Where it measures; empty where that is not known.")]
    spec: Annotated[Meter | None, Field(description="What it published; null where it could not be tried.")]
    reason: Annotated[str, Field(description="Why it could not; empty when it could.")]


@strict
class MeterKind(TypedDict):
    """A kind of meter that this installation knows."""

    name: str
    on_device: Annotated[bool, Field(description="Whether it is a part of the device that it measures.")]
    extra: Annotated[str, Field(description="Extra of the package that is missing; empty where none is.")]
    problem: Annotated[str, Field(description="Why its driver cannot be loaded; empty where it can.")]


@strict
class Meters(TypedDict):
    """The meters around."""

    schema_version: Version
    target: Annotated[str | None, Field(description="Whose device was looked at too; null for this machine alone.")]
    here: Annotated[list[FoundMeter], Field(description="On this machine.")]
    there: Annotated[list[FoundMeter], Field(description="On the target's device.")]
    kinds: list[MeterKind]
