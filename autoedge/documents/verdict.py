"""``verdict.json``."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from autoedge.documents.configuration import CandidateId
from autoedge.documents.decision import Outcome, Relative
from autoedge.documents.device import Fingerprint
from autoedge.documents.form import Count, Hash, Scalar, Version, strict
from autoedge.documents.standing import Standing


@strict
class MeasuredTarget(TypedDict):
    """A target of the run, and the best candidate there."""

    name: str
    arch: str
    cpu: str
    cores: Count
    memory_mib: Annotated[Count, Field(description="In MiB.")]
    os: str
    fingerprint: Fingerprint
    protocol: Annotated[str, Field(description="Id of the protocol that it was measured by.")]
    lost: Annotated[str, Field(description="Why it was lost on the way; empty where it was not.")]
    best: Annotated[Standing | None, Field(description="Null where nothing was measured on it.")]


@strict
class RunnerUp(Standing):
    """A finalist that was not chosen."""

    lost_by: Annotated[str, Field(description="Why, in a few words.")]


@strict
class Relaxation(TypedDict):
    """A single limit whose move would let a candidate pass."""

    constraint: str
    limit: Annotated[float, Field(description="Where it would have to lie.")]
    unit: Annotated[str, Field(description="Of the limit; empty for shares and plain numbers.")]
    relative: Relative
    candidate_id: Annotated[CandidateId, Field(description="That would pass.")]


@strict
class Failure(TypedDict):
    """Measurements that failed for one reason."""

    reason: str
    count: Count
    candidates: list[CandidateId]


@strict
class LostQuality(TypedDict):
    """A conversion that costs much of what its model can do."""

    model: str
    recipe: dict[str, Scalar]
    runtime: str
    candidates: list[CandidateId]


@strict
class LeftOut(TypedDict):
    """A part of the space that is not searched, and why."""

    model: Annotated[str, Field(description="Empty for all of them.")]
    what: Annotated[str, Field(description="What there is not.")]
    reason: str
    target: Annotated[str, Field(description="Empty for all of them.")]
    candidates: Annotated[Count, Field(description="How many there would be; 0 where they were never candidates.")]


@strict
class StartSurrogate(TypedDict):
    """The saved surrogate that a search started from."""

    name: str
    sha256: Hash
    rows: Annotated[Count, Field(description="That it learned from.")]
    metrics: Annotated[list[str], Field(description="Objectives that it knows.")]


@strict
class StartHistory(TypedDict):
    """Results of an earlier campaign that a search started from."""

    name: str
    rows: Annotated[dict[str, int], Field(description="By metric.")]


@strict
class Start(TypedDict):
    """What a search started from."""

    surrogate: StartSurrogate | None
    history: list[StartHistory]


@strict
class Used(TypedDict):
    """What the run took."""

    measurements: Annotated[Count, Field(description="Processes, failed ones too.")]
    budget: Annotated[Count, Field(description="Of measurements.")]
    seconds: Annotated[float, Field(description="Wall time of measuring, over all starts, in s.")]
    variant_seconds: Annotated[float, Field(description="Wall time of making model files in s.")]
    candidates_in_space: Count
    explored: Annotated[Count, Field(description="Candidates that were measured to the end.")]
    stopped: Annotated[Count, Field(description="Candidates whose measurement ended early.")]


@strict
class Verdict(TypedDict):
    """What a run decided: the intent met, not met or undecided, the chosen candidate and why."""

    schema_version: Version
    name: Annotated[str, Field(description="Of the intent.")]
    outcome: Annotated[Outcome, Field(description="Of the chosen candidate.")]
    rule: Annotated[str, Field(description="That chose, in one sentence.")]
    objectives: Annotated[list[str], Field(description="Keys of metrics.")]
    protocol: Annotated[str, Field(description="Id of the chosen target's protocol.")]
    targets: list[MeasuredTarget]
    chosen: Standing
    reference: Annotated[Standing, Field(description="The baseline model on the chosen target.")]
    gains: Annotated[dict[str, float], Field(description="Chosen over reference, by metric key.")]
    best_by_target: dict[str, CandidateId]
    runners_up: list[RunnerUp]
    relaxations: Annotated[list[Relaxation], Field(description="Empty where the intent is met.")]
    failed: Annotated[list[Failure], Field(description="The most frequent first.")]
    quality_lost: list[LostQuality]
    left_out: list[LeftOut]
    started_from: Start | None
    used: Used
