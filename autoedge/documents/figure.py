"""A figure with its interval."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import strict

Source = Annotated[
    Literal["measured", "derived", "estimated"],
    Field(description="Where a number comes from; what is derived from an estimate is an estimate."),
]


@strict
class Figure(TypedDict):
    """A figure with its 95 % interval; for an estimate, with its error band."""

    value: Annotated[float, Field(description="In the unit that its key ends with; shares go from 0 to 1.")]
    low: Annotated[float, Field(description="Lower end, at most the value.")]
    high: Annotated[float, Field(description="Upper end, at least the value.")]
    source: Source
    estimator: Annotated[str, Field(description="The statistic: sorted percentile, block bootstrap.")]
    n: Annotated[int, Field(ge=0, description="Observations behind it.")]


Figures = Annotated[dict[str, Figure], Field(description="By metric key, such as latency_p95_ms; see docs/metrics.md.")]
