"""What ``autoedge bundle verify --json`` prints."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.device import Fingerprint
from autoedge.documents.figure import Figure
from autoedge.documents.form import Count, Version, strict


@strict
class Fingerprints(TypedDict):
    """The device of the record, and this machine."""

    recorded: Fingerprint
    now: Fingerprint


@strict
class Signer(TypedDict):
    """Who vouches for the bundle."""

    key_id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    key_name: Annotated[str, Field(description="Under which you trust it.")]
    signed_at: Annotated[int, Field(description="Seconds since the epoch, by the clock of who signed.")]


@strict
class VerifiedFigure(TypedDict):
    """A recorded figure held against a new one."""

    key: Annotated[str, Field(description="Of the metric.")]
    recorded: Figure
    now: Annotated[Figure | None, Field(description="Null where it was not measured.")]
    outcome: Literal["inside", "outside", "undecided", "not checked"]
    note: str


@strict
class Verification(TypedDict):
    """A bundle measured again and held against its record; its files are unaltered, or there would be none."""

    schema_version: Version
    outcome: Literal["ok", "outside", "undecided"]
    candidate_id: CandidateId
    fingerprint: Fingerprints
    comparable: Annotated[bool, Field(description="Whether time and memory could be judged here.")]
    processes: Annotated[Count, Field(description="Valid ones.")]
    flags: Annotated[dict[str, int], Field(description="How many of them bear each validity flag.")]
    notes: list[str]
    signed: Annotated[Signer | None, Field(description="Null without a signature.")]
    checks: list[VerifiedFigure]
