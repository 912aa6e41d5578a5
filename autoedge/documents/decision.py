"""A limit, and whether it is kept."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.figure import Figure
from autoedge.documents.form import strict

Outcome = Literal["met", "not met", "undecided"]
Relative = Annotated[
    Literal["absolute", "drop", "ratio"],
    Field(description="What the limit is of: the metric, its drop below the reference, its ratio to the reference."),
]


@strict
class Decision(TypedDict):
    """One constraint held against one candidate."""

    constraint: Annotated[str, Field(description="As the intent has it: latency_p95 <= 20 ms.")]
    metric: Annotated[str, Field(description="Its key.")]
    relative: Relative
    limit: Annotated[float, Field(description="In the metric's unit, or a fraction for ratio and drop.")]
    outcome: Annotated[Outcome, Field(description="Whether it is kept.")]
    figure: Annotated[Figure | None, Field(description="What was held against the limit; null where it is absent.")]
    slack: Annotated[
        float | None,
        Field(description="Room left, relative to the limit (drop: in fraction points); negative when broken."),
    ]
    note: Annotated[str, Field(description="Why it is undecided, or what the reader must know.")]
