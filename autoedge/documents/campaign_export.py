"""What ``autoedge campaign export --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.campaign.card import Card
from autoedge.documents.form import Count, Version, strict


@strict
class ExportedCampaign(TypedDict):
    """A campaign that was written from the results of a run or store."""

    schema_version: Version
    folder: str
    rows: Count
    targets: list[str]
    protocols: Annotated[list[str], Field(description="Ids of those that the results were measured by.")]
    card: Annotated[Card, Field(description="What campaign.json holds.")]
    notes: list[str]
