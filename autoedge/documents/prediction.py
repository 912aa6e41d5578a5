"""What ``autoedge predict --json`` prints."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import Configuration
from autoedge.documents.form import Count, Version, strict


@strict
class Expected(TypedDict):
    """An expected figure with its 95 % band; null where it is not known."""

    value: float | None
    low: float | None
    high: float | None
    source: Literal["estimated"]


@strict
class HeldOut(TypedDict):
    """How far predictions of rows that were left out are off; null where a figure has no meaning."""

    rows: Count
    rmse: Annotated[float, Field(description="Root mean square, of natural logarithms where all values are positive.")]
    median_ape: Annotated[float | None, Field(description="Median relative error, a fraction.")]
    mape: Annotated[float | None, Field(description="Mean relative error.")]
    within_10pct: Annotated[float | None, Field(description="Share whose relative error is at most 0.1.")]
    spearman: Annotated[float | None, Field(description="Rank correlation.")]


@strict
class HeldOutBy(TypedDict):
    """By what was left out."""

    model: NotRequired[HeldOut]
    configuration: NotRequired[HeldOut]


@strict
class ExpectedCandidate(TypedDict):
    """A candidate on a device that nobody has at hand."""

    configuration: Configuration
    figures: Annotated[dict[str, Expected], Field(description="By metric key.")]
    limits: Annotated[
        dict[str, Literal["inside", "outside", "open", "unknown"]],
        Field(description="By constraint, where the whole band lies."),
    ]


@strict
class RankedDevice(TypedDict):
    """A device by its best candidates."""

    rank: Annotated[int, Field(ge=1)]
    target: str
    campaign: str
    rows: Annotated[Count, Field(description="Recorded on it.")]
    newest: Annotated[str, Field(description="Date of the newest row, ISO 8601; empty where rows have none.")]
    shared: Annotated[list[str], Field(description="Columns that its rows share with the candidates.")]
    candidates: Annotated[list[ExpectedCandidate], Field(description="The best three.")]
    candidates_in_all: Count
    held_out: Annotated[dict[str, HeldOutBy], Field(description="Errors by metric key.")]
    unknown_metrics: list[str]
    notes: list[str]


@strict
class NotRanked(TypedDict):
    """A device that is not ranked."""

    target: str
    reason: str


@strict
class NotPredicted(TypedDict):
    """What the ranking does not go by."""

    what: str
    reason: str


@strict
class Prediction(TypedDict):
    """Devices ranked by what the models are expected to do on them; every figure is an estimate."""

    schema_version: Version
    intent: Annotated[str, Field(description="Its name.")]
    estimated: Literal[True]
    objectives: Annotated[list[str], Field(description="Keys of metrics that the ranking goes by.")]
    constraints: list[str]
    ranking: list[RankedDevice]
    devices: Annotated[Count, Field(description="Ranked in all.")]
    not_ranked: list[NotRanked]
    not_predicted: list[NotPredicted]
