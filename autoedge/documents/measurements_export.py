"""What ``autoedge export measurements --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Version, strict
from autoedge.documents.standing import Status


@strict
class ExportedMeasurements(TypedDict):
    """A table that was written of every measurement of a run or store."""

    schema_version: Version
    file: str
    rows: Annotated[Count, Field(description="Measurements.")]
    candidates: Annotated[Count, Field(description="That they are of.")]
    statuses: Annotated[dict[Status, Count], Field(description="How many ended how.")]
    columns: list[str]
