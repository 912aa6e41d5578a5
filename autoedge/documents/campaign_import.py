"""What ``autoedge campaign import --json`` prints."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.campaign.card import Card
from autoedge.documents.form import Count, Version, strict


@strict
class ImportedColumn(TypedDict):
    """A column of the table, and what became of it."""

    column: Annotated[str, Field(description="In the table.")]
    name: Annotated[str, Field(description="In the campaign.")]
    role: Literal["target", "knob", "feature", "objective", "none"]
    why: Annotated[str, Field(description="What the role was guessed from; empty where it was told.")]


@strict
class ImportedCampaign(TypedDict):
    """A campaign that was made of somebody's table."""

    schema_version: Version
    folder: str
    rows: Count
    card: Annotated[Card, Field(description="What campaign.json holds.")]
    columns: list[ImportedColumn]
