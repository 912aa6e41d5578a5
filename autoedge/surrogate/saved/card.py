"""The card of a saved surrogate: what is needed to apply it, what it was made from, and how good it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoedge.surrogate.saved.columns import Column, Name  # noqa: TC001 - pydantic needs them at run time

MODEL_FILE = "model.txt"
CARD_FILE = "card.json"
TEXT_FILE = "CARD.md"
EXAM_FILE = "exam.json"
HELD_OUT_RULE = "sha256 of the configuration on any device, first byte below 32"
MOST_COLUMNS = 500
MOST_METRICS = 64
Text = Annotated[str, Field(max_length=10_000)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ErrorFigures(_Part):
    """How far predictions of rows that were left out are off; see ``autoedge.surrogate.saved.held_out.Error``."""

    rows: Annotated[int, Field(ge=1)]
    rmse: Annotated[float, Field(ge=0)]
    median_ape: float | None
    mape: float | None
    within_10pct: float | None
    spearman: float | None


class MetricCard(_Part):
    """One metric.

    Attributes:
        log: Whether it is learned and predicted as natural logarithm: wherever all values are positive.
        centre: Mean on that scale.
        spread: Standard deviation on that scale.
        rows: It was learned from.
        unknown: By column, how far predictions move (root mean square, on the scale) when the column is hidden.
        without_target: Error on targets left out of training; None where there is but one target.
        without_model: Error on models left out; None where there is but one model.
        without_row: Error on configurations left out, where neither of the others can be had.
        unseen: Error of the final surrogate on the rows that no surrogate is trained on.
    """

    log: bool
    centre: float
    spread: Annotated[float, Field(gt=0)]
    rows: Annotated[int, Field(ge=1)]
    unknown: tuple[Annotated[float, Field(ge=0)], ...]
    without_target: ErrorFigures | None
    without_model: ErrorFigures | None
    without_row: ErrorFigures | None
    unseen: ErrorFigures | None


class SourceCard(_Part):
    """Where rows came from; ``sha256`` is over what was measured, whatever the order of the rows."""

    name: Text
    source: Text
    licence: Text
    targets: tuple[Text, ...]
    rows: Count
    sha256: Hash


class TrendCard(_Part):
    """``autoedge.surrogate.saved.regression.Trend``: a centre a column, a slope a column and metric."""

    centres: tuple[float, ...]
    slopes: tuple[tuple[float, ...], ...]


class Judged(_Part):
    """Champion and challenger on one metric of one exam.

    Attributes:
        metric: Which.
        rows: That both were judged on, and neither saw.
        champion: Mean absolute error on the scale of the metric.
        challenger: Likewise.
        worse: Whether the challenger is worse beyond chance.
    """

    metric: Text
    rows: Count
    champion: float
    challenger: float
    worse: bool


class Comparison(_Part):
    """Champion against challenger.

    Attributes:
        champion: SHA-256 of its model file.
        promoted: Whether the challenger took its place.
        reason: Why, or why not.
        ratio: Challenger's error over the champion's on the recorded exam, all metrics together; None where it could
            not be judged.
        at_most: Where that ratio lies at most, at 95 %.
        metrics: One by one.
    """

    champion: Hash
    promoted: bool
    reason: Text
    ratio: float | None
    at_most: float | None
    metrics: tuple[Judged, ...]


class SurrogateCard(_Part):
    """``card.json``.

    Attributes:
        schema_version: Of this format.
        model_sha256: Of ``model.txt``.
        exam_sha256: Of ``exam.json``.
        held_out_rule: Which rows no surrogate is trained on.
        rows: Learned from.
        held_out_rows: Given, but held out.
        newest: Date of the newest row, empty where rows have none.
        targets: Devices among the rows.
        models: Groups that are left out together.
        sources: Where rows came from.
        columns: The inputs, in the order of the model's columns.
        trend: The straight part of the regression.
        metrics: By name, in the order of the model's outputs.
        notes: What a reader should know.
        comparison: With the champion that it took the place of; None for the first.
        versions: Of the packages that decide the bytes.
    """

    schema_version: Literal[1]
    model_sha256: Hash
    exam_sha256: Hash
    held_out_rule: Text
    rows: Count
    held_out_rows: Count
    newest: Annotated[str, Field(max_length=10)]
    targets: Count
    models: Count
    sources: tuple[SourceCard, ...] = Field(max_length=10_000)
    columns: tuple[Column, ...] = Field(min_length=1, max_length=MOST_COLUMNS)
    trend: TrendCard
    metrics: dict[Name, MetricCard] = Field(min_length=1, max_length=MOST_METRICS)
    notes: tuple[Text, ...]
    comparison: Comparison | None
    versions: dict[Text, Text]

    @model_validator(mode="after")
    def _fits_together(self) -> SurrogateCard:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError("a column is named once")
        counts = {len(self.trend.centres), len(self.trend.slopes), *(len(m.unknown) for m in self.metrics.values())}
        if counts != {len(names)} or {len(row) for row in self.trend.slopes} != {len(self.metrics)}:
            raise ValueError("trend and metrics have one number for each column")
        return self
