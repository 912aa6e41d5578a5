"""What can be learned from a run's own results."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.form import Count, Scalar, Share, strict


@strict
class KnobShare(TypedDict):
    """How much a knob matters."""

    knob: str
    share: Annotated[float, Field(description="Total sensitivity index: variance that is gone when it is shuffled.")]


@strict
class Predicted(TypedDict):
    """A result as predicted from the others."""

    candidate_id: CandidateId
    measured: Annotated[float, Field(description="In the metric's unit.")]
    predicted: float
    low: Annotated[float, Field(description="Lower end of the 95 % band.")]
    high: float


@strict
class Errors(TypedDict):
    """How far predictions of what was not seen are off; null where a figure has no meaning."""

    mape: Annotated[float | None, Field(description="Mean relative error, a fraction.")]
    median_ape: Annotated[float | None, Field(description="Median relative error.")]
    within_10pct: Annotated[float | None, Field(description="Share whose relative error is at most 0.1.")]
    rank: Annotated[float | None, Field(description="Spearman's correlation.")]


@strict
class KnobChange(TypedDict):
    """What changing one knob alone did, from pairs of measured candidates."""

    knob: str
    before: Scalar
    after: Scalar
    pairs: Count
    median: Annotated[float, Field(description="Difference, of natural logarithms where the metric's log is true.")]
    low: Annotated[float, Field(description="The least.")]
    high: Annotated[float, Field(description="The greatest.")]
    foretold: Annotated[float | None, Field(description="The median that held-out predictions say.")]


@strict
class LearnedMetric(TypedDict):
    """What is learned of one metric."""

    metric: Annotated[str, Field(description="Its key.")]
    log: Annotated[bool, Field(description="Whether differences are of natural logarithms.")]
    estimated: Annotated[bool, Field(description="Whether some values are no measurements.")]
    rows: Annotated[Count, Field(description="Learned from.")]
    explained: Annotated[float | None, Field(description="Share of the variance that held-out predictions explain.")]
    knobs: Annotated[list[KnobShare], Field(description="The one that matters most first.")]
    predicted: list[Predicted]
    changes: list[KnobChange]
    errors: Annotated[NotRequired[Errors], Field(description="Absent where there are too few results.")]
    inside: Annotated[NotRequired[Share], Field(description="Share of values in their band; absent likewise.")]


@strict
class Learned(TypedDict):
    """Which knobs matter, and how well results foretell one another."""

    rows: Annotated[Count, Field(description="Results.")]
    knobs: Annotated[list[str], Field(description="That varied.")]
    metrics: list[LearnedMetric]
    note: Annotated[str, Field(description="Why there is nothing, or little; else empty.")]
