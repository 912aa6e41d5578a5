"""How a search went."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.form import Count, Share, strict
from autoedge.documents.standing import Phase, Status


@strict
class Point(TypedDict):
    """One measurement."""

    n: Annotated[Count, Field(description="Processes up to here.")]
    share: Annotated[
        Share | None, Field(description="Hypervolume over that of the end; null where nothing keeps the limits.")
    ]
    candidate_id: CandidateId
    phase: Phase
    status: Status


@strict
class Stretch(TypedDict):
    """Measurements of one phase in a row."""

    phase: Phase
    first: Count
    last: Count


@strict
class History(TypedDict):
    """The share of what was found in the end, after each measurement."""

    points: list[Point]
    phases: list[Stretch]
    reached: Annotated[dict[str, int | None], Field(description="Measurements to a share in percent: 90, 99.")]
    objectives: Annotated[list[str], Field(description="Keys of metrics.")]
