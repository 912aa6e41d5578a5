"""What ``autoedge check --json`` prints."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId, Configuration
from autoedge.documents.decision import Decision
from autoedge.documents.device import Fingerprint
from autoedge.documents.figure import Figure, Figures
from autoedge.documents.form import Count, Hash, Scalar, Version, strict

Arm = Literal["new", "base", "reference"]


@strict
class Change(TypedDict):
    """One metric of the bundle held against the base's."""

    metric: Annotated[str, Field(description="Its key.")]
    outcome: Literal["held", "regressed", "undecided", "not judged"]
    worse: Annotated[float | None, Field(description="By how much, as a fraction of the base; null where not judged.")]
    low: Annotated[float | None, Field(description="It is at least this much worse, as sure as an alarm must be.")]
    high: Annotated[float | None, Field(description="It is at most this much worse, as sure as a pass must be.")]
    pairs: Annotated[Count, Field(description="Rounds that it rests on; 0 where it is no matter of chance.")]
    base: Annotated[Figure | None, Field(description="The base's figure.")]
    now: Annotated[Figure | None, Field(description="The bundle's.")]
    note: str


@strict
class Fault(TypedDict):
    """Processes that did not run through, for one reason."""

    arm: Arm
    reason: str
    count: Count


@strict
class CheckedTarget(TypedDict):
    """Where it was measured."""

    name: str
    cpu: str
    arch: str
    os: str
    fingerprint: Fingerprint


@strict
class CheckedBundle(TypedDict):
    """A bundle that took part."""

    folder: Annotated[str, Field(description="Its name.")]
    candidate_id: CandidateId
    configuration: Configuration
    model_sha256: Hash
    same_device: Annotated[bool, Field(description="Whether its record is of this device.")]


@strict
class Check(TypedDict):
    """Whether a bundle keeps its limits, and whether it is worse than a base."""

    schema_version: Version
    outcome: Literal["met", "not met", "regressed", "undecided"]
    rounds: Annotated[Count, Field(description="That were measured.")]
    constraints: Annotated[list[Decision], Field(description="Each limit held against the bundle.")]
    changes: Annotated[list[Change], Field(description="Empty without a base.")]
    figures: Annotated[dict[Arm, Figures], Field(description="By who took turns.")]
    processes: Annotated[dict[Arm, Count], Field(description="Valid ones.")]
    fails: Annotated[bool, Field(description="Whether the bundle fails more often than the base.")]
    failed: list[Fault]
    flags: Annotated[dict[Arm, dict[str, int]], Field(description="How many processes bear each validity flag.")]
    name: Annotated[str, Field(description="Of the intent.")]
    target: CheckedTarget
    bundles: dict[Arm, CheckedBundle]
    protocol: Annotated[dict[str, Scalar], Field(description="Its id, and every parameter.")]
    limit: Annotated[float, Field(description="Smallest change for the worse that matters, as a fraction.")]
    seed: Annotated[int, Field(description="Of the order in the rounds.")]
    seconds: Annotated[float, Field(description="Wall time in s.")]
    advice: Annotated[str, Field(description="What would make an open outcome sure; empty where nothing is open.")]
