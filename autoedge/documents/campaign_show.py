"""What ``autoedge campaign show --json`` prints."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.campaign.card import Card, Direction, Scale
from autoedge.documents.form import Count, Version, strict

End = Annotated[float | None, Field(description="In the column's unit; null where nothing is known.")]
Known = Annotated[Count, Field(description="Rows with a number.")]


@strict
class CampaignTarget(TypedDict):
    """How many rows a target has."""

    rows: Count
    complete: Annotated[Count, Field(description="Rows with all objectives.")]


@strict
class CampaignKnob(TypedDict):
    """What a knob ranges over: words, or numbers."""

    type: Literal["categorical", "int", "float"]
    levels: Annotated[Count, Field(description="How many there are.")]
    values: Annotated[NotRequired[list[str]], Field(description="Of a categorical one.")]
    min: NotRequired[End]
    max: NotRequired[End]
    known: NotRequired[Known]


@strict
class CampaignFeature(TypedDict):
    """What a feature ranges over."""

    scale: Scale
    min: End
    max: End
    known: Known


@strict
class CampaignObjective(TypedDict):
    """What an objective ranges over."""

    direction: Direction
    scale: Scale
    min: End
    max: End
    known: Known
    sources: Annotated[
        dict[Literal["measured", "derived", "estimated"], Count],
        Field(description="How many values come from where; empty where the rows do not tell."),
    ]


@strict
class ShownCampaign(TypedDict):
    """A campaign: its card, its targets, and what its columns range over."""

    schema_version: Version
    folder: str
    card: Card
    rows: Count
    targets: dict[str, CampaignTarget]
    knobs: dict[str, CampaignKnob]
    features: dict[str, CampaignFeature]
    objectives: dict[str, CampaignObjective]
