"""What ``autoedge bundle diff --json`` prints."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.figure import Figure
from autoedge.documents.form import Hash, Version, strict


@strict
class ComparedBundle(TypedDict):
    """One of the two."""

    candidate_id: CandidateId
    bundle: Annotated[Hash, Field(description="SHA-256 of its bundle.json.")]


@strict
class Different(TypedDict):
    """One thing that differs; null where a side has none."""

    what: str
    a: Any
    b: Any


@strict
class FigurePair(TypedDict):
    """A recorded figure of both; null where a side has none."""

    key: Annotated[str, Field(description="Of the metric.")]
    a: Figure | None
    b: Figure | None


@strict
class Difference(TypedDict):
    """What one bundle is, holds and achieves otherwise than another."""

    schema_version: Version
    same: Annotated[bool, Field(description="Whether they are the same, byte by byte.")]
    a: ComparedBundle
    b: ComparedBundle
    configuration: list[Different]
    files: Annotated[list[Different], Field(description="Added, removed or changed, with sizes in bytes.")]
    figures: list[FigurePair]
    verdict: list[Different]
    tools: list[Different]
    others: list[Different]
