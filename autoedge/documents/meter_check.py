"""What ``autoedge meters check --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Share, Version, strict
from autoedge.documents.meter import Meter
from autoedge.documents.meter_reading import PowerSummary, SampleCounts


@strict
class Pace(TypedDict):
    """How fast the meter really is."""

    values_hz: Annotated[float, Field(description="Values a second.")]
    new_hz: Annotated[float, Field(description="Of those, how many differ from the one before.")]
    repeats: Annotated[Share, Field(description="Share of values that are exactly the one before.")]
    longest_gap_s: Annotated[float, Field(description="Longest time between two values in s.")]
    gaps: Annotated[Count, Field(description="Times of more than two periods.")]


@strict
class Noise(TypedDict):
    """What the meter shows of a load that does not change."""

    sd_w: Annotated[float, Field(description="Standard deviation about a straight line in W.")]
    autocorrelation: Annotated[float, Field(description="Of each value with the one before.")]
    step_w: Annotated[float | None, Field(description="Smallest difference seen in W; null where all are equal.")]
    drift_w_per_min: Annotated[float, Field(description="Slope of the line in W/min.")]
    drifts: bool


@strict
class CheckedWindow(TypedDict):
    """The energy of a window of the length asked for; null where it is not known."""

    seconds: float
    energy_j: float | None
    uncertainty_j: Annotated[float | None, Field(description="Expanded, about 95 %, in J.")]
    parts_j: Annotated[dict[str, float | None], Field(description="Standard uncertainties by part, in J.")]
    method: Annotated[str, Field(description="counter, trapezoid, ...")]
    refused: Annotated[str, Field(description="Why the meter is not fit for it; empty where it is.")]


@strict
class MeterCheck(TypedDict):
    """How fast and how still a meter is, and whether it is fit for an energy window."""

    schema_version: Version
    meter: Meter
    counts: SampleCounts
    rule_s: Annotated[float, Field(description="Shortest window by the rule of thumb, with settling, in s.")]
    fit: bool
    summary: PowerSummary
    pace: Pace
    noise: Noise
    window: CheckedWindow
    least_difference_w: Annotated[float | None, Field(description="That two such windows tell apart, in W.")]
    least_difference_j: Annotated[float | None, Field(description="Likewise in J.")]
    shortest_window_s: Annotated[float | None, Field(description="That it is fit for at this load; null for none.")]
