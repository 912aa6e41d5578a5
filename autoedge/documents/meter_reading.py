"""What ``autoedge meters read --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Version, strict
from autoedge.documents.meter import Meter


@strict
class PowerSummary(TypedDict):
    """The power over a recording."""

    mean_w: float
    uncertainty_w: Annotated[float, Field(description="Expanded uncertainty of the mean, about 95 %, in W.")]
    least_w: float
    largest_w: float
    values: Count
    worth: Annotated[float, Field(description="Independent values that they are worth.")]


@strict
class SampleCounts(TypedDict):
    """What happened while recording."""

    samples: Annotated[Count, Field(description="Values taken.")]
    repeats: Annotated[Count, Field(description="Of those, exactly the one before.")]
    missing: Annotated[Count, Field(description="Values that did not arrive.")]
    checksum_errors: Annotated[Count, Field(description="Frames thrown away.")]
    garbage_bytes: Annotated[Count, Field(description="Bytes skipped to find the next frame.")]
    retries: Annotated[Count, Field(description="Questions asked again.")]
    overloads: Annotated[Count, Field(description="Values at or beyond the range.")]


@strict
class MeterReading(TypedDict):
    """What a meter read."""

    schema_version: Version
    meter: Meter
    seconds: Annotated[float, Field(description="From the first value to the last, in s.")]
    summary: PowerSummary
    counts: SampleCounts
    lost: Annotated[str, Field(description="Why the recording broke off; empty where it did not.")]
