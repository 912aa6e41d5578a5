"""What ``autoedge space`` and ``select --dry-run`` print."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Scalar, Version, strict
from autoedge.documents.verdict import LeftOut


@strict
class Part(TypedDict):
    """Candidates of one model, precision and runtime."""

    model: str
    target: Annotated[NotRequired[str], Field(description="Only where there are several targets.")]
    precision: NotRequired[str]
    runtime: str
    candidates: Count


@strict
class Plan(TypedDict):
    """What would be searched, what is left out and why, and how long it would take."""

    schema_version: Version
    candidates: Annotated[Count, Field(description="In the space, screened.")]
    all_candidates: Annotated[Count, Field(description="Those that were screened out too.")]
    targets: Annotated[list[str], Field(description="That can be measured on.")]
    by_model: list[Part]
    left_out: list[LeftOut]
    knobs: Annotated[dict[str, list[Scalar | None]], Field(description="Levels by knob.")]
    baselines: Annotated[Count, Field(description="Processes for baselines.")]
    measurements: Annotated[Count, Field(description="Processes in all.")]
    reserve: Annotated[Count, Field(description="Of those, kept for confirm rounds.")]
    call_ms: Annotated[dict[str, dict[str, float]], Field(description="By target and model, one probe call in ms.")]
    expected_s: Annotated[float | None, Field(description="Rough wall time in s; null where nothing could be probed.")]
    out_of_budget: Annotated[bool, Field(description="Whether the time budget would end it earlier.")]
