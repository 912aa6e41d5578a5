"""What ``autoedge retrain --json`` prints."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.form import Count, Hash, Version, strict
from autoedge.surrogate.saved.card import Comparison, MetricCard, SourceCard


@strict
class CardInShort(TypedDict):
    """The card of the surrogate that was trained, without its numbers; see the schema surrogate."""

    schema_version: Version
    model_sha256: Hash
    exam_sha256: Hash
    held_out_rule: Annotated[str, Field(description="Which rows no surrogate is trained on.")]
    rows: Annotated[Count, Field(description="Learned from.")]
    held_out_rows: Count
    newest: Annotated[str, Field(description="Date of the newest row, ISO 8601; empty where rows have none.")]
    targets: Count
    models: Count
    sources: list[SourceCard]
    columns: Annotated[list[str], Field(description="Names of the inputs.")]
    metrics: dict[str, MetricCard]
    notes: list[str]
    comparison: Comparison | None
    versions: Annotated[dict[str, str], Field(description="Of the packages that decide the bytes.")]


@strict
class Retraining(TypedDict):
    """Whether a newly trained surrogate took the place of the one before, and why."""

    schema_version: Version
    out: Annotated[str, Field(description="Folder of the surrogate.")]
    promoted: bool
    reason: str
    comparison: Annotated[Comparison | None, Field(description="Null where there was nothing to compare.")]
    card: CardInShort
