"""What ``autoedge show --candidate`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Version, strict
from autoedge.documents.standing import Phase, Standing, Status


@strict
class Process(TypedDict):
    """One measurement of the candidate."""

    phase: Phase
    replicate: Annotated[Count, Field(description="Counts the measurements of one phase from 0.")]
    status: Status
    reason: Annotated[str, Field(description="Why it is not ok; empty when it is.")]
    flags: list[str]
    duration_s: Annotated[float, Field(description="Wall time on the target in s.")]
    raw: Annotated[str, Field(description="File with the raw samples, relative to the run; empty without one.")]


@strict
class Candidate(Standing):
    """All that a run knows of one measured candidate."""

    schema_version: Version
    placement: Annotated[
        dict[str, int], Field(description="Operators by execution provider or device; empty where all are the CPU's.")
    ]
    processes: list[Process]
