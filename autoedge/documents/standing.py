"""Where a candidate stands: its figures, and what was decided of it."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId, Configuration
from autoedge.documents.decision import Decision, Outcome
from autoedge.documents.figure import Figures
from autoedge.documents.form import Count, strict
from autoedge.documents.power import Power

Phase = Literal["baseline", "search", "confirm", "soak"]
Status = Literal["ok", "failed", "invalid", "stopped"]


@strict
class Standing(TypedDict):
    """A measured candidate held against the intent."""

    candidate_id: CandidateId
    target: str
    configuration: Configuration
    phase: Annotated[Phase, Field(description="Of the measurements that the figures come from.")]
    n_processes: Annotated[Count, Field(description="Valid processes behind the figures.")]
    feasible: Annotated[bool, Field(description="Whether no limit is surely broken and its figures lie inside.")]
    front: Annotated[bool, Field(description="Whether nothing feasible dominates it.")]
    outcome: Annotated[Outcome, Field(description="Of all constraints.")]
    flags: Annotated[list[str], Field(description="Validity flags that some process bears.")]
    metrics: Figures
    power: Annotated[Power | None, Field(description="What stands behind its energy; null without a meter.")]
    decisions: list[Decision]
