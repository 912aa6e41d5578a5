"""``soak.json``."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId, Configuration
from autoedge.documents.device import Device
from autoedge.documents.figure import Figure, Source
from autoedge.documents.form import Count, Version, strict
from autoedge.documents.meter import Meter


@strict
class Soaked(TypedDict):
    """The candidate that was soaked."""

    candidate_id: CandidateId
    target: str
    configuration: Configuration


@strict
class Origin(TypedDict):
    """Where the candidate comes from: one of the three."""

    run: NotRequired[str]
    bundle: NotRequired[str]
    intent: NotRequired[str]


@strict
class BothEnds(TypedDict):
    """One metric at both ends of a soak; null where it could not be told."""

    initial: Annotated[Figure | None, Field(description="Over the first part.")]
    sustained: Annotated[Figure | None, Field(description="Over the last third.")]
    ratio: Annotated[Figure | None, Field(description="The second over the first.")]


@strict
class Slowdown(TypedDict):
    """What became of the level of the calls."""

    found: Annotated[bool, Field(description="Whether it rose for good.")]
    share: Annotated[float, Field(description="By how much the last third takes longer: 0.2 is 20 %.")]
    time_s: Annotated[float, Field(description="When it changed, in s from the beginning.")]
    blocks: Annotated[Count, Field(description="That it was judged by; 0 where there were too few.")]


@strict
class Event(TypedDict):
    """Something that happened, when it was first seen."""

    kind: Literal["throttled", "cooling", "trip", "clock", "undervoltage"]
    time_s: Annotated[float, Field(description="Since the first call, in s.")]
    detail: str


@strict
class Trend(TypedDict):
    """Where a zone's temperature was going, in °C."""

    zone: str
    first_c: float
    last_c: float
    rise_c: Annotated[float, Field(description="Over the last third, by its trend.")]
    settled: bool


@strict
class Timeline(TypedDict):
    """Equal blocks of time; null where nothing was seen, and series that nothing is known of are absent."""

    time_s: Annotated[list[float | None], Field(description="Their middles, in s.")]
    latency_ms: Annotated[NotRequired[list[float | None]], Field(description="Medians.")]
    power_w: Annotated[NotRequired[list[float | None]], Field(description="Means.")]
    temp_c: Annotated[NotRequired[list[float | None]], Field(description="Of the hottest zone, in °C.")]
    clock_mhz: Annotated[NotRequired[list[float | None]], Field(description="Of the fastest core.")]
    power_source: NotRequired[Source]


@strict
class Soak(TypedDict):
    """What a candidate sustains; of a failed soak the figures are absent."""

    schema_version: Version
    candidate: Soaked
    of: Origin
    device: Device
    meter: Meter | None
    inputs: Literal["evaluation data", "generated"]
    batch: Annotated[int, Field(ge=1)]
    started: Annotated[float, Field(description="Seconds since the epoch.")]
    planned_s: Annotated[float, Field(description="How long it was to be, in s.")]
    interrupted: bool
    behaviour: Literal["steady", "slowed down", "throttled", "not settled", "failed"]
    reasons: Annotated[list[str], Field(description="Why.")]
    initial_s: Annotated[NotRequired[float], Field(description="Length of the first part in s.")]
    figures: Annotated[NotRequired[dict[str, BothEnds]], Field(description="By metric key.")]
    slowdown: NotRequired[Slowdown]
    events: Annotated[NotRequired[list[Event]], Field(description="In the order of time.")]
    trends: NotRequired[list[Trend]]
    others: Annotated[
        NotRequired[list[float | None]],
        Field(min_length=2, max_length=2, description="Share of processor time of other work, before and after."),
    ]
    notes: NotRequired[list[str]]
    seconds: Annotated[NotRequired[float], Field(description="How long it was, in s.")]
    calls: NotRequired[Count]
    runtime_version: NotRequired[str]
    cores_used: Annotated[NotRequired[float], Field(description="Mean, by processor time.")]
    timeline: NotRequired[Timeline]
    series: Annotated[NotRequired[str], Field(description="File with the raw series, beside this one.")]
