"""What ``autoedge surrogate evaluate --json`` prints."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Version, strict


@strict
class Skill(TypedDict):
    """How predictions of one target compare with what was recorded: means over seeds, null without a meaning."""

    spearman: Annotated[float | None, Field(description="Rank correlation.")]
    mape: Annotated[float | None, Field(description="Mean relative error, a fraction.")]
    median_ape: Annotated[float | None, Field(description="Median relative error.")]
    within_10pct: Annotated[float | None, Field(description="Share whose relative error is at most 0.1.")]
    covered_90: Annotated[float | None, Field(description="Share in the interval that claims to hold 90 %.")]


@strict
class Evaluation(TypedDict):
    """How well other targets predict a new one."""

    schema_version: Version
    campaign: str
    objective: str
    train_targets: list[str]
    train_samples: Annotated[Count, Field(description="Rows of each training target.")]
    samples: Annotated[Count, Field(description="Rows of each test target that were known.")]
    seeds: Count
    choice: Literal["random", "spread"]
    targets: Annotated[dict[str, Skill], Field(description="By test target.")]
